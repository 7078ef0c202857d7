//! Webhook endpoints: `we_…`, where a subscriber wants events sent. Endpoints are objects of the log like any
//! other; their signing secrets are not part of them, because the log is read by people and sent to
//! receivers.

mod commands;
mod params;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::metadata::{self, Metadata};
use super::types::object_tag::ObjectTag;
use super::types::text::LongText;
use super::{ParameterError, Problem, Rejection, Resource, schema};
use crate::contract::{self, EventType, Kind as _};
use crate::id::Id;
pub use commands::{Disable, RollSecret};
pub use params::{Changes, CreateParams};

/// The most endpoints of an account, each mode for itself: an event goes to all of them at once.
pub const ENDPOINTS_MAX: i64 = 100;

/// Refuses another endpoint to an account that has so many.
pub fn check_count(count: i64) -> Result<(), Rejection> {
    let noun = contract::WebhookEndpoint::RESOURCE.noun;
    if count >= ENDPOINTS_MAX { Err(Rejection::LimitReached { noun, max: ENDPOINTS_MAX }) } else { Ok(()) }
}

/// A webhook endpoint, as it is stored and as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookEndpoint {
    id: Id<contract::WebhookEndpoint>,
    object: ObjectTag<contract::WebhookEndpoint>,
    api_version: Option<String>,
    #[schema(schema_with = schema::later_text)]
    application: (),
    created: u64,
    description: Option<LongText>,
    disabled_reason: Option<DisabledReason>,
    enabled_events: Vec<String>,
    livemode: bool,
    #[schema(schema_with = metadata::schema)]
    metadata: Metadata,
    #[serde(default)]
    ordering: Ordering,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    rate_limit: Option<u32>,
    #[serde(default = "first_secret")]
    secret_version: u32,
    status: Status,
    url: String,
}

/// The first `secret_version`. Endpoints that were stored before it was counted have their first secret.
const fn first_secret() -> u32 {
    1
}

/// In which order events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// In none: each goes as soon as it can. `version` tells the order.
    #[default]
    None,
    /// Those of one object one after the other: the next isn't sent before the last one was taken or given
    /// up.
    PerObject,
}

impl Ordering {
    fn parse(name: &str) -> Result<Self, ParameterError> {
        match name {
            "none" => Ok(Self::None),
            "per_object" => Ok(Self::PerObject),
            _ => Err(ParameterError::new("ordering", Problem::NotOneOf(vec!["none", "per_object"]))),
        }
    }
}

/// The endpoint's state: events are sent, or aren't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EndpointStatus)]
pub enum Status {
    /// They are.
    Enabled,
    /// They are not; what was owed waits.
    Disabled,
}

/// The reason why the service has disabled an endpoint by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered 410: there is nobody any more.
    Gone,
    /// For days it has taken nothing of what it was sent.
    Failing,
}

impl WebhookEndpoint {
    /// The URL that is called.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The endpoint, switched on by its owner.
    fn enabled(self) -> Self {
        Self { status: Status::Enabled, disabled_reason: None, ..self }
    }

    /// The endpoint, switched off by its owner. A reason that the service had stays.
    fn disabled(self) -> Self {
        Self { status: Status::Disabled, ..self }
    }

    /// The endpoint, switched off by the service.
    fn disabled_because(self, reason: DisabledReason) -> Self {
        match self.status {
            Status::Enabled => Self { status: Status::Disabled, disabled_reason: Some(reason), ..self },
            // Somebody was faster, and may have had another reason.
            Status::Disabled => self,
        }
    }

    /// The endpoint with another signing secret.
    fn with_next_secret(self) -> Self {
        Self { secret_version: self.secret_version.saturating_add(1), ..self }
    }
}

impl Resource for WebhookEndpoint {
    type Kind = contract::WebhookEndpoint;

    const COMPONENT: &'static str = "WebhookEndpoint";
    const PATH: &'static str = "/v1/webhook_endpoints";
    const DELETED: Option<EventType> = Some(EventType::WebhookEndpointDeleted);

    fn id(&self) -> Id<contract::WebhookEndpoint> {
        self.id
    }
}
