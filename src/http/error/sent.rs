//! An error as it is sent.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::contract::ErrorCode;

pub(super) const INVALID_REQUEST: &str = "invalid_request_error";
pub(super) const IDEMPOTENCY: &str = "idempotency_error";
pub(super) const CARD: &str = "card_error";
pub(super) const OURS: &str = "api_error";

/// An error as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) code: Option<ErrorCode>,
    pub(super) param: Option<String>,
    pub(super) message: String,
    /// The issuer's reason, where a card was declined.
    pub(super) decline_code: Option<String>,
    /// The issuer's advice, where a card was declined.
    pub(super) advice_code: Option<String>,
    /// The objects that the error is about, and its other members.
    pub(super) more: Map<String, Value>,
}

impl Sent {
    /// A request that can't be done as it is.
    pub(super) fn invalid(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: INVALID_REQUEST,
            code: None,
            param: None,
            message: message.into(),
            decline_code: None,
            advice_code: None,
            more: Map::new(),
        }
    }

    /// A key that is used for something else, or at this moment.
    pub(super) fn idempotency(status: StatusCode, message: &str) -> Self {
        Self { kind: IDEMPOTENCY, ..Self::invalid(status, message) }
    }

    /// Something that the caller can't help.
    pub(super) fn ours(status: StatusCode, message: &str) -> Self {
        Self { kind: OURS, ..Self::invalid(status, message) }
    }

    /// Something that the caller tries again.
    pub(super) fn unavailable(message: &str) -> Self {
        Self::ours(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// More than an account or a key may.
    pub(super) fn too_many(message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::TOO_MANY_REQUESTS, message).with(ErrorCode::RateLimit, None)
    }

    /// The same with an object that it is about.
    pub(super) fn about(mut self, name: &str, object: Value) -> Self {
        self.more.insert(name.to_owned(), object);
        self
    }

    /// The same with the code that programs branch on, and the parameter it is about.
    pub(super) fn with(self, code: ErrorCode, param: Option<String>) -> Self {
        Self { code: Some(code), param, ..self }
    }
}
