//! What every request gets: an id, a deadline, one log line, and an answer even if a handler panics.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::error::ApiError;
use crate::{clock, id};

/// How long a request may take.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The id of a request, `req_…`: in the `Request-Id` header of its answer, in its log line and in the events it causes.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// Runs a request.
pub(super) async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = id::request_id(clock::now());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, AssertUnwindSafe(next.run(request)).catch_unwind());
    let mut response = match answer.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => ApiError::Internal.into_response(),
        Err(_) => ApiError::Unavailable.into_response(),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("request-id", value);
    }
    let status = response.status().as_u16();
    let milliseconds = started.elapsed().as_millis();
    tracing::debug!(%method, path, status, milliseconds, request = id, "answered");
    response
}
