//! Ids in paths.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::contract::Kind;
use crate::domain::missing;
use crate::http::error::ApiError;
use crate::id::Id;

/// The id in a route's path. A text that is no id of a `K` names nothing: 404, as for any other id that is
/// not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathId<K: Kind>(pub Id<K>);

impl<S: Send + Sync, K: Kind> FromRequestParts<S> for PathId<K> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text =
            Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text).unwrap_or_default();
        Ok(Self(text.parse().map_err(|_| missing::<K>(&text))?))
    }
}
