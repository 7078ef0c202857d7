//! The refusals of cards, in the words that Stripe's clients know.

use axum::http::StatusCode;

use super::sent::{CARD, Sent};
use crate::contract::ErrorCode;
use crate::flow::Decline;

/// The codes of declines, each with its sentence. A code that an adapter made up is a declined card.
pub(super) const SENTENCES: &[(ErrorCode, &str)] = &[
    (ErrorCode::AuthenticationRequired, "Your card was declined. This transaction requires authentication."),
    (ErrorCode::ExpiredCard, "Your card has expired."),
    (ErrorCode::IncorrectCvc, "Your card's security code is incorrect."),
    (ErrorCode::IncorrectNumber, "Your card number is incorrect."),
    (ErrorCode::InvalidCvc, "Your card's security code is invalid."),
    (ErrorCode::InvalidExpiryMonth, "Your card's expiration month is invalid."),
    (ErrorCode::InvalidExpiryYear, "Your card's expiration year is invalid."),
    (ErrorCode::ProcessingError, "An error occurred while processing your card. Try again in a little bit."),
];

/// A card that was declined.
pub(super) fn declined(decline: Decline) -> Sent {
    let known = SENTENCES.iter().find(|(code, _)| code.as_str() == decline.code);
    let (code, sentence) = match (known, decline.decline_code.as_deref()) {
        (Some((code, sentence)), _) => (*code, *sentence),
        (None, Some("insufficient_funds")) => (ErrorCode::CardDeclined, "Your card has insufficient funds."),
        (None, _) => (ErrorCode::CardDeclined, "Your card was declined."),
    };
    Sent {
        kind: CARD,
        decline_code: decline.decline_code,
        advice_code: decline.advice_code,
        ..Sent::invalid(StatusCode::PAYMENT_REQUIRED, sentence).with(code, decline.param)
    }
}
