//! The parameters of a customer: their limits, checks and schemas.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::{CustomFields, Customer, InvoiceSettings, Locales, Name, Phone, Shipping, TaxExempt};
use crate::clock::Timestamp;
use crate::contract::{self, EventType, PaymentMethod};
use crate::domain::types::address::Address;
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::types::text::{self, LongText, check_email};
use crate::domain::{Creatable, New, ParameterError, Patch, Problem, Updatable};
use crate::id::Id;

/// The largest balance, in the smallest unit of the currency, on either side of zero: twelve digits.
pub const BALANCE_MAX: i64 = 999_999_999_999;

/// The parameter of the default payment method.
pub const DEFAULT_METHOD: &str = "invoice_settings[default_payment_method]";

/// The parameters of an update.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = CustomerParams)]
pub struct Changes {
    address: Patch<Address>,
    #[schema(schema_with = balance_schema)]
    balance: Patch<i64>,
    description: Patch<LongText>,
    #[schema(schema_with = text::email_schema)]
    email: Patch<String>,
    invoice_settings: Patch<InvoiceSettingsChanges>,
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    name: Patch<Name>,
    phone: Patch<Phone>,
    preferred_locales: Patch<Locales>,
    shipping: Patch<Shipping>,
    tax_exempt: Patch<TaxExempt>,
}

/// The parameters of a create.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = CustomerCreateParams)]
pub struct CreateParams {
    address: Patch<Address>,
    #[schema(schema_with = balance_schema)]
    balance: Patch<i64>,
    description: Patch<LongText>,
    #[schema(schema_with = text::email_schema)]
    email: Patch<String>,
    invoice_settings: Patch<InvoiceSettingsChanges>,
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    name: Patch<Name>,
    /// A payment method that is attached to the customer.
    payment_method: Option<String>,
    phone: Patch<Phone>,
    preferred_locales: Patch<Locales>,
    shipping: Patch<Shipping>,
    tax_exempt: Patch<TaxExempt>,
}

impl CreateParams {
    /// The method that is attached, and the other parameters.
    #[must_use]
    pub fn split(self) -> (Option<String>, Changes) {
        let changes = Changes {
            address: self.address,
            balance: self.balance,
            description: self.description,
            email: self.email,
            invoice_settings: self.invoice_settings,
            metadata: self.metadata,
            name: self.name,
            phone: self.phone,
            preferred_locales: self.preferred_locales,
            shipping: self.shipping,
            tax_exempt: self.tax_exempt,
        };
        (self.payment_method, changes)
    }
}

/// The parameters within `invoice_settings`, merged one by one.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InvoiceSettingsChanges {
    custom_fields: Patch<CustomFields>,
    default_payment_method: Patch<String>,
    footer: Patch<LongText>,
}

impl Creatable for Customer {
    const CREATED: EventType = EventType::CustomerCreated;
    type Params = Changes;

    fn created(new: New<contract::Customer>, params: Changes) -> Result<Self, ParameterError> {
        Self::created_with(new, params, &[])
    }
}

impl Customer {
    /// A new customer that gets these methods.
    pub fn created_with(
        new: New<contract::Customer>,
        params: Changes,
        methods: &[Id<PaymentMethod>],
    ) -> Result<Self, ParameterError> {
        let customer = params.apply(Self::blank(new))?;
        match customer.default_payment_method() {
            Some(id) if !methods.contains(&id) => Err(no_such_method(&id)),
            _ => Ok(customer),
        }
    }
}

impl Updatable for Customer {
    const UPDATED: EventType = EventType::CustomerUpdated;
    type Changes = Changes;

    fn changed(self, changes: Changes, _: Timestamp) -> Result<Self, ParameterError> {
        changes.apply(self)
    }
}

impl Changes {
    /// The text of the default payment method, if one is set.
    #[must_use]
    pub fn default_method(&self) -> Option<&str> {
        self.invoice_settings.value()?.default_payment_method.value().map(String::as_str)
    }

    /// The same with another default payment method.
    #[must_use]
    pub fn with_default_method(self, id: Id<PaymentMethod>) -> Self {
        let settings = match self.invoice_settings {
            Patch::Set(settings) => settings,
            Patch::Keep | Patch::Unset => InvoiceSettingsChanges::default(),
        };
        let settings =
            InvoiceSettingsChanges { default_payment_method: Patch::Set(id.to_string()), ..settings };
        Self { invoice_settings: Patch::Set(settings), ..self }
    }

    fn check(&self) -> Result<(), ParameterError> {
        if let Some(email) = self.email.value() {
            check_email("email", email)?;
        }
        if self.balance.value().is_some_and(|balance| balance.unsigned_abs() > BALANCE_MAX.unsigned_abs()) {
            return Err(ParameterError::new("balance", Problem::OutOfRange(-BALANCE_MAX, BALANCE_MAX)));
        }
        Ok(())
    }

    /// The customer with the requested changes.
    fn apply(self, to: Customer) -> Result<Customer, ParameterError> {
        self.check()?;
        Ok(Customer {
            address: self.address.apply(to.address),
            balance: self.balance.apply_or_default(to.balance),
            description: self.description.apply(to.description),
            email: self.email.apply(to.email),
            invoice_settings: match self.invoice_settings {
                Patch::Keep => to.invoice_settings,
                Patch::Unset => InvoiceSettings::default(),
                Patch::Set(changes) => changes.apply(to.invoice_settings)?,
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

impl InvoiceSettingsChanges {
    fn apply(self, to: InvoiceSettings) -> Result<InvoiceSettings, ParameterError> {
        Ok(InvoiceSettings {
            custom_fields: self.custom_fields.apply(to.custom_fields),
            default_payment_method: method(self.default_payment_method)?.apply(to.default_payment_method),
            footer: self.footer.apply(to.footer),
            ..to
        })
    }
}

/// The id of a payment method. A text that is none names nothing.
fn method(given: Patch<String>) -> Result<Patch<Id<PaymentMethod>>, ParameterError> {
    match given {
        Patch::Keep => Ok(Patch::Keep),
        Patch::Unset => Ok(Patch::Unset),
        Patch::Set(id) => {
            let known = id.parse().ok().map(Patch::Set);
            known.ok_or_else(|| no_such_method(&id))
        }
    }
}

fn no_such_method(id: &impl ToString) -> ParameterError {
    ParameterError::no_such::<PaymentMethod>(DEFAULT_METHOD, id)
}

fn balance_schema() -> Object {
    let kinds = SchemaType::from_iter([Type::Integer, Type::Null]);
    let bounds = ObjectBuilder::new().minimum(Some(-BALANCE_MAX)).maximum(Some(BALANCE_MAX));
    bounds.schema_type(kinds).build()
}
