//! The outermost layer: each request gets an id, a deadline, one log line, and an answer even if a handler
//! panics.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::card_numbers;
use super::context::{RequestId, Trace};
use super::headers::{VERSION, is_version};
use super::wire;
use crate::contract::API_VERSION;
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::metrics::route_labels;
use crate::trace::{Kind, Span};
use crate::{clock, id};

/// The longest time of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The header with the caller's place in a trace (W3C Trace Context). A value that can't be read is passed
/// over, as the recommendation wants it.
const TRACEPARENT: &str = "traceparent";

/// The path in the log of a request that holds the number of a card.
const HIDDEN: &str = "(hidden)";

/// Runs a request.
pub(super) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _under_way = app.metrics.begun();
    let labels = route_labels(request.method(), request.extensions());
    let id = id::request_id(clock::now());
    let refused = card_numbers::in_head(app.card_numbers, &request);
    let path = request.uri().path();
    let is_api = path.starts_with("/v1");
    let path = if refused.is_none() { path.to_owned() } else { HIDDEN.to_owned() };
    let asked = request.headers().get(VERSION).filter(|version| refused.is_none() && is_version(version));
    let asked = asked.cloned();
    let version = asked.unwrap_or(HeaderValue::from_static(API_VERSION));
    request.extensions_mut().insert(RequestId(id.clone()));
    let from = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut span = Span::begin(|| labels.name(), Kind::Server, from);
    let trace = span.as_ref().map(Span::context).or(from);
    request.extensions_mut().insert(Trace(trace));
    let answer = async {
        match refused {
            Some(error) => ApiError::from(error).into_response(),
            None => next.run(request).await,
        }
    };
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, AssertUnwindSafe(answer).catch_unwind());
    let mut response = match answer.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => ApiError::Internal.into_response(),
        Err(_) => ApiError::Unavailable.into_response(),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("request-id", value);
    }
    response.headers_mut().insert(VERSION, version);
    if is_api {
        wire::protect(&mut response);
    }
    let status = response.status().as_u16();
    if let Some(mut span) = span.take() {
        span.say("http.route", labels.route().to_owned());
        span.say("http.response.status_code", i64::from(status));
        span.say("calmony.request", id.clone());
        span.end((status >= 500).then_some("5xx"));
    }
    let (took, method) = (started.elapsed(), labels.method().to_owned());
    app.metrics.answered(labels, status, took);
    let milliseconds = took.as_millis();
    tracing::debug!(%method, path, status, milliseconds, request = id, "answered");
    response
}
