//! Handlers that are the same for every resource: create, update, delete, retrieve.

use axum::extract::State;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::clock;
use crate::contract::Kind as _;
use crate::domain::{Creatable, Create, Delete, Resource, Updatable, Update, missing};
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::params::{NoParams, Params, PathId, end_of};
use crate::http::render::{self, Rendered};
use crate::http::request::caller::Caller;

/// Create an object.
pub(super) async fn create<R: Creatable<Params: DeserializeOwned>>(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<R::Params>,
) -> Result<Rendered, ApiError> {
    let command = Create::<R> { new: caller.new_object(), params };
    Ok(app.log.append(caller.cause(), &command).await?.into())
}

/// Update an object. An update that changes nothing appends nothing.
pub(super) async fn update<R: Updatable<Changes: DeserializeOwned>>(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<R::Kind>,
    Params(changes): Params<R::Changes>,
) -> Result<Rendered, ApiError> {
    let command = Update::<R> { id, changes, now: clock::now() };
    Ok(app.log.append(caller.cause(), &command).await?.into())
}

/// Delete an object.
pub(super) async fn delete<R: Resource>(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<R::Kind>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    app.log.append(caller.cause(), &Delete::<R> { id }).await?;
    render::deleted(R::Kind::RESOURCE, &id.to_string())
}

/// The parameters of a retrieval.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetrieveParams {
    /// Show the object as it was at the end of that second, from the log.
    as_of: Option<i64>,
}

/// Retrieve an object, or the remains of a deleted one; as it is, or as it was.
pub(super) async fn retrieve<R: Resource>(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<R::Kind>,
    Params(params): Params<RetrieveParams>,
) -> Result<Rendered, ApiError> {
    let account = caller.account.id;
    let stored = match params.as_of {
        None => app.reader.object(account, id).await?,
        Some(second) => app.reader.object_as_of(account, id, end_of(second)).await?,
    };
    render::stored(R::Kind::RESOURCE, stored.ok_or_else(|| missing::<R::Kind>(&id))?)
}
