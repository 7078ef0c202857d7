//! `/v1/webhook_endpoints`.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::objects;
use crate::clock;
use crate::contract::{EventType, WebhookEndpoint};
use crate::domain::webhook_endpoint::{
    Changes, CreateParams, RollSecret, WebhookEndpoint as Endpoint, check_count,
};
use crate::domain::{Command, Create, ParameterError, Problem, Snapshot, Updatable as _, Update, missing};
use crate::http::app::App;
use crate::http::contract::component::{Component, Deleted, ListOf, with};
use crate::http::contract::route::{Route, delete, get, patch, post};
use crate::http::error::ApiError;
use crate::http::page::{self, PageParams};
use crate::http::params::{NoParams, Params, PathId};
use crate::http::render::{self, Rendered};
use crate::http::request::caller::Caller;
use crate::http::request::idempotency;
use crate::http::targets;
use crate::id::Id;
use crate::log::NewSecret;
use crate::log::idempotency::Answer;
use crate::read::objects::{ObjectFilter, StoredObject};
use crate::secret::SigningSecret;

/// The time for which the earlier secrets sign on where the caller sets none, in seconds: a day.
const OVERLAP_DEFAULT: i64 = 24 * 3600;
/// The longest overlap, in seconds: a week.
const OVERLAP_MAX: i64 = 7 * 24 * 3600;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    let update = |route: Route| {
        let route = route.emits(&[EventType::WebhookEndpointUpdated]).takes::<Changes>();
        route.summary("Update an endpoint: pause, disable or enable it, too.").answers::<Endpoint>()
    };
    vec![
        post("/v1/webhook_endpoints", create)
            .summary("Create an endpoint. Only this answer and that of a roll show a signing secret.")
            .emits(&[EventType::WebhookEndpointCreated])
            .takes::<CreateParams>()
            .answers::<WithSecret>(),
        get("/v1/webhook_endpoints", list)
            .summary("List endpoints, newest first.")
            .takes::<PageParams>()
            .answers::<ListOf<Endpoint>>(),
        get("/v1/webhook_endpoints/{id}", retrieve).summary("Retrieve an endpoint.").answers::<Endpoint>(),
        update(post("/v1/webhook_endpoints/{id}", self::update)),
        update(patch("/v1/webhook_endpoints/{id}", self::update)),
        delete("/v1/webhook_endpoints/{id}", objects::delete::<Endpoint>)
            .summary("Delete an endpoint. Nothing is sent to it any more.")
            .emits(&[EventType::WebhookEndpointDeleted])
            .answers::<Deleted<Endpoint>>(),
        post("/v1/webhook_endpoints/{id}/roll_secret", roll_secret)
            .summary(
                "Give an endpoint another signing secret. The earlier ones go on signing for `overlap` \
                 seconds.",
            )
            .emits(&[EventType::WebhookEndpointSecretRolled])
            .takes::<RollParams>()
            .answers::<WithSecret>(),
    ]
}

/// An endpoint with its signing secret.
struct WithSecret;

impl Component for WithSecret {
    fn name() -> String {
        "WebhookEndpointWithSecret".to_owned()
    }

    fn schema() -> Value {
        with::<Endpoint>("secret", json!({ "type": "string", "pattern": "^whsec_" }))
    }
}

/// The parameters of a roll.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = SecretRollParams)]
struct RollParams {
    #[schema(minimum = 0, maximum = 604_800)]
    overlap: Option<i64>,
}

/// Create an endpoint. Only this answer shows its signing secret.
async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<CreateParams>,
) -> Result<Rendered, ApiError> {
    check_count(app.reader.endpoint_count(caller.account.id).await?)?;
    let command = Create::<Endpoint> { new: caller.new_object(), params };
    // Every other problem is found before its name is looked up.
    targets::check(&app, caller.account.id, command.object()?.url()).await?;
    let secret = SigningSecret::generate();
    let sealed = app.keyring.seal(&secret, &command.new.id.to_string());
    let brings = NewSecret { sealed, overlap_seconds: None };
    append_with_secret(&app, &caller, &command, (&secret, &brings)).await
}

