//! The refusals of cards, in the words that Stripe's clients know.

use axum::http::StatusCode;
use serde_json::Value;

use super::sent::{CARD, INVALID_REQUEST, Sent};
use crate::contract::ErrorCode;
use crate::domain::types::decline::Decline;

/// A card that was declined.
pub(super) fn declined(decline: Decline) -> Sent {
    let (code, sentence) = decline.said();
    Sent {
        kind: CARD,
        decline_code: decline.decline_code,
        advice_code: decline.advice_code,
        ..Sent::invalid(StatusCode::PAYMENT_REQUIRED, sentence).with(code, decline.param)
    }
}

/// A payment or a setup that was declined. The intent, as JSON, has the error in it.
pub(super) fn payment(object: &str) -> Sent {
    let intent: Value = serde_json::from_str(object).unwrap_or_default();
    let name = if intent.get("last_setup_error").is_some() { "setup_intent" } else { "payment_intent" };
    let error = intent.get("last_payment_error").or_else(|| intent.get("last_setup_error"));
    let error = error.and_then(Value::as_object).cloned().unwrap_or_default();
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = text("code").and_then(|code| ErrorCode::from_wire(&code)).unwrap_or(ErrorCode::CardDeclined);
    let message = text("message").unwrap_or_else(|| "Your card was declined.".to_owned());
    let mut sent = Sent {
        kind: if text("type").as_deref() == Some(INVALID_REQUEST) { INVALID_REQUEST } else { CARD },
        decline_code: text("decline_code"),
        advice_code: text("advice_code"),
        ..Sent::invalid(StatusCode::PAYMENT_REQUIRED, message).with(code, text("param"))
    };
    for part in ["charge", "payment_method", "payment_method_type"] {
        if let Some(value) = error.get(part) {
            sent = sent.about(part, value.clone());
        }
    }
    sent.about(name, intent)
}
