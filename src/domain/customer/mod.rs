//! Customers: `cus_…`. The fields and limits are Stripe's.

mod params;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resource::Expands;
use super::types::address::Address;
use super::types::list::List;
use super::types::metadata::{self, Metadata};
use super::types::object_tag::ObjectTag;
use super::types::text::{LongText, Text};
use super::{New, Resource, schema};
use crate::contract::{self, EventType};
use crate::id::Id;
pub use params::{BALANCE_MAX, Changes, CreateParams, DEFAULT_METHOD, InvoiceSettingsChanges};

/// The longest name, in characters.
pub const NAME_MAX: usize = 256;
/// The longest phone number, in characters.
pub const PHONE_MAX: usize = 20;
/// The most preferred locales.
pub const LOCALES_MAX: usize = 32;
/// The longest locale, in characters.
pub const LOCALE_MAX: usize = 40;
/// The longest name of a custom field, in characters.
pub const CUSTOM_FIELD_NAME_MAX: usize = 40;
/// The longest value of a custom field, in characters.
pub const CUSTOM_FIELD_VALUE_MAX: usize = 140;
/// The most custom fields on invoices.
pub const CUSTOM_FIELDS_MAX: usize = 4;

type Name = Text<NAME_MAX>;
type Phone = Text<PHONE_MAX>;
type Locale = Text<LOCALE_MAX>;
type Locales = List<Locale, LOCALES_MAX>;
type CustomFieldName = Text<CUSTOM_FIELD_NAME_MAX>;
type CustomFieldValue = Text<CUSTOM_FIELD_VALUE_MAX>;
type CustomFields = List<CustomField, CUSTOM_FIELDS_MAX>;

/// A customer, as it is stored and as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Customer {
    id: Id<contract::Customer>,
    object: ObjectTag<contract::Customer>,
    address: Option<Address>,
    balance: i64,
    created: u64,
    #[schema(schema_with = schema::later_text)]
    currency: (),
    #[schema(schema_with = schema::later_text)]
    default_source: (),
    delinquent: bool,
    description: Option<LongText>,
    #[schema(schema_with = schema::later_object)]
    discount: (),
    email: Option<String>,
    invoice_settings: InvoiceSettings,
    livemode: bool,
    #[schema(schema_with = metadata::schema)]
    metadata: Metadata,
    name: Option<Name>,
    phone: Option<Phone>,
    preferred_locales: Locales,
    shipping: Option<Shipping>,
    tax_exempt: TaxExempt,
    #[schema(schema_with = schema::later_text)]
    test_clock: (),
}

impl Customer {
    /// The method that invoices are paid with if nothing else says which.
    #[must_use]
    pub const fn default_payment_method(&self) -> Option<Id<contract::PaymentMethod>> {
        self.invoice_settings.default_payment_method
    }

    /// The same without that method.
    #[must_use]
    pub fn without_default_payment_method(self) -> Self {
        let invoice_settings = InvoiceSettings { default_payment_method: None, ..self.invoice_settings };
        Self { invoice_settings, ..self }
    }

    /// A customer of whom nothing is known yet.
    fn blank(New { id, livemode }: New<contract::Customer>) -> Self {
        Self {
            id,
            object: ObjectTag::default(),
            address: None,
            balance: 0,
            created: id.created().seconds(),
            currency: (),
            default_source: (),
            delinquent: false,
            description: None,
            discount: (),
            email: None,
            invoice_settings: InvoiceSettings::default(),
            livemode,
            metadata: Metadata::new(),
            name: None,
            phone: None,
            preferred_locales: Locales::default(),
            shipping: None,
            tax_exempt: TaxExempt::default(),
            test_clock: (),
        }
    }
}

/// The address that goods are sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shipping {
    address: Address,
    name: Name,
    #[serde(default)]
    phone: Option<Phone>,
}

/// The customer's duty to pay tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxExempt {
    /// Yes.
    #[default]
    None,
    /// No.
    Exempt,
    /// The customer accounts for it.
    Reverse,
}

/// The look of this customer's invoices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct InvoiceSettings {
    custom_fields: Option<CustomFields>,
    default_payment_method: Option<Id<contract::PaymentMethod>>,
    footer: Option<LongText>,
    #[schema(schema_with = schema::later_object)]
    rendering_options: (),
}

/// A line on invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    name: CustomFieldName,
    value: CustomFieldValue,
}

impl Resource for Customer {
    type Kind = contract::Customer;

    const COMPONENT: &'static str = "Customer";
    const PATH: &'static str = "/v1/customers";
    const EXPANDS: &'static [Expands] = &[
        Expands::later("default_source"),
        Expands::id_of::<contract::PaymentMethod>("invoice_settings.default_payment_method"),
    ];
    const DELETED: Option<EventType> = Some(EventType::CustomerDeleted);

    fn id(&self) -> Id<contract::Customer> {
        self.id
    }
}