/// Give an endpoint another signing secret. The earlier ones go on signing for a while, so that the receiver
/// has time to change over. Only this answer shows the new one.
async fn roll_secret(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<WebhookEndpoint>,
    Params(params): Params<RollParams>,
) -> Result<Rendered, ApiError> {
    let overlap = params.overlap.unwrap_or(OVERLAP_DEFAULT);
    if !(0..=OVERLAP_MAX).contains(&overlap) {
        return Err(ParameterError::new("overlap", Problem::OutOfRange(0, OVERLAP_MAX)).into());
    }
    let secret = SigningSecret::generate();
    let sealed = app.keyring.seal(&secret, &id.to_string());
    let brings = NewSecret { sealed, overlap_seconds: i32::try_from(overlap).ok() };
    let command = RollSecret { id };
    append_with_secret(&app, &caller, &command, (&secret, &brings)).await
}

/// Appends an event that brings a secret, and answers with the endpoint and the secret. That answer is stored
/// sealed.
async fn append_with_secret<C: Command>(
    app: &App,
    caller: &Caller,
    command: &C,
    (secret, brings): (&SigningSecret, &NewSecret),
) -> Result<Rendered, ApiError> {
    let cause = caller.cause();
    let place = idempotency::seal_place(cause.account, cause.idempotency_key.as_deref().unwrap_or_default());
    let shown = |snapshot: &Snapshot| render::with(&snapshot.data, "secret", secret.reveal().into());
    let sealed = |snapshot: &Snapshot| {
        let Rendered(body) = shown(snapshot)?;
        Ok(Answer::Sealed(app.keyring.seal_text(&body, &place)))
    };
    let snapshot = app.log.append(cause, command).with_secret(brings).answering(&sealed).await?;
    Ok(shown(&snapshot)?)
}

/// Update an endpoint. An update that changes nothing appends nothing.
async fn update(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<WebhookEndpoint>,
    Params(changes): Params<Changes>,
) -> Result<Rendered, ApiError> {
    let command = Update::<Endpoint> { id, changes, now: clock::now() };
    if let Some(url) = new_url(&app, &caller, &command).await? {
        targets::check(&app, caller.account.id, &url).await?;
    }
    Ok(app.log.append(caller.cause(), &command).await?.into())
}

/// The URL that an update leads to, if it is another one. Every other problem of the update is found
/// before its name is looked up.
async fn new_url(app: &App, caller: &Caller, command: &Update<Endpoint>) -> Result<Option<String>, ApiError> {
    if !command.changes.has_url() {
        return Ok(None);
    }
    let stored = living(app, caller, command.id).await?;
    let now: Endpoint = serde_json::from_str(&stored.data)?;
    let before = now.url().to_owned();
    let after = now.changed(command.changes.clone(), command.now)?;
    Ok((after.url() != before).then(|| after.url().to_owned()))
}

/// Retrieve an endpoint. A deleted one is gone.
async fn retrieve(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<WebhookEndpoint>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    Ok(Rendered(living(&app, &caller, id).await?.data))
}

/// The endpoint of that id, unless it was deleted.
pub(super) async fn living(
    app: &App,
    caller: &Caller,
    id: Id<WebhookEndpoint>,
) -> Result<StoredObject, ApiError> {
    let stored = app.reader.object(caller.account.id, id).await?.filter(|stored| !stored.deleted);
    Ok(stored.ok_or_else(|| missing::<WebhookEndpoint>(&id))?)
}

/// List endpoints, newest first.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Rendered, ApiError> {
    let page = params.page()?;
    let filter = ObjectFilter::default();
    page::objects::<Endpoint>(&app, &caller, &filter, &page).await
}
