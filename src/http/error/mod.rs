//! The one place that knows status codes: each error, in the form that Stripe's clients expect.
//!
//! The SDKs choose their exception by the status, programs branch on `code`, people read `message`, and
//! `param` says which parameter it is about.

mod declined;
mod problem;
mod refusal;
mod sent;
mod state;

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::header::{ACCEPT_ENCODING, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock;
use crate::contract::ErrorCode;
use crate::database::DatabaseError;
use crate::domain::types::decline::Decline;
use crate::domain::{ParameterError, Rejection};
use crate::flow::FlowError;
use crate::log::AppendError;
pub(crate) use problem::{HttpProblem, KeyProblem};
use refusal::{http, rejected, shortened};
use sent::{CARD, IDEMPOTENCY, INVALID_REQUEST, OURS, Sent};

/// The reason that a request isn't answered with 200.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The domain refused it.
    Rejected(Rejection),
    /// Its API key doesn't allow it.
    Key(KeyProblem),
    /// There is no such route.
    UnknownRoute(Method, String),
    /// There is, but not with that method.
    MethodNotAllowed(Method, String),
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body took too long to arrive.
    BodyTimeout,
    /// The body can't be read, for this reason.
    MalformedBody(String),
    /// The body is of a type that is not read.
    UnsupportedContentType(String),
    /// It is no request of HTTP/1.1 that is read here.
    Http(HttpProblem),
    /// A request with the same idempotency key is under way.
    KeyInUse,
    /// The idempotency key was used for something else: for other parameters, or for another path.
    KeyReused { same_path: bool },
    /// More requests of one key than its rate allows.
    TooManyRequests,
    /// More bytes of one account than it may have stored.
    StoresTooMuch,
    /// More requests at once than this process takes on.
    Overloaded,
    /// More of these at once than an account may have.
    TooManyAtOnce(&'static str),
    /// The documents that are searched lag behind the log.
    SearchBehind,
    /// Others kept changing the object.
    Conflict,
    /// The database can't be reached or the server is too slow just now.
    Unavailable,
    /// The card was declined.
    Declined(Decline),
    /// A payment or a setup was declined; the intent as JSON, with the error in it.
    PaymentDeclined(String),
    /// No processor is configured for the mode of the key.
    NoProcessor,
    /// The processor can't be asked at this moment. Nothing was done.
    ProcessorAway,
    /// A defect of ours. The details are in the log, under the request id.
    Internal,
}

impl From<HttpProblem> for ApiError {
    fn from(problem: HttpProblem) -> Self {
        Self::Http(problem)
    }
}

impl From<KeyProblem> for ApiError {
    fn from(problem: KeyProblem) -> Self {
        Self::Key(problem)
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<ParameterError> for ApiError {
    fn from(error: ParameterError) -> Self {
        Self::Rejected(Rejection::Parameter(error))
    }
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(reason) | DatabaseError::Conflict(reason) => {
                warn_sometimes(&reason);
                Self::Unavailable
            }
            DatabaseError::TooManyReads => Self::TooManyAtOnce("reads"),
            DatabaseError::Refused(reason) | DatabaseError::Duplicate { said: reason, .. } => {
                tracing::error!(reason, "the database refused a statement");
                Self::Internal
            }
        }
    }
}

/// Says that the database is away, at most once a second however many requests find out.
fn warn_sometimes(reason: &str) {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = clock::now().seconds();
    if LAST.swap(now, Ordering::Relaxed) != now {
        tracing::warn!(reason, "the database is not available");
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Rejected(rejection) => Self::Rejected(rejection),
            // The layer above looks for the stored answer; where it isn't found now, a retry finds it.
            AppendError::KeyUsed => Self::KeyInUse,
            AppendError::Conflict => Self::Conflict,
            AppendError::TooMuch => Self::StoresTooMuch,
            AppendError::Endless => {
                tracing::error!("a command asks for objects without end");
                Self::Internal
            }
            AppendError::Database(error) => error.into(),
            AppendError::Snapshot(error) => error.into(),
        }
    }
}

