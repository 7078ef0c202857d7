//! Requests that no route takes.

use axum::extract::Request;

use crate::http::error::ApiError;

/// The refusal of a path that isn't there.
pub(crate) async fn unknown_route(request: Request) -> ApiError {
    ApiError::UnknownRoute(request.method().clone(), request.uri().path().to_owned())
}

/// The refusal of a path that is there, but not with that method.
pub(super) async fn method_not_allowed(request: Request) -> ApiError {
    ApiError::MethodNotAllowed(request.method().clone(), request.uri().path().to_owned())
}
