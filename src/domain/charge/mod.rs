//! Charges: `ch_…`, the history of money on one card. An intent has one for each attempt that reached
//! the issuer.

mod kept;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::payment_method::{BillingDetails, Card, MethodType, PaymentError, PaymentMethod};
use super::resource::Expands;
use super::types::metadata::{self, Metadata};
use super::types::money::Currency;
use super::types::object_tag::ObjectTag;
use super::{Resource, schema};
use crate::contract;
use crate::id::Id;
pub use kept::Kept;

/// A charge, as it is stored and as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's fields")]
pub struct Charge {
    id: Id<contract::Charge>,
    object: ObjectTag<contract::Charge>,
    amount: i64,
    amount_captured: i64,
    amount_refunded: i64,
    #[schema(schema_with = schema::later_text)]
    application: (),
    #[schema(schema_with = schema::later_text)]
    application_fee: (),
    #[schema(schema_with = schema::later_integer)]
    application_fee_amount: (),
    #[schema(schema_with = schema::later_text)]
    balance_transaction: (),
    billing_details: BillingDetails,
    #[schema(schema_with = schema::later_text)]
    calculated_statement_descriptor: (),
    captured: bool,
    created: u64,
    currency: Currency,
    customer: Option<Id<contract::Customer>>,
    description: Option<String>,
    disputed: bool,
    #[schema(schema_with = schema::later_text)]
    failure_balance_transaction: (),
    failure_code: Option<String>,
    failure_message: Option<String>,
    #[schema(schema_with = schema::later_object)]
    fraud_details: (),
    livemode: bool,
    #[schema(schema_with = metadata::schema)]
    metadata: Metadata,
    #[schema(schema_with = schema::later_text)]
    on_behalf_of: (),
    outcome: Outcome,
    paid: bool,
    payment_intent: Option<Id<contract::PaymentIntent>>,
    payment_method: Option<Id<contract::PaymentMethod>>,
    payment_method_details: MethodDetails,
    receipt_email: Option<String>,
    #[schema(schema_with = schema::later_text)]
    receipt_number: (),
    #[schema(schema_with = schema::later_text)]
    receipt_url: (),
    refunded: bool,
    #[schema(schema_with = schema::later_text)]
    review: (),
    #[schema(schema_with = schema::later_object)]
    shipping: (),
    #[schema(schema_with = schema::later_object)]
    source: (),
    #[schema(schema_with = schema::later_text)]
    source_transfer: (),
    #[schema(schema_with = schema::later_text)]
    statement_descriptor: (),
    statement_descriptor_suffix: Option<String>,
    status: Status,
    #[schema(schema_with = schema::later_object)]
    transfer_data: (),
    #[schema(schema_with = schema::later_text)]
    transfer_group: (),
}

/// The status of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChargeStatus)]
pub enum Status {
    /// The issuer said yes.
    Succeeded,
    /// The issuer said no.
    Failed,
}

/// The issuer's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ChargeOutcome)]
pub struct Outcome {
    advice_code: Option<String>,
    network_status: NetworkStatus,
    reason: Option<String>,
    risk_level: RiskLevel,
    seller_message: String,
    r#type: OutcomeType,
}

/// The network's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkStatus {
    /// Yes.
    ApprovedByNetwork,
    /// No.
    DeclinedByNetwork,
}

/// The risk of a charge. It isn't judged here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RiskLevel {
    /// Nothing is known against it.
    #[default]
    Normal,
}

/// The type of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChargeOutcomeType)]
pub enum OutcomeType {
    /// The issuer said yes.
    Authorized,
    /// The issuer said no.
    IssuerDeclined,
}

/// The method as it was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ChargePaymentMethodDetails)]
pub struct MethodDetails {
    card: Card,
    r#type: MethodType,
}

/// The parts of a charge that its intent says.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its id.
    pub id: Id<contract::Charge>,
    /// True in live mode.
    pub livemode: bool,
    /// The intent.
    pub intent: Id<contract::PaymentIntent>,
    /// The amount and its currency.
    pub money: (i64, Currency),
    /// The intent's customer.
    pub customer: Option<Id<contract::Customer>>,
    /// The intent's description.
    pub description: Option<String>,
    /// The intent's metadata.
    pub metadata: Metadata,
    /// The address for a receipt.
    pub receipt_email: Option<String>,
    /// The end of that text.
    pub statement_descriptor_suffix: Option<String>,
}

