//! The parameters of payment intents.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::__dev::ComposeSchema;
use utoipa::ToSchema;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

use crate::domain::customer::Shipping;
use crate::domain::payment_intent::{
    AutomaticMethods, CancellationReason, CaptureMethod, ConfirmationMethod, Confirming, DESCRIPTOR_MAX,
    FutureUsage, Terms,
};
use crate::domain::payment_method::MethodType;
use crate::domain::types::list::List;
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::types::money::Currency;
use crate::domain::types::text::{self, LongText, Text};
use crate::domain::{ParameterError, Patch, Problem};
use crate::http::params::TimeRange;
use crate::http::resources::choosing::{ReturnUrl, check_return_url};
use crate::http::resources::payment_methods::NewParams;

type Types = List<MethodType, 10>;
type Descriptor = Text<DESCRIPTOR_MAX>;

/// The parameters of a create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentIntentCreateParams)]
#[expect(dead_code, reason = "some options are taken and have no effect")]
pub(super) struct CreateParams {
    #[serde(default)]
    allowed_payment_method_types: Option<Types>,
    pub(super) amount: i64,
    #[serde(default)]
    automatic_payment_methods: Option<AutomaticMethods>,
    #[serde(default)]
    capture_method: Option<CaptureMethod>,
    #[serde(default)]
    pub(super) confirm: bool,
    #[serde(default)]
    confirmation_method: Option<ConfirmationMethod>,
    /// Three letters (ISO 4217), in any case.
    #[schema(pattern = "^[A-Za-z]{3}$")]
    pub(super) currency: String,
    #[serde(default)]
    pub(super) customer: Option<String>,
    #[serde(default)]
    description: Patch<LongText>,
    #[serde(default)]
    error_on_requires_action: Option<bool>,
    #[serde(default)]
    mandate_data: Option<Ignored>,
    #[serde(default)]
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    #[serde(default)]
    off_session: Option<bool>,
    #[serde(default)]
    pub(super) payment_method: Patch<String>,
    #[serde(default)]
    pub(super) payment_method_data: Option<NewParams>,
    #[serde(default)]
    payment_method_options: Option<Ignored>,
    #[serde(default)]
    payment_method_types: Option<Types>,
    #[serde(default)]
    #[schema(schema_with = text::email_schema)]
    receipt_email: Patch<String>,
    #[serde(default)]
    return_url: Option<ReturnUrl>,
    #[serde(default)]
    setup_future_usage: Patch<FutureUsage>,
    #[serde(default)]
    shipping: Patch<Shipping>,
    #[serde(default)]
    statement_descriptor: Option<Descriptor>,
    #[serde(default)]
    statement_descriptor_suffix: Patch<Descriptor>,
    #[serde(default)]
    use_stripe_sdk: Option<bool>,
}

/// The parameters of an update.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentIntentUpdateParams)]
pub(super) struct UpdateParams {
    #[serde(default)]
    allowed_payment_method_types: Option<Types>,
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    capture_method: Option<CaptureMethod>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    pub(super) customer: Patch<String>,
    #[serde(default)]
    description: Patch<LongText>,
    #[serde(default)]
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    #[serde(default)]
    pub(super) payment_method: Patch<String>,
    #[serde(default)]
    pub(super) payment_method_data: Option<NewParams>,
    #[serde(default)]
    payment_method_options: Option<Ignored>,
    #[serde(default)]
    payment_method_types: Option<Types>,
    #[serde(default)]
    #[schema(schema_with = text::email_schema)]
    receipt_email: Patch<String>,
    #[serde(default)]
    setup_future_usage: Patch<FutureUsage>,
    #[serde(default)]
    shipping: Patch<Shipping>,
    #[serde(default)]
    statement_descriptor: Option<Descriptor>,
    #[serde(default)]
    statement_descriptor_suffix: Patch<Descriptor>,
}

