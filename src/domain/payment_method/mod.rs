//! Payment methods: `pm_…`, cards that can be charged. A number is never here: the processor has it, and
//! gives a token that stands for it, which the method keeps to itself.

mod commands;
mod customers;
mod error;
mod params;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod using;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resource::Expands;
use super::types::address::Address;
use super::types::metadata::{self, Metadata};
use super::types::object_tag::ObjectTag;
use super::types::text::{LongText, Text};
use super::{New, Objects, Resource, Stop, missing, schema};
use crate::contract;
use crate::id::Id;
pub use commands::{Attach, AttachNew, Attaches, Create, Detach, Update};
pub use customers::{ChangeCustomer, CreateCustomer, DETACHED_MAX, DeleteCustomer, DetachAll};
pub use error::{ErrorType, PaymentError};
pub use params::{BillingChanges, CardChanges, Changes, CreateParams};
pub use using::{Chosen, User};

/// The longest name and phone number of whom is billed, in characters.
pub const NAME_MAX: usize = 256;

type Name = Text<NAME_MAX>;

/// A payment method, as it is stored and as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentMethod {
    id: Id<contract::PaymentMethod>,
    object: ObjectTag<contract::PaymentMethod>,
    allow_redisplay: AllowRedisplay,
    billing_details: BillingDetails,
    card: Card,
    created: u64,
    customer: Option<Id<contract::Customer>>,
    #[schema(schema_with = schema::later_text)]
    customer_account: (),
    livemode: bool,
    #[schema(schema_with = metadata::schema)]
    metadata: Metadata,
    r#type: MethodType,
}

/// The type of a payment method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentMethodType)]
pub enum MethodType {
    /// A card.
    #[default]
    Card,
}

/// The permission to show the method to a buyer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AllowRedisplay {
    /// In any checkout.
    Always,
    /// The place where it was saved.
    Limited,
    /// Nothing was said.
    #[default]
    Unspecified,
}

/// The person or company that is billed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BillingDetails {
    address: Option<Address>,
    email: Option<String>,
    name: Option<Name>,
    phone: Option<Name>,
    tax_id: Option<LongText>,
}

/// A card, without what must not be known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Card {
    brand: String,
    checks: Option<Checks>,
    country: Option<String>,
    display_brand: Option<String>,
    exp_month: i64,
    exp_year: i64,
    fingerprint: Option<String>,
    funding: String,
    #[schema(schema_with = schema::later_object)]
    generated_from: (),
    last4: String,
    networks: Option<Networks>,
    #[schema(schema_with = schema::later_text)]
    regulated_status: (),
    three_d_secure_usage: Option<ThreeDSecureUsage>,
    #[schema(schema_with = schema::later_object)]
    wallet: (),
}

/// The issuer's checks of a card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = CardChecks)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub struct Checks {
    #[schema(schema_with = schema::later_text)]
    address_line1_check: (),
    #[schema(schema_with = schema::later_text)]
    address_postal_code_check: (),
    cvc_check: Option<String>,
}

/// The networks that a card can be charged on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CardNetworks)]
pub struct Networks {
    available: Vec<String>,
    #[schema(schema_with = schema::later_text)]
    preferred: (),
}

/// True if the issuer can ask for a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreeDSecureUsage {
    supported: bool,
}

/// The facts of a card that the processor told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardFacts {
    /// The token that stands for the card at the processor.
    pub token: String,
    /// `visa`, `mastercard` …
    pub brand: String,
    /// The last four digits.
    pub last4: String,
    /// 1 to 12.
    pub exp_month: i64,
    /// Four digits.
    pub exp_year: i64,
    /// `credit`, `debit`, `prepaid` or `unknown`.
    pub funding: String,
    /// The issuer's country.
    pub country: Option<String>,
    /// Equal for equal numbers.
    pub fingerprint: String,
    /// True where the issuer can ask for a challenge.
    pub three_d_secure: bool,
    /// The check of the code.
    pub cvc_check: Option<String>,
}

/// The JSON that a method keeps to itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The token that stands for the card at the processor.
    pub token: String,
    /// True once it may not be used again, because it was detached, or used without a customer.
    #[serde(default)]
    pub burned: bool,
    /// The intent that used it without a customer, and may go on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<String>,
}

impl Kept {
    /// The `internal` of the method of that id.
    pub fn of(objects: &mut Objects, id: Id<contract::PaymentMethod>) -> Result<Self, Stop> {
        let kept = objects.internal(id)?.ok_or_else(|| missing::<contract::PaymentMethod>(&id))?;
        Ok(serde_json::from_value(kept)?)
    }

    /// True if nobody may attach it any more.
    #[must_use]
    pub const fn is_used_up(&self) -> bool {
        self.burned || self.used_by.is_some()
    }

    /// Keeps it, with the next fact of that method.
    pub fn keep(&self, objects: &mut Objects, id: Id<contract::PaymentMethod>) -> Result<(), Stop> {
        objects.keep(id, Some(&serde_json::to_value(self)?));
        Ok(())
    }
}

impl PaymentMethod {
    /// A method of nobody yet.
    fn new(New { id, livemode }: New<contract::PaymentMethod>, card: Card) -> Self {
        Self {
            id,
            object: ObjectTag::default(),
            allow_redisplay: AllowRedisplay::default(),
            billing_details: BillingDetails::default(),
            card,
            created: id.created().seconds(),
            customer: None,
            customer_account: (),
            livemode,
            metadata: Metadata::new(),
            r#type: MethodType::Card,
        }
    }

    /// Whom it bills.
    #[must_use]
    pub const fn billing_details(&self) -> &BillingDetails {
        &self.billing_details
    }

    /// Its card.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// The customer that it belongs to.
    #[must_use]
    pub const fn customer(&self) -> Option<Id<contract::Customer>> {
        self.customer
    }

    /// With a customer. An issuer that has checked the card has checked its code, if one was given.
    #[must_use]
    pub fn attached(self, customer: Id<contract::Customer>, is_checked: bool) -> Self {
        let mut card = self.card;
        let checks = card.checks.as_mut().filter(|checks| is_checked && checks.cvc_check.is_some());
        if let Some(checks) = checks {
            checks.cvc_check = Some("pass".to_owned());
        }
        Self { customer: Some(customer), card, ..self }
    }

    /// Without a customer, for good.
    fn detached(self) -> Self {
        Self { customer: None, ..self }
    }
}

impl From<&CardFacts> for Card {
    fn from(facts: &CardFacts) -> Self {
        Self {
            brand: facts.brand.clone(),
            checks: Some(Checks { cvc_check: facts.cvc_check.clone(), ..Checks::default() }),
            country: facts.country.clone(),
            display_brand: Some(facts.brand.clone()),
            exp_month: facts.exp_month,
            exp_year: facts.exp_year,
            fingerprint: Some(facts.fingerprint.clone()),
            funding: facts.funding.clone(),
            generated_from: (),
            last4: facts.last4.clone(),
            networks: Some(Networks { available: vec![facts.brand.clone()], preferred: () }),
            regulated_status: (),
            three_d_secure_usage: Some(ThreeDSecureUsage { supported: facts.three_d_secure }),
            wallet: (),
        }
    }
}

impl Resource for PaymentMethod {
    type Kind = contract::PaymentMethod;

    const COMPONENT: &'static str = "PaymentMethod";
    const PATH: &'static str = "/v1/payment_methods";
    const EXPANDS: &'static [Expands] = &[Expands::id_of::<contract::Customer>("customer")];

    fn id(&self) -> Id<contract::PaymentMethod> {
        self.id
    }
}
