//! What callers say of a customer: limits, checks, and how it looks in the contract.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::{Array, ArrayBuilder, Object, ObjectBuilder, Schema, Type};

use super::{Address, CustomField, Customer, InvoiceSettings, Shipping, TaxExempt};
use crate::contract::{Kind as _, PaymentMethod};
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::types::text::{self, TEXT_MAX, check_email, check_field, check_length};
use crate::domain::{ParameterError, Patch, Problem, schema};

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

/// The parameters of a create or an update.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = CustomerParams)]
pub struct Changes {
    address: Patch<Address>,
    #[schema(schema_with = balance_schema)]
    balance: Patch<i64>,
    #[schema(schema_with = text::long_schema)]
    description: Patch<String>,
    #[schema(schema_with = text::email_schema)]
    email: Patch<String>,
    invoice_settings: Patch<InvoiceSettingsChanges>,
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    #[schema(schema_with = name_schema)]
    name: Patch<String>,
    #[schema(schema_with = phone_schema)]
    phone: Patch<String>,
    #[schema(schema_with = locales_schema)]
    preferred_locales: Patch<Vec<String>>,
    shipping: Patch<Shipping>,
    tax_exempt: Patch<TaxExempt>,
}

/// The parameters within `invoice_settings`, merged one by one.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InvoiceSettingsChanges {
    #[schema(schema_with = custom_fields_schema)]
    custom_fields: Patch<Vec<CustomField>>,
    default_payment_method: Patch<String>,
    #[schema(schema_with = text::long_schema)]
    footer: Patch<String>,
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

    /// The customer with what is asked for.
    pub(super) fn apply(self, to: Customer) -> Result<Customer, ParameterError> {
        self.check()?;
        Ok(Customer {
            address: self.address.apply(to.address),
            balance: self.balance.apply_or_default(to.balance),
            description: self.description.apply(to.description),
            email: self.email.apply(to.email),
            invoice_settings: match self.invoice_settings {
                Patch::Keep => to.invoice_settings,
                Patch::Unset => InvoiceSettings::default(),
                Patch::Set(changes) => changes.apply(to.invoice_settings),
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

fn name_schema() -> Object {
    schema::text(NAME_MAX)
}

fn phone_schema() -> Object {
    schema::text(PHONE_MAX)
}

fn locales_schema() -> Array {
    let locale = ObjectBuilder::new().schema_type(Type::String).max_length(Some(LOCALE_MAX));
    let mut locales = ArrayBuilder::new().items(locale).max_items(Some(LOCALES_MAX)).build();
    locales.schema_type = SchemaType::from_iter([Type::Array, Type::Null]);
    locales
}

fn custom_fields_schema() -> Array {
    let text = |max| ObjectBuilder::new().schema_type(Type::String).max_length(Some(max));
    let field = ObjectBuilder::new()
        .property("name", text(CUSTOM_FIELD_NAME_MAX))
        .property("value", text(CUSTOM_FIELD_VALUE_MAX))
        .required("name")
        .required("value")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    let mut fields = ArrayBuilder::new().items(field).max_items(Some(CUSTOM_FIELDS_MAX)).build();
    fields.schema_type = SchemaType::from_iter([Type::Array, Type::Null]);
    fields
}

fn balance_schema() -> Object {
    let kinds = SchemaType::from_iter([Type::Integer, Type::Null]);
    let bounds = ObjectBuilder::new().minimum(Some(-BALANCE_MAX)).maximum(Some(BALANCE_MAX));
    bounds.schema_type(kinds).build()
}
