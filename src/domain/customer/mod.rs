//! Customers: `cus_…`. The fields and limits are Stripe's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::metadata::{self, Metadata, MetadataChange};
use super::object_tag::ObjectTag;
use super::text::{TEXT_MAX, check_email, check_field, check_length};
use super::{Command, Decision, Field, ParameterError, Problem, Rejection, schema};
use crate::contract::{self, EventType, Kind as _, PaymentMethod};
use crate::id::Id;

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
/// The largest balance, in the smallest unit of the currency, on either side of zero: twelve digits.
pub const BALANCE_MAX: i64 = 999_999_999_999;

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
    #[schema(schema_with = schema::metadata)]
    metadata: Metadata,
    name: Option<String>,
    phone: Option<String>,
    preferred_locales: Vec<String>,
    shipping: Option<Shipping>,
    tax_exempt: TaxExempt,
    #[schema(schema_with = schema::later_text)]
    test_clock: (),
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

/// The parameters of a create or an update.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = CustomerParams)]
pub struct Changes {
    address: Field<Address>,
    #[schema(schema_with = schema::balance_schema)]
    balance: Field<i64>,
    #[schema(schema_with = schema::long_text)]
    description: Field<String>,
    #[schema(schema_with = schema::email_schema)]
    email: Field<String>,
    invoice_settings: Field<InvoiceSettingsChanges>,
    #[schema(schema_with = schema::metadata_change)]
    metadata: MetadataChange,
    #[schema(schema_with = schema::name_schema)]
    name: Field<String>,
    #[schema(schema_with = schema::phone_schema)]
    phone: Field<String>,
    #[schema(schema_with = schema::locales_schema)]
    preferred_locales: Field<Vec<String>>,
    shipping: Field<Shipping>,
    tax_exempt: Field<TaxExempt>,
}

/// The parameters within `invoice_settings`, merged one by one.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InvoiceSettingsChanges {
    #[schema(schema_with = schema::custom_fields_schema)]
    custom_fields: Field<Vec<CustomField>>,
    default_payment_method: Field<String>,
    #[schema(schema_with = schema::long_text)]
    footer: Field<String>,
}

impl Changes {
    fn check(&self) -> Result<(), ParameterError> {
        check_field("name", &self.name, NAME_MAX)?;
        check_field("phone", &self.phone, PHONE_MAX)?;
        check_field("description", &self.description, TEXT_MAX)?;
        if let Some(email) = self.email.value() {
            check_email("email", email)?;
        }
        if self.balance.value().is_some_and(|balance| balance.unsigned_abs() > BALANCE_MAX.unsigned_abs()) {
            return Err(ParameterError::new("balance", Problem::OutOfRange(-BALANCE_MAX, BALANCE_MAX)));
        }
        if let Some(address) = self.address.value() {
            address.check().map_err(|error| error.within("address"))?;
        }
        if let Some(shipping) = self.shipping.value() {
            shipping.check().map_err(|error| error.within("shipping"))?;
        }
        if let Some(locales) = self.preferred_locales.value() {
            check_locales(locales)?;
        }
        self.invoice_settings.value().map_or(Ok(()), InvoiceSettingsChanges::check)
    }

    fn apply(self, to: Customer) -> Result<Customer, ParameterError> {
        self.check()?;
        Ok(Customer {
            address: self.address.apply(to.address),
            balance: self.balance.apply_or_default(to.balance),
            description: self.description.apply(to.description),
            email: self.email.apply(to.email),
            invoice_settings: match self.invoice_settings {
                Field::Keep => to.invoice_settings,
                Field::Unset => InvoiceSettings::default(),
                Field::Set(changes) => changes.apply(to.invoice_settings),
            },
            metadata: metadata::merge(self.metadata, to.metadata)?,
            name: self.name.apply(to.name),
            phone: self.phone.apply(to.phone),
            preferred_locales: self.preferred_locales.apply_or_default(to.preferred_locales),
            shipping: self.shipping.apply(to.shipping),
            tax_exempt: self.tax_exempt.apply_or_default(to.tax_exempt),
            ..to
        })
    }
}

impl Address {
    fn check(&self) -> Result<(), ParameterError> {
        let lines = [
            ("city", &self.city),
            ("country", &self.country),
            ("line1", &self.line1),
            ("line2", &self.line2),
            ("postal_code", &self.postal_code),
            ("state", &self.state),
        ];
        lines
            .into_iter()
            .filter_map(|(name, line)| line.as_ref().map(|line| (name, line)))
            .try_for_each(|(name, line)| check_length(name, line, TEXT_MAX))
    }
}

