//! `/v1/webhook_endpoints/:id/health`: how an endpoint is doing.

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::webhook_endpoints::living;
use crate::clock::Timestamp;
use crate::contract::WebhookEndpoint;
use crate::domain::resource::Expands;
use crate::http::app::App;
use crate::http::contract::component::{Component, sent_schema_of};
use crate::http::contract::route::{Route, get};
use crate::http::error::ApiError;
use crate::http::params::{NoParams, Params, PathId};
use crate::http::render::Rendered;
use crate::http::request::caller::Caller;
use crate::id::Id;
use crate::read::health::EndpointHealth;

/// Its route.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/v1/webhook_endpoints/{id}/health", retrieve)
            .summary(
                "Retrieve how an endpoint is doing: since when it fails, what it is owed, how its newest \
                 attempts went.",
            )
            .answers::<Health>(),
    ]
}

impl Component for Health {
    const EXPANDS: &'static [Expands] = &[Expands::id_of::<WebhookEndpoint>("webhook_endpoint")];

    fn name() -> String {
        "WebhookEndpointHealth".to_owned()
    }

    fn schema() -> Value {
        sent_schema_of::<Self>()
    }
}

/// The health of an endpoint. Counts of deliveries end at ten thousand; attempts are its newest two hundred.
#[derive(Serialize, ToSchema)]
struct Health {
    object: &'static str,
    attempts: Attempts,
    exhausted: i64,
    failing_since: Option<u64>,
    oldest_due: Option<u64>,
    owed: i64,
    parked: i64,
    webhook_endpoint: Id<WebhookEndpoint>,
}

/// The newest attempts of an endpoint. Durations are milliseconds.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthAttempts)]
struct Attempts {
    count: i64,
    last_failure: Option<u64>,
    last_success: Option<u64>,
    p50: Option<f64>,
    p95: Option<f64>,
    succeeded: i64,
}

/// Retrieve how an endpoint is doing.
async fn retrieve(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<WebhookEndpoint>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    living(&app, &caller, id).await?;
    let health = app.reader.endpoint_health(caller.account.id, id).await?;
    Ok(Rendered(serde_json::to_string(&shown(id, &health))?))
}

fn shown(id: Id<WebhookEndpoint>, health: &EndpointHealth) -> Health {
    let seconds = |at: Option<Timestamp>| at.map(Timestamp::seconds);
    let milliseconds = |us: Option<i32>| us.map(|us| f64::from(us) / 1000.0);
    Health {
        object: "webhook_endpoint.health",
        attempts: Attempts {
            count: health.attempts,
            last_failure: seconds(health.last_failure),
            last_success: seconds(health.last_success),
            p50: milliseconds(health.p50_us),
            p95: milliseconds(health.p95_us),
            succeeded: health.taken,
        },
        exhausted: health.exhausted,
        failing_since: seconds(health.failing_since),
        oldest_due: seconds(health.oldest_due),
        owed: health.owed,
        parked: health.parked,
        webhook_endpoint: id,
    }
}
