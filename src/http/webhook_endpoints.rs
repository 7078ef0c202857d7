//! `/v1/webhook_endpoints`.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::App;
use super::caller::Caller;
use super::error::ApiError;
use super::lists::{self, PathId};
use super::params::{NoParams, Params};
use super::render::{self, Rendered};
use super::targets;
use crate::clock;
use crate::contract::{Kind as _, WebhookEndpoint};
use crate::domain::webhook_endpoint::{self, Changes, CreateParams};
use crate::id::Id;
use crate::read::objects::ObjectFilter;
use crate::secret::SigningSecret;

/// The parameters of a list of endpoints.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListParams {
    ending_before: Option<String>,
    limit: Option<i64>,
    starting_after: Option<String>,
}

/// Create an endpoint. Only this answer shows its signing secret.
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<CreateParams>,
) -> Result<Rendered, ApiError> {
    webhook_endpoint::check_count(app.reader.endpoint_count(caller.account.id).await?)?;
    targets::check(&app, Some(params.url())).await?;
    let livemode = caller.account.livemode;
    let command = webhook_endpoint::Create { id: Id::generate(clock::now()), livemode, params };
    let secret = SigningSecret::generate();
    let snapshot = app.log.append_with_secret(caller.cause(), &command, &secret).await?;
    let mut shown: Map<String, Value> = serde_json::from_str(&snapshot.data)?;
    shown.insert("secret".to_owned(), secret.reveal().into());
    Ok(Rendered(serde_json::to_string(&shown)?))
}

/// Update an endpoint. What changes nothing appends nothing.
pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<WebhookEndpoint>,
    Params(changes): Params<Changes>,
) -> Result<Rendered, ApiError> {
    targets::check(&app, changes.url()).await?;
    Ok(app.log.append(caller.cause(), &webhook_endpoint::Update { id, changes }).await?.into())
}

/// Delete an endpoint: nothing is sent to it any more.
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<WebhookEndpoint>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    app.log.append(caller.cause(), &webhook_endpoint::Delete { id }).await?;
    render::deleted(WebhookEndpoint::RESOURCE, &id.to_string())
}

/// Retrieve an endpoint. A deleted one is gone.
pub(super) async fn retrieve(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<WebhookEndpoint>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    let stored = app.reader.object(caller.account.id, id).await?.filter(|stored| !stored.deleted);
    Ok(Rendered(stored.ok_or_else(|| webhook_endpoint::missing(&id))?.data))
}

/// List endpoints, newest first.
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = lists::page(params.limit, params.starting_after, params.ending_before)?;
    let filter = ObjectFilter::default();
    lists::objects::<WebhookEndpoint>(&app, &caller, "/v1/webhook_endpoints", &filter, &page).await
}