impl Shipping {
    fn check(&self) -> Result<(), ParameterError> {
        self.address.check().map_err(|error| error.within("address"))?;
        check_length("name", &self.name, NAME_MAX)?;
        self.phone.as_ref().map_or(Ok(()), |phone| check_length("phone", phone, PHONE_MAX))
    }
}

impl InvoiceSettingsChanges {
    fn check(&self) -> Result<(), ParameterError> {
        check_field("invoice_settings[footer]", &self.footer, TEXT_MAX)?;
        if let Some(id) = self.default_payment_method.value() {
            // There are no payment methods yet, so that none can be the default.
            let problem = Problem::NoSuchObject { noun: PaymentMethod::RESOURCE.noun, id: id.clone() };
            return Err(ParameterError::new("invoice_settings[default_payment_method]", problem));
        }
        let fields = self.custom_fields.value().map_or(&[][..], Vec::as_slice);
        if fields.len() > CUSTOM_FIELDS_MAX {
            return Err(ParameterError::new(
                "invoice_settings[custom_fields]",
                Problem::TooMany(CUSTOM_FIELDS_MAX),
            ));
        }
        for (index, field) in fields.iter().enumerate() {
            let path = |name| format!("invoice_settings[custom_fields][{index}][{name}]");
            check_length(&path("name"), &field.name, CUSTOM_FIELD_NAME_MAX)?;
            check_length(&path("value"), &field.value, CUSTOM_FIELD_VALUE_MAX)?;
        }
        Ok(())
    }

    fn apply(self, to: InvoiceSettings) -> InvoiceSettings {
        InvoiceSettings {
            custom_fields: self.custom_fields.apply(to.custom_fields),
            footer: self.footer.apply(to.footer),
            ..to
        }
    }
}

fn check_locales(locales: &[String]) -> Result<(), ParameterError> {
    if locales.len() > LOCALES_MAX {
        return Err(ParameterError::new("preferred_locales", Problem::TooMany(LOCALES_MAX)));
    }
    for (index, locale) in locales.iter().enumerate() {
        check_length(&format!("preferred_locales[{index}]"), locale, LOCALE_MAX)?;
    }
    Ok(())
}

/// Bring a customer into being.
#[derive(Debug, Clone)]
pub struct Create {
    /// The id that was made for it; its time is the customer's `created`.
    pub id: Id<contract::Customer>,
    /// Whether it lives in the account's live mode.
    pub livemode: bool,
    /// What the caller gave.
    pub changes: Changes,
}

/// Change a customer.
#[derive(Debug, Clone)]
pub struct Update {
    /// Which one.
    pub id: Id<contract::Customer>,
    /// What the caller gave.
    pub changes: Changes,
}

/// Delete a customer for good. Its events stay.
#[derive(Debug, Clone, Copy)]
pub struct Delete {
    /// Which one.
    pub id: Id<contract::Customer>,
}

/// No customer of that id.
#[must_use]
pub fn missing(id: &impl ToString) -> Rejection {
    Rejection::NoSuchObject { noun: contract::Customer::RESOURCE.noun, id: id.to_string() }
}

impl Command for Create {
    type State = Customer;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn creates(&self) -> bool {
        true
    }

    fn decide(&self, _: Option<Customer>) -> Result<Decision<Customer>, Rejection> {
        let blank = Customer {
            id: self.id,
            object: ObjectTag::default(),
            address: None,
            balance: 0,
            created: self.id.created().seconds(),
            currency: (),
            default_source: (),
            delinquent: false,
            description: None,
            discount: (),
            email: None,
            invoice_settings: InvoiceSettings::default(),
            livemode: self.livemode,
            metadata: Metadata::new(),
            name: None,
            phone: None,
            preferred_locales: Vec::new(),
            shipping: None,
            tax_exempt: TaxExempt::default(),
            test_clock: (),
        };
        let state = self.changes.clone().apply(blank)?;
        Ok(Decision { event_type: EventType::CustomerCreated, state, deletes: false })
    }
}

impl Command for Update {
    type State = Customer;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<Customer>) -> Result<Decision<Customer>, Rejection> {
        let current = current.ok_or_else(|| missing(&self.id))?;
        let state = self.changes.clone().apply(current)?;
        Ok(Decision { event_type: EventType::CustomerUpdated, state, deletes: false })
    }
}

impl Command for Delete {
    type State = Customer;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<Customer>) -> Result<Decision<Customer>, Rejection> {
        let state = current.ok_or_else(|| missing(&self.id))?;
        Ok(Decision { event_type: EventType::CustomerDeleted, state, deletes: true })
    }
}
