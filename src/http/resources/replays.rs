//! `/v1/replays`, `/v1/webhook_endpoints/:id/replay` and `/v1/events/:id/retry`: owing events to an
//! endpoint once more.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{Array, ArrayBuilder, ObjectBuilder, Type};

use super::{events, webhook_endpoints};
use crate::clock::Timestamp;
use crate::contract::{Event, EventType, Replay, WebhookEndpoint};
use crate::domain::replay::{self, End, ReplayFilter, Start, Status};
use crate::domain::resource::Expands;
use crate::domain::types::rate_limit;
use crate::domain::{ParameterError, Patch, Problem, Rejection, Resource, Snapshot, missing, schema};
use crate::http::app::App;
use crate::http::contract::component::{AnyEvent, Component, ListOf, object, sent_schema_of, with};
use crate::http::contract::route::{Route, get, post};
use crate::http::error::ApiError;
use crate::http::page::{self, PageParams};
use crate::http::params::{Filters, NoParams, Params, PathId, TimeRange};
use crate::http::render::{self, Rendered};
use crate::http::request::caller::Caller;
use crate::id::{self, Id};
use crate::log::idempotency::Answer;
use crate::read::objects::ObjectFilter;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        post("/v1/webhook_endpoints/{id}/replay", start)
            .summary("Owe events of the log to an endpoint once more, or count them (`dry_run`).")
            .emits(&[EventType::ReplayCreated])
            .takes::<StartParams>()
            .answers::<replay::Replay>()
            .answers::<Preview>(),
        get("/v1/replays", list)
            .summary("List replays, newest first.")
            .takes::<PageParams>()
            .answers::<ListOf<replay::Replay>>(),
        get("/v1/replays/{id}", retrieve)
            .summary("Retrieve a replay, with how far it is.")
            .answers::<WithProgress>(),
        post("/v1/replays/{id}/cancel", cancel)
            .summary("Cancel a replay. What it has owed already stays owed.")
            .emits(&[EventType::ReplayCanceled])
            .answers::<replay::Replay>(),
        post("/v1/events/{id}/retry", retry_event)
            .summary("Owe an event to an endpoint once more.")
            .emits(&[EventType::ReplayCreated])
            .takes::<RetryParams>()
            .answers::<AnyEvent>(),
    ]
}

/// A replay, with how far it is.
struct WithProgress;

impl Component for WithProgress {
    const EXPANDS: &'static [Expands] = <replay::Replay as Resource>::EXPANDS;

    fn name() -> String {
        "ReplayWithProgress".to_owned()
    }

    fn schema() -> Value {
        let progress = object(&json!({
            "fraction": {
                "type": "number", "minimum": 0, "maximum": 1,
                "description": "How much of its part of the log is behind it.",
            },
            "owed": { "type": "integer", "description": "Deliveries it has owed so far." },
            "waiting": {
                "type": "integer",
                "description": "Deliveries that wait for the endpoint, 100,000 at the most.",
            },
        }));
        with::<replay::Replay>("progress", json!({ "oneOf": [progress, { "type": "null" }] }))
    }
}

impl Component for Preview {
    const EXPANDS: &'static [Expands] = &[Expands::id_of::<WebhookEndpoint>("webhook_endpoint")];

    fn name() -> String {
        "ReplayPreview".to_owned()
    }

    fn schema() -> Value {
        sent_schema_of::<Self>()
    }
}

/// The parameters of a replay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ReplayParams)]
struct StartParams {
    created: Option<TimeRange>,
    dry_run: bool,
    only_failed: bool,
    #[schema(schema_with = rate_limit::schema)]
    rate_limit: Option<i64>,
    #[schema(schema_with = schema::object_id)]
    related_object: Patch<String>,
    #[schema(schema_with = types_schema)]
    types: Vec<String>,
}

/// The parameters of a resend, as the Stripe CLI sends them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EventRetryParams)]
struct RetryParams {
    webhook_endpoint: String,
}

/// The size of a replay.
#[derive(Serialize, ToSchema)]
struct Preview {
    object: &'static str,
    dry_run: bool,
    /// True if all events were looked at, and not only the newest.
    complete: bool,
    matching_events: i64,
    webhook_endpoint: Id<WebhookEndpoint>,
}