impl Charge {
    /// A charge that the issuer has approved; taken at once, or held.
    #[must_use]
    pub fn approved(facts: Facts, method: &PaymentMethod, is_captured: bool) -> Self {
        let outcome = Outcome {
            advice_code: None,
            network_status: NetworkStatus::ApprovedByNetwork,
            reason: None,
            risk_level: RiskLevel::default(),
            seller_message: "Payment complete.".to_owned(),
            r#type: OutcomeType::Authorized,
        };
        let charge = Self::new(facts, method, outcome);
        let amount_captured = if is_captured { charge.amount } else { 0 };
        Self { amount_captured, captured: is_captured, paid: true, ..charge }
    }

    /// A charge that the issuer has declined.
    #[must_use]
    pub fn failed(facts: Facts, method: &PaymentMethod, error: &PaymentError) -> Self {
        let outcome = Outcome {
            advice_code: error.advice_code().map(str::to_owned),
            network_status: NetworkStatus::DeclinedByNetwork,
            reason: Some(error.decline_code().unwrap_or_else(|| error.code()).to_owned()),
            risk_level: RiskLevel::default(),
            seller_message: "The bank did not return any further details with this decline.".to_owned(),
            r#type: OutcomeType::IssuerDeclined,
        };
        Self {
            failure_code: Some(error.code().to_owned()),
            failure_message: Some(error.message().to_owned()),
            status: Status::Failed,
            ..Self::new(facts, method, outcome)
        }
    }

    fn new(facts: Facts, method: &PaymentMethod, outcome: Outcome) -> Self {
        let (amount, currency) = facts.money;
        Self {
            id: facts.id,
            object: ObjectTag::default(),
            amount,
            amount_captured: 0,
            amount_refunded: 0,
            application: (),
            application_fee: (),
            application_fee_amount: (),
            balance_transaction: (),
            billing_details: method.billing_details().clone(),
            calculated_statement_descriptor: (),
            captured: false,
            created: facts.id.created().seconds(),
            currency,
            customer: facts.customer,
            description: facts.description,
            disputed: false,
            failure_balance_transaction: (),
            failure_code: None,
            failure_message: None,
            fraud_details: (),
            livemode: facts.livemode,
            metadata: facts.metadata,
            on_behalf_of: (),
            outcome,
            paid: false,
            payment_intent: Some(facts.intent),
            payment_method: Some(method.id()),
            payment_method_details: MethodDetails { card: method.card().clone(), r#type: MethodType::Card },
            receipt_email: facts.receipt_email,
            receipt_number: (),
            receipt_url: (),
            refunded: false,
            review: (),
            shipping: (),
            source: (),
            source_transfer: (),
            statement_descriptor: (),
            statement_descriptor_suffix: facts.statement_descriptor_suffix,
            status: Status::Succeeded,
            transfer_data: (),
            transfer_group: (),
        }
    }

    /// Its amount and currency.
    #[must_use]
    pub const fn money(&self) -> (i64, Currency) {
        (self.amount, self.currency)
    }

    /// Its intent.
    #[must_use]
    pub const fn payment_intent(&self) -> Option<Id<contract::PaymentIntent>> {
        self.payment_intent
    }

    /// True once the amount is taken.
    #[must_use]
    pub const fn is_captured(&self) -> bool {
        self.captured
    }

    /// The amount that was taken and not given back.
    #[must_use]
    pub const fn kept(&self) -> i64 {
        if self.captured { self.amount.saturating_sub(self.amount_refunded) } else { 0 }
    }

    /// An amount of the hold is taken. The rest is released, and shown as refunded, as at Stripe.
    #[must_use]
    pub fn with_captured(self, amount: i64) -> Self {
        let released = self.amount.saturating_sub(amount);
        Self { captured: true, amount_captured: amount, amount_refunded: released, ..self }
    }

    /// The held amount is released.
    #[must_use]
    pub fn released(self) -> Self {
        Self { amount_refunded: self.amount, refunded: true, ..self }
    }

    /// An amount is given back.
    #[must_use]
    pub fn with_refunded(self, amount: i64) -> Self {
        let amount_refunded = self.amount_refunded.saturating_add(amount);
        Self { amount_refunded, refunded: amount_refunded >= self.amount, ..self }
    }
}

impl Resource for Charge {
    type Kind = contract::Charge;

    const COMPONENT: &'static str = "Charge";
    const PATH: &'static str = "/v1/charges";
    const EXPANDS: &'static [Expands] = &[
        Expands::later("balance_transaction"),
        Expands::id_of::<contract::Customer>("customer"),
        Expands::id_of::<contract::PaymentIntent>("payment_intent"),
    ];

    fn id(&self) -> Id<contract::Charge> {
        self.id
    }
}