/// The parameters of a confirmation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentIntentConfirmParams)]
#[expect(dead_code, reason = "some options are taken and have no effect")]
pub(super) struct ConfirmParams {
    #[serde(default)]
    allowed_payment_method_types: Option<Types>,
    #[serde(default)]
    capture_method: Option<CaptureMethod>,
    #[serde(default)]
    error_on_requires_action: Option<bool>,
    #[serde(default)]
    mandate_data: Option<Ignored>,
    #[serde(default)]
    off_session: Option<bool>,
    #[serde(default)]
    pub(super) payment_method: Patch<String>,
    #[serde(default)]
    pub(super) payment_method_data: Option<NewParams>,
    #[serde(default)]
    payment_method_options: Option<Ignored>,
    #[serde(default)]
    payment_method_types: Option<Types>,
    #[serde(default)]
    #[schema(schema_with = text::email_schema)]
    receipt_email: Patch<String>,
    #[serde(default)]
    return_url: Option<ReturnUrl>,
    #[serde(default)]
    setup_future_usage: Patch<FutureUsage>,
    #[serde(default)]
    shipping: Patch<Shipping>,
    #[serde(default)]
    use_stripe_sdk: Option<bool>,
}

/// The parameters of a capture.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = PaymentIntentCaptureParams)]
pub(super) struct CaptureParams {
    pub(super) amount_to_capture: Option<i64>,
    /// The rest is released, so that only true is taken.
    final_capture: Option<bool>,
    #[schema(schema_with = metadata::change_schema)]
    pub(super) metadata: MetadataChange,
    statement_descriptor: Option<Descriptor>,
    statement_descriptor_suffix: Option<Descriptor>,
}

/// The parameters of a cancellation.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = PaymentIntentCancelParams)]
pub(super) struct CancelParams {
    pub(super) cancellation_reason: Option<AskedReason>,
}

/// The reasons that a caller may give.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentIntentAskedCancellationReason)]
pub(super) enum AskedReason {
    Abandoned,
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
}

/// Options that are taken and have no effect.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(in crate::http::resources) struct Ignored(Value);

impl ComposeSchema for Ignored {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue).build();
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(RefOr::T(Schema::Object(anything))))
            .into()
    }
}

impl ToSchema for Ignored {}

impl From<AskedReason> for CancellationReason {
    fn from(asked: AskedReason) -> Self {
        match asked {
            AskedReason::Abandoned => Self::Abandoned,
            AskedReason::Duplicate => Self::Duplicate,
            AskedReason::Fraudulent => Self::Fraudulent,
            AskedReason::RequestedByCustomer => Self::RequestedByCustomer,
        }
    }
}

impl CreateParams {
    /// The manner of the confirmation, if it is confirmed at once.
    pub(super) fn confirming(&self, livemode: bool) -> Result<Option<Confirming>, ParameterError> {
        let only_confirming = [
            ("error_on_requires_action", self.error_on_requires_action.is_some()),
            ("mandate_data", self.mandate_data.is_some()),
            ("off_session", self.off_session.is_some()),
            ("return_url", self.return_url.is_some()),
        ];
        if let Some((param, _)) = only_confirming.iter().find(|(_, given)| *given && !self.confirm) {
            let reason = "it may only be given together with confirm=true".to_owned();
            return Err(ParameterError::new(*param, Problem::Malformed(reason)));
        }
        let given = (self.off_session, self.return_url.as_ref(), self.error_on_requires_action);
        confirming(given, livemode).map(|confirming| Some(confirming).filter(|_| self.confirm))
    }

    /// The other parameters.
    pub(super) fn terms(self) -> Result<Terms, ParameterError> {
        check_options(self.payment_method_options.as_ref())?;
        check_types(
            (self.allowed_payment_method_types.is_some(), self.payment_method_types.is_some()),
            self.automatic_payment_methods.is_some_and(AutomaticMethods::is_enabled),
        )?;
        check_descriptor(self.statement_descriptor.as_ref())?;
        if self.confirmation_method == Some(ConfirmationMethod::Manual) {
            let reason = "only automatic is taken: a passed challenge completes the payment".to_owned();
            return Err(ParameterError::new("confirmation_method", Problem::Malformed(reason)));
        }
        let is_named = self.allowed_payment_method_types.is_some() || self.payment_method_types.is_some();
        let automatic = self.automatic_payment_methods;
        Ok(Terms {
            automatic_payment_methods: if is_named { None } else { automatic.or(Some(AutomaticMethods::ON)) },
            capture_method: self.capture_method,
            confirmation_method: self.confirmation_method,
            setup_future_usage: self.setup_future_usage,
            description: self.description,
            metadata: self.metadata,
            receipt_email: self.receipt_email,
            shipping: self.shipping,
            statement_descriptor_suffix: self.statement_descriptor_suffix,
            ..Terms::default()
        })
    }
}

