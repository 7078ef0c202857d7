//! `/v1/events/:id/deliveries` and `/v1/webhook_endpoints/:id/deliveries`: the deliveries that arrived,
//! those that didn't, and the reasons.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::events;
use crate::contract::{AttemptError, Event, WebhookEndpoint};
use crate::domain::resource::Expands;
use crate::domain::{ParameterError, Problem, missing};
use crate::http::app::App;
use crate::http::contract::component::{Component, ListOf, sent_schema_of};
use crate::http::contract::route::{Route, get};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{NoParams, Params, PathId};
use crate::http::render::{self, Rendered};
use crate::http::request::caller::Caller;
use crate::read::deliveries::{Attempt, Delivery};
use crate::read::page::Listed;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/v1/events/{id}/deliveries", of_event)
            .summary("List an event's deliveries, one an endpoint.")
            .answers::<ListOf<Shown<'_>>>(),
        get("/v1/webhook_endpoints/{id}/deliveries", of_endpoint)
            .summary(
                "List an endpoint's deliveries, those of the newest events first. Cursors are ids of events.",
            )
            .takes::<ListParams>()
            .answers::<ListOf<Shown<'_>>>(),
    ]
}

impl Component for Shown<'_> {
    const EXPANDS: &'static [Expands] =
        &[Expands::id_of::<Event>("event"), Expands::id_of::<WebhookEndpoint>("webhook_endpoint")];

    fn name() -> String {
        "Delivery".to_owned()
    }

    fn schema() -> Value {
        sent_schema_of::<Self>()
    }
}

/// The states that a list of an endpoint's deliveries can be narrowed to.
const STATES: &[&str] = &["delivered", "dropped", "exhausted", "owed", "parked"];

fn state_schema() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(STATES.iter().copied())).build()
}

/// The classes of failures. There is no closed list of them, because more may come.
fn error_schema() -> Object {
    let meant = AttemptError::ALL.iter().map(|class| format!("`{}`: {}.", class.as_str(), class.meaning()));
    let meant: Vec<_> = meant.collect();
    let description = format!(
        "The class of the failure; null when it was taken. More classes may come. Those of today: {}",
        meant.join(" ")
    );
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some(description))
        .examples(AttemptError::ALL.iter().map(|class| class.as_str()))
        .build()
}

/// The parameters of a list of an endpoint's deliveries.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ListParams {
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    starting_after: Option<String>,
    #[schema(schema_with = state_schema)]
    state: Option<String>,
}

/// List the deliveries of an event, one an endpoint.
async fn of_event(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Event>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    let entries = app.reader.deliveries_of_event(caller.account.id, id).await?;
    if entries.is_empty() {
        events::rendered_one(&app, &caller, id).await?;
    }
    list(&format!("/v1/events/{id}/deliveries"), &Listed { entries, has_more: false })
}

/// List the deliveries of an endpoint, those of the newest events first. Cursors are ids of events.
async fn of_endpoint(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<WebhookEndpoint>,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let account = caller.account.id;
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    if params.state.as_deref().is_some_and(|state| !STATES.contains(&state)) {
        return Err(ParameterError::new("state", Problem::NotOneOf(STATES.to_vec())).into());
    }
    // A deleted endpoint's history stays.
    app.reader.object(account, id).await?.ok_or_else(|| missing::<WebhookEndpoint>(&id))?;
    let listed = app.reader.deliveries_of_endpoint(account, id, params.state.as_deref(), &page).await?;
    let listed = listed.ok_or_else(|| page::no_such_cursor::<Event>(&page))?;
    list(&format!("/v1/webhook_endpoints/{id}/deliveries"), &listed)
}

fn list(url: &str, listed: &Listed<Delivery>) -> Result<Rendered, ApiError> {
    let shown = |delivery| serde_json::to_string(&Shown::of(delivery));
    let entries = listed.entries.iter().map(shown).collect::<Result<_, _>>()?;
    render::list(url, Listed { entries, has_more: listed.has_more })
}

/// A delivery as it is sent.
#[derive(Serialize, ToSchema)]
struct Shown<'a> {
    object: &'static str,
    attempts: Attempts<'a>,
    event: &'a str,
    next_attempt: Option<u64>,
    state: &'a str,
    webhook_endpoint: &'a str,
}

/// The last attempts of a delivery, newest first.
#[derive(Serialize, ToSchema)]
struct Attempts<'a> {
    object: &'static str,
    data: Vec<ShownAttempt<'a>>,
    has_more: bool,
    url: String,
}

/// An attempt as it is sent.
#[derive(Serialize, ToSchema)]
struct ShownAttempt<'a> {
    object: &'static str,
    created: u64,
    early: bool,
    #[schema(schema_with = error_schema)]
    error: Option<&'a str>,
    number: i32,
    order_gap: bool,
    phases: Phases,
    response: Option<&'a str>,
    response_truncated: bool,
    signature_timestamp: u64,
    status: Option<i16>,
}

/// The times of an attempt's phases, in milliseconds; null for those it didn't come to or didn't need.
/// The phase that an attempt failed in, or that its time was over in, lasts until then.
#[derive(Serialize, ToSchema)]
struct Phases {
    /// Looking the host's name up.
    dns: Option<f64>,
    /// Making the connection.
    connect: Option<f64>,
    /// The TLS handshake.
    tls: Option<f64>,
    /// From the beginning until the head of the answer was there.
    first_byte: Option<f64>,
    /// From the beginning to the end.
    total: f64,
}

impl<'a> Shown<'a> {
    fn of(delivery: &'a Delivery) -> Self {
        let url = format!("/v1/events/{}/deliveries", delivery.event);
        let data = delivery.attempts.iter().map(ShownAttempt::of).collect();
        Self {
            object: "delivery",
            attempts: Attempts { object: "list", data, has_more: delivery.has_more_attempts, url },
            event: &delivery.event,
            next_attempt: delivery.due_at.map(crate::clock::Timestamp::seconds),
            state: &delivery.state,
            webhook_endpoint: &delivery.endpoint,
        }
    }
}

impl<'a> ShownAttempt<'a> {
    fn of(attempt: &'a Attempt) -> Self {
        let ms = |us: i32| f64::from(us) / 1000.0;
        let [dns, connect, tls, first_byte] = attempt.phases_us.map(|phase| phase.map(ms));
        Self {
            object: "delivery_attempt",
            created: attempt.started_at.seconds(),
            early: attempt.early,
            error: attempt.error.as_deref(),
            number: attempt.number,
            order_gap: attempt.order_gap,
            phases: Phases { dns, connect, tls, first_byte, total: ms(attempt.duration_us) },
            response: attempt.response.as_deref(),
            response_truncated: attempt.truncated,
            signature_timestamp: attempt.started_at.seconds(),
            status: attempt.status,
        }
    }
}
