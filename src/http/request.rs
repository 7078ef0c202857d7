//! What every request gets: an id, a deadline, one log line, and an answer even if a handler panics.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::App;
use super::error::ApiError;
use super::metrics::asked;
use super::wire;
use crate::contract::API_VERSION;
use crate::domain::{ParameterError, Problem};
use crate::trace::{Kind, Span, TraceContext};
use crate::{clock, id};

/// How long a request may take.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the caller stands in a trace (W3C Trace Context). What can't be read is passed over, as the recommendation wants it.
const TRACEPARENT: &str = "traceparent";

/// The API version that a client was written for. There is one version of answers; the header is echoed.
const VERSION: &str = "stripe-version";

/// The longest name of a release in it.
const TRAIN_MAX: usize = 32;

/// Whether a text is of the form `2026-10-28` or `2026-10-28.endive`.
fn is_version(version: &HeaderValue) -> bool {
    let Ok(version) = version.to_str() else { return false };
    let (date, train) = version.split_once('.').unwrap_or((version, "a"));
    let parts: Vec<&str> = date.split('-').collect();
    let is_number =
        |part: &str, digits| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
    let [year, month, day] = parts.as_slice() else { return false };
    let is_date = is_number(year, 4) && is_number(month, 2) && is_number(day, 2);
    let is_train = (1..=TRAIN_MAX).contains(&train.len());
    is_date && is_train && train.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Refuses what can't be done for a client that asks for it in a header: another form of version, or another account.
pub(super) async fn check_headers(request: Request, next: Next) -> Result<Response, ApiError> {
    if request.headers().get(VERSION).is_some_and(|version| !is_version(version)) {
        let problem = Problem::Malformed("expected a version such as 2026-10-28.endive".to_owned());
        return Err(ParameterError::new("Stripe-Version", problem).into());
    }
    for name in ["Stripe-Account", "Stripe-Context"] {
        if request.headers().contains_key(name) {
            let problem = Problem::Malformed("there are no connected accounts here".to_owned());
            return Err(ParameterError::new(name, problem).into());
        }
    }
    Ok(next.run(request).await)
}

/// The id of a request, `req_…`: in the `Request-Id` header of its answer, in its log line and in the events it causes.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// Where a request stands in a distributed trace; the events that it causes stand there, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trace(pub(super) Option<TraceContext>);

/// Runs a request.
pub(super) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _under_way = app.metrics.begun();
    let asked_for = asked(request.method(), request.extensions());
    let id = id::request_id(clock::now());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let asked = request.headers().get(VERSION).filter(|version| is_version(version)).cloned();
    let version = asked.unwrap_or(HeaderValue::from_static(API_VERSION));
    request.extensions_mut().insert(RequestId(id.clone()));
    let from = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut span = Span::begin(|| asked_for.name(), Kind::Server, from);
    let trace = span.as_ref().map(Span::context).or(from);
    request.extensions_mut().insert(Trace(trace));
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, AssertUnwindSafe(next.run(request)).catch_unwind());
    let mut response = match answer.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => ApiError::Internal.into_response(),
        Err(_) => ApiError::Unavailable.into_response(),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("request-id", value);
    }
    response.headers_mut().insert(VERSION, version);
    wire::protect(&path, &mut response);
    let status = response.status().as_u16();
    if let Some(mut span) = span.take() {
        span.say("http.route", asked_for.route().to_owned());
        span.say("http.response.status_code", i64::from(status));
        span.say("calmony.request", id.clone());
        span.end((status >= 500).then_some("5xx"));
    }
    app.metrics.answered(asked_for, status, started.elapsed());
    let milliseconds = started.elapsed().as_millis();
    tracing::debug!(%method, path, status, milliseconds, request = id, "answered");
    response
}