/// Owe events of the log to an endpoint once more, or only count them.
async fn start(
    State(app): State<App>,
    caller: Caller,
    PathId(endpoint): PathId<WebhookEndpoint>,
    // A script whose variable is empty must not replay everything.
    Filters(params): Filters<StartParams>,
) -> Result<Rendered, ApiError> {
    webhook_endpoints::living(&app, &caller, endpoint).await?;
    let created = params.created.unwrap_or_default();
    let filter = ReplayFilter {
        created_from: created.from.map(Timestamp::seconds),
        created_until: created.until.map(Timestamp::seconds),
        event: None,
        only_failed: params.only_failed,
        related_object: related_object(params.related_object)?,
        types: types(&params.types)?,
    };
    let rate_limit = params.rate_limit.map(rate_limit::check).transpose()?;
    if params.dry_run {
        let (matching_events, complete) =
            app.reader.replay_dry_run(caller.account.id, endpoint, &filter).await?;
        let told = Preview {
            object: "replay",
            dry_run: true,
            complete,
            matching_events,
            webhook_endpoint: endpoint,
        };
        return Ok(Rendered(serde_json::to_string(&told)?));
    }
    let command = beginning(&app, &caller, endpoint, filter, rate_limit).await?;
    Ok(app.log.append(caller.cause(), &command).await?.into())
}

/// Owe one event to an endpoint once more. Answers with the event, as Stripe does.
async fn retry_event(
    State(app): State<App>,
    caller: Caller,
    PathId(event): PathId<Event>,
    Params(params): Params<RetryParams>,
) -> Result<Rendered, ApiError> {
    let rendered = events::rendered_one(&app, &caller, event).await?;
    let given = params.webhook_endpoint;
    let missing = || ApiError::from(ParameterError::no_such::<WebhookEndpoint>("webhook_endpoint", &given));
    let endpoint = given.parse::<Id<WebhookEndpoint>>().map_err(|_| missing())?;
    webhook_endpoints::living(&app, &caller, endpoint).await.map_err(|error| match error {
        ApiError::Rejected(Rejection::NoSuchObject { .. }) => missing(),
        other => other,
    })?;
    let filter = ReplayFilter { event: Some(event), ..ReplayFilter::default() };
    let command = beginning(&app, &caller, endpoint, filter, None).await?;
    let answer = |_: &Snapshot| Ok(Answer::Plain(rendered.0.clone()));
    app.log.append(caller.cause(), &command).answering(&answer).await?;
    Ok(rendered)
}

/// The command that begins a replay, unless too many run.
async fn beginning(
    app: &App,
    caller: &Caller,
    endpoint: Id<WebhookEndpoint>,
    filter: ReplayFilter,
    rate_limit: Option<u32>,
) -> Result<Start, ApiError> {
    // Single events are over in a moment; a hundred resends in a row are nobody's mistake.
    if filter.event.is_none() {
        replay::check_count(app.reader.replay_count(caller.account.id).await?)?;
    }
    Ok(Start { new: caller.new_object(), endpoint, filter, rate_limit })
}

/// Retrieve a replay, with how far it is.
async fn retrieve(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Replay>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    let account = caller.account.id;
    let stored = app.reader.object(account, id).await?.ok_or_else(|| missing::<Replay>(&id))?;
    let progress = app.reader.replay_progress(account, id).await?;
    let progress = progress.map_or(Value::Null, |progress| {
        json!({ "fraction": progress.fraction, "owed": progress.owed, "waiting": progress.waiting })
    });
    Ok(render::with(&stored.data, "progress", progress)?)
}

/// List replays, newest first.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Rendered, ApiError> {
    let page = params.page()?;
    page::objects::<replay::Replay>(&app, &caller, &ObjectFilter::default(), &page).await
}

/// Cancel a replay. Deliveries that it has owed already stay owed.
async fn cancel(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Replay>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    Ok(app.log.append(caller.cause(), &End { id, status: Status::Canceled }).await?.into())
}

/// Names of types, and of groups of them.
fn types_schema() -> Array {
    let names = EventType::names_and_groups();
    let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
    ArrayBuilder::new().items(name).max_items(Some(events::TYPES_MAX)).build()
}

/// The types that names and groups such as `customer.*` stand for; `None` for all.
fn types(names: &[String]) -> Result<Option<Vec<String>>, ParameterError> {
    if names.is_empty() {
        return Ok(None);
    }
    if names.len() > events::TYPES_MAX {
        return Err(ParameterError::new("types", Problem::TooMany(events::TYPES_MAX)));
    }
    let mut types = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let before = types.len();
        types.extend(EventType::matching(name).map(|known| known.as_str().to_owned()));
        if types.len() == before {
            let known = EventType::ALL.iter().map(|known| known.as_str()).collect();
            return Err(ParameterError::new(format!("types[{index}]"), Problem::NotOneOf(known)));
        }
    }
    Ok(Some(types))
}

/// The id of an object. An empty one is a mistake, and not a wish for all.
fn related_object(given: Patch<String>) -> Result<Option<String>, ParameterError> {
    let refuse = |problem| Err(ParameterError::new("related_object", problem));
    match given {
        Patch::Keep => Ok(None),
        Patch::Unset => refuse(Problem::Empty),
        Patch::Set(id) if id::is_object_id(&id) => Ok(Some(id)),
        Patch::Set(_) => refuse(Problem::Malformed("expected the id of an object, such as cus_…".to_owned())),
    }
}