impl UpdateParams {
    /// The parameters besides the method and the customer.
    pub(super) fn terms(self) -> Result<Terms, ParameterError> {
        check_options(self.payment_method_options.as_ref())?;
        let named = (self.allowed_payment_method_types.is_some(), self.payment_method_types.is_some());
        check_types(named, false)?;
        check_descriptor(self.statement_descriptor.as_ref())?;
        let currency = self.currency.map(|text| Currency::of_param("currency", &text)).transpose()?;
        Ok(Terms {
            amount: self.amount,
            currency,
            capture_method: self.capture_method,
            setup_future_usage: self.setup_future_usage,
            description: self.description,
            metadata: self.metadata,
            receipt_email: self.receipt_email,
            shipping: self.shipping,
            statement_descriptor_suffix: self.statement_descriptor_suffix,
            ..Terms::default()
        })
    }
}

impl ConfirmParams {
    /// The manner of the confirmation.
    pub(super) fn confirming(&self, livemode: bool) -> Result<Confirming, ParameterError> {
        let given = (self.off_session, self.return_url.as_ref(), self.error_on_requires_action);
        confirming(given, livemode)
    }

    /// The other parameters.
    pub(super) fn terms(self) -> Result<Terms, ParameterError> {
        check_options(self.payment_method_options.as_ref())?;
        let named = (self.allowed_payment_method_types.is_some(), self.payment_method_types.is_some());
        check_types(named, false)?;
        Ok(Terms {
            capture_method: self.capture_method,
            setup_future_usage: self.setup_future_usage,
            receipt_email: self.receipt_email,
            shipping: self.shipping,
            ..Terms::default()
        })
    }
}

impl CaptureParams {
    /// Refuses a capture that isn't final.
    pub(super) fn check(&self) -> Result<(), ParameterError> {
        if self.final_capture == Some(false) {
            let reason = "what isn't captured is released, so that every capture is final".to_owned();
            return Err(ParameterError::new("final_capture", Problem::Malformed(reason)));
        }
        Ok(())
    }
}

fn confirming(
    (off_session, return_url, is_error): (Option<bool>, Option<&ReturnUrl>, Option<bool>),
    livemode: bool,
) -> Result<Confirming, ParameterError> {
    check_return_url(return_url, livemode)?;
    Ok(Confirming {
        off_session: off_session.unwrap_or_default(),
        return_url: return_url.map(|url| url.to_string()),
        error_on_requires_action: is_error.unwrap_or_default(),
    })
}

/// Refuses options that would move money otherwise than the caller thinks, were they ignored.
fn check_options(options: Option<&Ignored>) -> Result<(), ParameterError> {
    let of_card = options.and_then(|options| options.0.get("card"));
    for name in ["capture_method", "setup_future_usage"] {
        if of_card.is_some_and(|card| card.get(name).is_some_and(|value| !value.is_null())) {
            let reason = format!("give {name} itself");
            let param = format!("payment_method_options[card][{name}]");
            return Err(ParameterError::new(param, Problem::Malformed(reason)));
        }
    }
    Ok(())
}

/// Refuses types that are named in two ways.
fn check_types((allowed, types): (bool, bool), is_automatic: bool) -> Result<(), ParameterError> {
    let refuse = |param, other| Err(ParameterError::new(param, Problem::ExclusiveWith(other)));
    match (allowed, types, is_automatic) {
        (true, true, _) => refuse("payment_method_types", "allowed_payment_method_types"),
        (true, _, true) => refuse("automatic_payment_methods", "allowed_payment_method_types"),
        (_, true, true) => refuse("automatic_payment_methods", "payment_method_types"),
        _ => Ok(()),
    }
}

/// Refuses a text for the buyer's statement that cards don't show.
fn check_descriptor(given: Option<&Descriptor>) -> Result<(), ParameterError> {
    if given.is_none() {
        return Ok(());
    }
    let reason = "it isn't taken for cards; use statement_descriptor_suffix".to_owned();
    Err(ParameterError::new("statement_descriptor", Problem::Malformed(reason)))
}

/// The parameters of a list of payment intents.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = PaymentIntentListParams)]
pub(super) struct ListParams {
    pub(super) created: Option<TimeRange>,
    pub(super) customer: Option<String>,
    pub(super) ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    pub(super) limit: Option<i64>,
    pub(super) starting_after: Option<String>,
}
