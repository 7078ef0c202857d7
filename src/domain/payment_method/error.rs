//! Errors of payments: why the last attempt with a method came to nothing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MethodType, PaymentMethod};
use crate::contract;
use crate::domain::types::decline::Decline;
use crate::id::Id;

/// The error of the last attempt. What doesn't apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentError {
    /// Left out where the issuer gives no advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    advice_code: Option<String>,
    /// Left out where no charge was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    charge: Option<Id<contract::Charge>>,
    code: String,
    /// Left out where the issuer gives no reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    decline_code: Option<String>,
    message: String,
    /// Left out where it is about no parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    param: Option<String>,
    /// Left out where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    payment_method: Option<Box<PaymentMethod>>,
    /// Left out where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    payment_method_type: Option<MethodType>,
    r#type: ErrorType,
}

/// The type of an error of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentErrorType)]
pub enum ErrorType {
    /// The card.
    CardError,
    /// The challenge wasn't passed.
    InvalidRequestError,
}

impl PaymentError {
    /// The error of a decline.
    #[must_use]
    pub fn new(
        decline: &Decline,
        method: Option<PaymentMethod>,
        charge: Option<Id<contract::Charge>>,
    ) -> Self {
        let (code, message) = decline.said();
        let is_of_challenge = matches!(
            code,
            contract::ErrorCode::PaymentIntentAuthenticationFailure
                | contract::ErrorCode::SetupIntentAuthenticationFailure
        );
        Self {
            advice_code: decline.advice_code.clone(),
            charge,
            code: code.as_str().to_owned(),
            decline_code: decline.decline_code.clone(),
            message: message.to_owned(),
            param: decline.param.clone(),
            payment_method_type: method.as_ref().map(|_| MethodType::Card),
            payment_method: method.map(Box::new),
            r#type: if is_of_challenge { ErrorType::InvalidRequestError } else { ErrorType::CardError },
        }
    }

    /// Its advice for the merchant.
    #[must_use]
    pub fn advice_code(&self) -> Option<&str> {
        self.advice_code.as_deref()
    }

    /// The reason within its code.
    #[must_use]
    pub fn decline_code(&self) -> Option<&str> {
        self.decline_code.as_deref()
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Its sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}