impl From<FlowError> for ApiError {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Append(error) => error.into(),
            FlowError::Declined(decline) => Self::Declined(decline),
            FlowError::PaymentDeclined(object) => Self::PaymentDeclined(object),
            FlowError::NoProcessor => Self::NoProcessor,
            FlowError::TooMany => Self::TooManyAtOnce("payments"),
            FlowError::ProcessorAway(reason) => {
                tracing::warn!(reason, "the processor can't be asked");
                Self::ProcessorAway
            }
        }
    }
}

impl From<serde_json::Error> for ApiError {
    /// Only our own stored snapshots are read this way: clients' bodies have an error of their own.
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "a stored snapshot can't be read");
        Self::Internal
    }
}

/// Every type of error.
pub(super) const TYPES: &[&str] = &[OURS, CARD, IDEMPOTENCY, INVALID_REQUEST];

/// The statuses that a call may be answered with besides 200, and when.
pub(super) fn documented(
    method: &Method,
    has_id: bool,
    may_decline: bool,
) -> impl Iterator<Item = (u16, &'static str)> {
    let writes = *method != Method::GET;
    [
        (StatusCode::BAD_REQUEST, "A parameter is wrong; nothing was done.", true),
        (StatusCode::UNAUTHORIZED, "There is no API key, or it is none of ours.", true),
        (StatusCode::PAYMENT_REQUIRED, "The card was declined.", may_decline),
        (StatusCode::FORBIDDEN, "The API key changes nothing.", writes),
        (StatusCode::NOT_FOUND, "There is no object of that id.", has_id),
        (StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive.", true),
        (
            StatusCode::CONFLICT,
            "Another request is at the same object, or has the same idempotency key. Try again.",
            writes,
        ),
        (StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB.", true),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is neither a form nor JSON.", true),
        (StatusCode::TOO_MANY_REQUESTS, "Too much is asked at once. Try again in a moment.", true),
        (StatusCode::INTERNAL_SERVER_ERROR, "A defect of ours.", true),
        (StatusCode::SERVICE_UNAVAILABLE, "The service is not available just now. Try again.", true),
    ]
    .into_iter()
    .filter_map(|(status, when, applies)| applies.then_some((status.as_u16(), when)))
}

impl From<ApiError> for Sent {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Rejected(rejection) => rejected(rejection),
            ApiError::Key(problem) => key(problem),
            ApiError::UnknownRoute(method, path) => Self::invalid(
                StatusCode::NOT_FOUND,
                format!("Unrecognized request URL ({}: {}).", shortened(method.as_str()), shortened(&path)),
            ),
            ApiError::MethodNotAllowed(method, path) => Self::invalid(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{} does not take {}; see Allow.", shortened(&path), shortened(method.as_str())),
            ),
            ApiError::BodyTooLarge => {
                Self::invalid(StatusCode::PAYLOAD_TOO_LARGE, "The request body is larger than 1 MiB.")
            }
            ApiError::BodyTimeout => Self::invalid(
                StatusCode::REQUEST_TIMEOUT,
                "The request body took longer than 10 seconds to \
                arrive.",
            ),
            ApiError::MalformedBody(reason) => refusal::malformed_body(&reason),
            ApiError::UnsupportedContentType(given) => refusal::content_type(&given),
            ApiError::Http(problem) => http(problem),
            ApiError::KeyInUse => Self::idempotency(
                StatusCode::CONFLICT,
                "There is currently another in-progress request using this Idempotent Key. Try again in a \
                 moment.",
            )
            .with(ErrorCode::IdempotencyKeyInUse, None),
            ApiError::KeyReused { same_path } => key_reused(same_path),
            ApiError::TooManyRequests => {
                Self::too_many("Too many requests of this key. Nothing was done; try again in a moment.")
            }
            ApiError::StoresTooMuch => Self::too_many(
                "This account has more stored at this moment than it may. Nothing was done; try again in a \
                 moment.",
            ),
            ApiError::Overloaded => Self::unavailable(
                "More is asked at this moment than can be done. Nothing was done; try again in a moment.",
            ),
            ApiError::TooManyAtOnce(what) => Self::too_many(format!(
                "Too many {what} of this account at once. Nothing was done; try again in a moment."
            )),
            ApiError::Conflict => Self::invalid(
                StatusCode::CONFLICT,
                "This object was being changed by other requests all the time. Nothing was changed; try \
                 again.",
            )
            .with(ErrorCode::LockTimeout, None),
            ApiError::SearchBehind => Self::unavailable(
                "What is searched is still being brought up to date. It goes on where it is; try again in a \
                 moment.",
            ),
            ApiError::Declined(decline) => declined::declined(decline),
            ApiError::PaymentDeclined(object) => declined::payment(&object),
            ApiError::NoProcessor => no_processor(),
            ApiError::ProcessorAway => Self::unavailable(
                "The payment processor can't be reached just now. Nothing was done; try again in a moment.",
            ),
            ApiError::Unavailable => Self::unavailable("The service is not available just now. Try again."),
            ApiError::Internal => Self::ours(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong on our side. The Request-Id header names this request in our logs.",
            ),
        }
    }
}

