//! Parameters as the type that a handler wants.

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::tree::Tree;
use crate::domain::{ParameterError, Problem};
use crate::http::error::ApiError;

/// True for a request whose parameters only narrow its answer down.
pub(crate) fn only_filters(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE)
}

/// Reads the parameters of a request into a `T`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Params<T>(pub T);

/// The same for parameters that only narrow a selection down: none of them may be empty, with any method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Filters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        take_params(parts, true).map(Self)
    }
}

/// A request that takes no parameters.
#[derive(Debug, Clone, Copy, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let only_filters = only_filters(&parts.method);
        take_params(parts, only_filters).map(Self)
    }
}

/// The parameters, taken from the request.
fn take_params<T: DeserializeOwned>(parts: &mut Parts, only_filters: bool) -> Result<T, ApiError> {
    let tree = parts.extensions.remove::<Tree>().unwrap_or_else(|| Tree::Map(Vec::new()));
    let empty = if only_filters { tree.refuse_empty() } else { Ok(()) };
    let params = T::deserialize(tree);
    // An unknown parameter is refused as unknown, empty or not.
    if let Err(ParameterError { problem: Problem::Unknown, .. }) = params {
        return Ok(params?);
    }
    empty?;
    Ok(params?)
}
