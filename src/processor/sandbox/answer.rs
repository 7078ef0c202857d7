//! Answers: the status of each refusal, and the words of a faulty gateway instead.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;

use super::operation::Refusal;
use super::writer::Failure;
use crate::processor::Decline;

/// A mark in the extensions of an answer that is not sent: the connection ends instead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsent;

/// An answer of the protocol.
pub(super) fn ok(body: &impl Serialize) -> Response {
    json_with(StatusCode::OK, body)
}

/// A refusal of the protocol.
fn error(status: StatusCode, code: &str, message: &str) -> Response {
    json_with(status, &json!({ "error": { "code": code, "message": message } }))
}

fn json_with(status: StatusCode, body: &impl Serialize) -> Response {
    // Values of this module and types of the protocol can always be written.
    let text = serde_json::to_string(body).unwrap_or_default();
    (status, [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], text).into_response()
}

/// A parameter is wrong.
pub(super) fn invalid(message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "invalid", message)
}

/// The secret is missing or wrong.
pub(super) fn unauthorized() -> Response {
    error(StatusCode::UNAUTHORIZED, "unauthorized", "The secret is missing or wrong.")
}

/// The body is longer than the bound.
pub(super) fn too_large() -> Response {
    error(StatusCode::PAYLOAD_TOO_LARGE, "invalid", "The body is too large.")
}

/// The body took too long.
pub(super) fn too_slow() -> Response {
    error(StatusCode::REQUEST_TIMEOUT, "invalid", "The body took too long.")
}

/// There is no such path, or not with that method.
pub(super) fn no_such_route() -> Response {
    error(StatusCode::NOT_FOUND, "no_such_route", "There is nothing at this path, or not with this method.")
}

/// No operation has that key.
pub(super) fn never_seen() -> Response {
    error(StatusCode::NOT_FOUND, "never_seen", "No operation with this key was ever seen.")
}

/// No card has that name.
pub(super) fn no_such_source() -> Response {
    error(StatusCode::NOT_FOUND, "no_such_source", "There is no test card of this name.")
}

/// A card is refused for good.
pub(super) fn declined(decline: &Decline) -> Response {
    let message = "The card is refused. A sandbox takes published test cards only.";
    let body = json!({ "error": { "code": "card_error", "message": message }, "decline": decline });
    json_with(StatusCode::PAYMENT_REQUIRED, &body)
}

/// Nobody knows whether it was done: the key has to be asked for.
pub(super) fn unavailable() -> Response {
    error(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The sandbox can't answer now. Ask for the key.")
}

/// The answer to something that wasn't decided.
pub(super) fn failed(failure: &Failure) -> Response {
    match failure {
        Failure::Refused(Refusal::Invalid(message)) => invalid(message),
        Failure::Refused(Refusal::KeyConflict) => error(
            StatusCode::CONFLICT,
            "key_conflict",
            "This key was used with other parameters. Nothing was done.",
        ),
        Failure::Refused(Refusal::NoSuchMethod) => {
            error(StatusCode::NOT_FOUND, "no_such_method", "There is no such method.")
        }
        Failure::Refused(Refusal::NoSuchReference) => {
            error(StatusCode::NOT_FOUND, "no_such_reference", "There is no authorisation of this reference.")
        }
        Failure::Unavailable(reason) => {
            tracing::warn!(reason, "a request can't be answered");
            unavailable()
        }
    }
}

/// The same page, for an address that leads to nothing.
pub(super) fn not_found(mut page: Response) -> Response {
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

/// The page of a gateway that can't reach the server behind it.
pub(super) fn bad_gateway() -> Response {
    let page = "<html><head><title>502 Bad Gateway</title></head>\
                <body><center><h1>502 Bad Gateway</h1></center></body></html>\n";
    (StatusCode::BAD_GATEWAY, [(CONTENT_TYPE, "text/html")], page).into_response()
}

/// No answer: the connection ends.
pub(super) fn unsent() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(Unsent);
    response
}
