//! The words of a payment intent: the values that its parameters and fields may have.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::schema;

/// The time at which an authorised amount is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMethod {
    /// At once.
    Automatic,
    /// At once; Stripe may answer before it is done.
    #[default]
    AutomaticAsync,
    /// At the server's word, within seven days.
    Manual,
}

/// The later use of the method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FutureUsage {
    /// Payments without the buyer.
    OffSession,
    /// Payments with the buyer.
    OnSession,
}

/// The reason why an intent was canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentIntentCancellationReason)]
pub enum CancellationReason {
    /// The buyer doesn't go on.
    Abandoned,
    /// The hold has lapsed.
    Automatic,
    /// It was made twice.
    Duplicate,
    /// It is fraudulent.
    Fraudulent,
    /// The buyer has asked for it.
    RequestedByCustomer,
    /// Its invoice was voided.
    VoidInvoice,
}

/// The side that confirms: anybody, or the server alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmationMethod {
    /// A passed challenge completes the payment.
    #[default]
    Automatic,
    /// After a challenge the server confirms once more.
    Manual,
}

/// The choice of the types of methods by the account's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AutomaticPaymentMethods)]
pub struct AutomaticMethods {
    /// The permission to lead to another page. Cards never need one.
    #[serde(default)]
    allow_redirects: Option<AllowRedirects>,
    enabled: bool,
}

impl AutomaticMethods {
    /// The setting where nothing is said.
    pub const ON: Self = Self { allow_redirects: Some(AllowRedirects::Always), enabled: true };

    /// True if the account's settings choose.
    #[must_use]
    pub const fn is_enabled(self) -> bool {
        self.enabled
    }
}

/// The permission of methods to lead to another page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AllowRedirects {
    /// They may.
    #[default]
    Always,
    /// They may not.
    Never,
}

/// Options by type of method. Only the neutral ones of cards are there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = PaymentMethodOptions)]
pub struct MethodOptions {
    card: CardOptions,
}

/// Options of cards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = PaymentMethodCardOptions)]
pub struct CardOptions {
    #[schema(schema_with = schema::later_object)]
    installments: (),
    #[schema(schema_with = schema::later_object)]
    mandate_options: (),
    #[schema(schema_with = schema::later_text)]
    network: (),
    request_three_d_secure: RequestThreeDSecure,
}

/// The cases in which a challenge is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestThreeDSecure {
    /// The issuer's wish decides.
    #[default]
    Automatic,
}
