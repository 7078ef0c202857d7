//! Declines: the word of an issuer or a processor that a card isn't taken, and how it is said.

use serde::{Deserialize, Serialize};

use crate::contract::ErrorCode;

/// The reason that an operation was declined, in the words of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// The code: `card_declined`, `expired_card`, `incorrect_cvc`, `processing_error`,
    /// `authentication_required` …
    pub code: String,
    /// The reason within `card_declined`: `insufficient_funds`, `lost_card` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// Advice for the merchant: `try_again_later`, `do_not_try_again`, `confirm_card_data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice_code: Option<String>,
    /// The parameter that is wrong: `number`, `exp_month`, `exp_year`, `cvc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
}

/// The codes of declines, each with its sentence. A code that an adapter made up is a declined card.
pub const SENTENCES: &[(ErrorCode, &str)] = &[
    (ErrorCode::AmountTooLarge, "The amount is larger than what is left of the payment."),
    (ErrorCode::AuthenticationRequired, "Your card was declined. This transaction requires authentication."),
    (ErrorCode::ChargeAlreadyRefunded, "The charge has already been refunded."),
    (ErrorCode::ExpiredCard, "Your card has expired."),
    (ErrorCode::IncorrectCvc, "Your card's security code is incorrect."),
    (ErrorCode::IncorrectNumber, "Your card number is incorrect."),
    (ErrorCode::InvalidCvc, "Your card's security code is invalid."),
    (ErrorCode::InvalidExpiryMonth, "Your card's expiration month is invalid."),
    (ErrorCode::InvalidExpiryYear, "Your card's expiration year is invalid."),
    (
        ErrorCode::PaymentIntentAuthenticationFailure,
        "The provided payment method has failed authentication. You can provide payment_method_data or a new \
         PaymentMethod to attempt to fulfill this PaymentIntent again.",
    ),
    (ErrorCode::ProcessingError, "An error occurred while processing your card. Try again in a little bit."),
    (
        ErrorCode::SetupIntentAuthenticationFailure,
        "The provided payment method has failed authentication. You can provide a new PaymentMethod to \
         attempt to fulfill this SetupIntent again.",
    ),
];

impl Decline {
    /// The decline of an operation that never arrived, or was answered in a way that can't be read.
    #[must_use]
    pub fn processing_error() -> Self {
        Self::plain(ErrorCode::ProcessingError)
    }

    /// A decline with a code and nothing else.
    #[must_use]
    pub fn plain(code: ErrorCode) -> Self {
        Self { code: code.as_str().to_owned(), decline_code: None, advice_code: None, param: None }
    }

    /// The code of the contract, and its sentence.
    #[must_use]
    pub fn said(&self) -> (ErrorCode, &'static str) {
        let known = SENTENCES.iter().find(|(code, _)| code.as_str() == self.code);
        match (known, self.decline_code.as_deref()) {
            (Some((code, sentence)), _) => (*code, *sentence),
            (None, Some("insufficient_funds")) => {
                (ErrorCode::CardDeclined, "Your card has insufficient funds.")
            }
            (None, _) => (ErrorCode::CardDeclined, "Your card was declined."),
        }
    }
}
