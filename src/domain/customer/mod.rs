//! Customers: `cus_…`. The fields and limits are Stripe's.

mod commands;
mod params;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Resource;
use super::schema;
use super::types::metadata::{self, Metadata};
use super::types::object_tag::ObjectTag;
use crate::contract::{self, EventType};
use crate::id::Id;
pub use commands::{Create, Delete, Update};
pub use params::{
    BALANCE_MAX, CUSTOM_FIELD_NAME_MAX, CUSTOM_FIELD_VALUE_MAX, CUSTOM_FIELDS_MAX, Changes,
    InvoiceSettingsChanges, LOCALE_MAX, LOCALES_MAX, NAME_MAX, PHONE_MAX,
};

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
    description: Option<String>,
    #[schema(schema_with = schema::later_object)]
    discount: (),
    email: Option<String>,
    invoice_settings: InvoiceSettings,
    livemode: bool,
    #[schema(schema_with = metadata::schema)]
    metadata: Metadata,
    name: Option<String>,
    phone: Option<String>,
    preferred_locales: Vec<String>,
    shipping: Option<Shipping>,
    tax_exempt: TaxExempt,
    #[schema(schema_with = schema::later_text)]
    test_clock: (),
}

impl Customer {
    /// A customer of whom nothing is known yet.
    fn blank(id: Id<contract::Customer>, livemode: bool) -> Self {
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
            preferred_locales: Vec::new(),
            shipping: None,
            tax_exempt: TaxExempt::default(),
            test_clock: (),
        }
    }
}

/// A postal address. Given, it replaces the former one as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    #[schema(max_length = 5000)]
    city: Option<String>,
    #[schema(max_length = 5000)]
    country: Option<String>,
    #[schema(max_length = 5000)]
    line1: Option<String>,
    #[schema(max_length = 5000)]
    line2: Option<String>,
    #[schema(max_length = 5000)]
    postal_code: Option<String>,
    #[schema(max_length = 5000)]
    state: Option<String>,
}

/// Where goods are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shipping {
    address: Address,
    #[schema(max_length = 256)]
    name: String,
    #[serde(default)]
    #[schema(max_length = 20)]
    phone: Option<String>,
}

/// Whether the customer pays tax.
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

/// What invoices of this customer look like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct InvoiceSettings {
    custom_fields: Option<Vec<CustomField>>,
    #[schema(schema_with = schema::later_text)]
    default_payment_method: (),
    footer: Option<String>,
    #[schema(schema_with = schema::later_object)]
    rendering_options: (),
}

/// A line on invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    name: String,
    value: String,
}

impl Resource for Customer {
    type Kind = contract::Customer;

    const EVENTS: &'static [EventType] =
        &[EventType::CustomerCreated, EventType::CustomerUpdated, EventType::CustomerDeleted];

    fn id(&self) -> Id<contract::Customer> {
        self.id
    }
}