/// The refusal of a card where nobody takes it.
fn no_processor() -> Sent {
    Sent::invalid(
        StatusCode::BAD_REQUEST,
        "No payment processor is configured for this mode, so cards can't be taken. An operator names one \
         (CALMONY_PROCESSOR_URL; CALMONY_LIVE_PROCESSOR_URL for live keys).",
    )
}

/// The refusal of an idempotency key that was used for something else.
fn key_reused(same_path: bool) -> Sent {
    let same = if same_path {
        "with the same parameters they were first used with"
    } else {
        "for the same endpoint they were first used for"
    };
    let message = format!("Keys for idempotent requests can only be used {same}.");
    Sent::idempotency(StatusCode::BAD_REQUEST, &message)
}

/// The refusals of API keys.
fn key(problem: KeyProblem) -> Sent {
    match problem {
        KeyProblem::Missing => Sent::invalid(
            StatusCode::UNAUTHORIZED,
            "You did not provide an API key. Provide it in the Authorization header, as a Bearer token \
             (Authorization: Bearer sk_test_…) or as the user name of HTTP Basic (curl -u sk_test_…:).",
        ),
        KeyProblem::Invalid(hint) => {
            Sent::invalid(StatusCode::UNAUTHORIZED, format!("Invalid API Key provided: {hint}"))
        }
        KeyProblem::Signature => Sent::invalid(
            StatusCode::UNAUTHORIZED,
            "The notice is not signed with the processor's secret, or was signed more than five minutes ago.",
        ),
        KeyProblem::Expired(hint) => {
            Sent::invalid(StatusCode::UNAUTHORIZED, format!("Expired API Key provided: {hint}"))
                .with(ErrorCode::ApiKeyExpired, None)
        }
        KeyProblem::ReadsOnly(hint) => Sent::invalid(
            StatusCode::FORBIDDEN,
            format!(
                "The provided key '{hint}' does not have the required permissions for this call: it reads \
                 only."
            ),
        ),
    }
}

#[derive(Serialize)]
struct Envelope {
    error: Body,
}

#[derive(Serialize)]
struct Body {
    r#type: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice_code: Option<String>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// Goes with an answer that refuses the number of a card, for layers that show it in another way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CardNumberRefused;

/// The ways to show a key.
const CHALLENGES: [&str; 2] =
    ["Bearer realm=\"Calmony Pay\"", "Basic realm=\"Calmony Pay\", charset=\"UTF-8\""];

/// The advice to the SDKs on trying again by themselves; `None` where they do as they like, as after a defect
/// of ours.
fn should_retry(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::CONFLICT
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::TOO_MANY_REQUESTS => Some("true"),
        status if status.is_client_error() => Some("false"),
        _ => None,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let is_packed = matches!(self, Self::Http(HttpProblem::Packed(_)));
        let Sent { status, kind, code, param, message, decline_code, advice_code, more } = Sent::from(self);
        let holds_card_number = code == Some(ErrorCode::CardNumberForbidden);
        let code = code.map(ErrorCode::as_str);
        let body = Body { r#type: kind, message, code, param, decline_code, advice_code, more };
        let mut response = (status, axum::Json(Envelope { error: body })).into_response();
        if let Some(retry) = should_retry(status) {
            response.headers_mut().insert("stripe-should-retry", HeaderValue::from_static(retry));
        }
        if status == StatusCode::UNAUTHORIZED {
            for challenge in CHALLENGES {
                response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
        }
        if holds_card_number {
            response.extensions_mut().insert(CardNumberRefused);
        }
        if is_packed {
            response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        response
    }
}

#[cfg(test)]
mod tests;
