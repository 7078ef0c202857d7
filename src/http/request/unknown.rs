//! Requests that no route takes.

use axum::extract::Request;

use crate::http::error::ApiError;

/// There is no such path.
pub(crate) async fn unknown_route(request: Request) -> ApiError {
    ApiError::UnknownRoute(request.method().clone(), request.uri().path().to_owned())
}

/// There is, but not with that method.
pub(super) async fn method_not_allowed(request: Request) -> ApiError {
    ApiError::MethodNotAllowed(request.method().clone(), request.uri().path().to_owned())
}
