//! Webhook endpoints: `we_…`, where a subscriber wants events sent. Endpoints are objects of the log like any other; their
//! signing secrets are not part of them, because the log is read by people and sent to receivers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::metadata::{self, Metadata, MetadataChange};
use super::object_tag::ObjectTag;
use super::text::{TEXT_MAX, check_field};
use super::{Command, Decision, Field, ParameterError, Problem, Rejection, rate_limit, schema, webhook_url};
use crate::contract::{self, API_VERSION, EventType, Kind as _};
use crate::id::Id;

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
    description: Option<String>,
    disabled_reason: Option<DisabledReason>,
    enabled_events: Vec<String>,
    livemode: bool,
    #[schema(schema_with = schema::metadata)]
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

/// What `secret_version` counts from. Endpoints that were stored before it was counted have their first secret.
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
    /// Those of one object one after the other: the next isn't sent before the last one was taken or given up.
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

/// Whether events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EndpointStatus)]
pub enum Status {
    /// They are.
    Enabled,
    /// They are not; what was owed waits.
    Disabled,
}

/// Why the service has disabled an endpoint by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered 410: there is nobody any more.
    Gone,
    /// For days it has taken nothing of what it was sent.
    Failing,
}

/// The parameters of a create.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookEndpointCreateParams)]
pub struct CreateParams {
    #[schema(schema_with = schema::url_schema)]
    url: String,
    #[schema(schema_with = schema::enabled_events_schema)]
    enabled_events: Vec<String>,
    #[serde(default)]
    #[schema(schema_with = schema::version_schema)]
    api_version: Option<String>,
    #[serde(default)]
    #[schema(schema_with = schema::long_text)]
    description: Field<String>,
    #[serde(default)]
    #[schema(schema_with = schema::metadata_change)]
    metadata: MetadataChange,
    #[serde(default)]
    #[schema(value_type = Option<Ordering>)]
    ordering: Option<String>,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    #[schema(schema_with = schema::rate_limit)]
    rate_limit: Field<i64>,
}

/// The parameters of an update.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = WebhookEndpointUpdateParams)]
pub struct Changes {
    #[schema(schema_with = schema::url_schema)]
    url: Field<String>,
    #[schema(schema_with = schema::enabled_events_schema)]
    enabled_events: Field<Vec<String>>,
    #[schema(schema_with = schema::long_text)]
    description: Field<String>,
    #[schema(schema_with = schema::metadata_change)]
    metadata: MetadataChange,
    #[schema(value_type = Option<Ordering>)]
    ordering: Option<String>,
    paused: Option<bool>,
    #[schema(schema_with = schema::rate_limit)]
    rate_limit: Field<i64>,
    disabled: Option<bool>,
}

impl WebhookEndpoint {
    /// The URL that is called.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Changes {
    /// True where a URL is asked for.
    #[must_use]
    pub const fn has_url(&self) -> bool {
        self.url.value().is_some()
    }

    fn apply(self, to: WebhookEndpoint) -> Result<WebhookEndpoint, ParameterError> {
        check_field("description", &self.description, TEXT_MAX)?;
        Ok(WebhookEndpoint {
            description: self.description.apply(to.description),
            disabled_reason: if self.disabled == Some(false) { None } else { to.disabled_reason },
            enabled_events: given("enabled_events", self.enabled_events)?
                .map_or(Ok(to.enabled_events), check_events)?,
            metadata: metadata::merge(self.metadata, to.metadata)?,
            ordering: self.ordering.as_deref().map_or(Ok(to.ordering), Ordering::parse)?,
            paused: self.paused.unwrap_or(to.paused),
            rate_limit: check_rate(&self.rate_limit)?.apply(to.rate_limit),
            status: match self.disabled {
                None => to.status,
                Some(true) => Status::Disabled,
                Some(false) => Status::Enabled,
            },
            url: given("url", self.url)?.map_or(Ok(to.url), |url| webhook_url::check(&url))?,
            ..to
        })
    }
}

/// The value of a field that has to have one. Unsetting it is a mistake.
fn given<T>(param: &str, field: Field<T>) -> Result<Option<T>, ParameterError> {
    match field {
        Field::Keep => Ok(None),
        Field::Unset => Err(ParameterError::new(param, Problem::Empty)),
        Field::Set(value) => Ok(Some(value)),
    }
}

/// Requests a second, within bounds.
fn check_rate(rate: &Field<i64>) -> Result<Field<u32>, ParameterError> {
    match rate {
        Field::Keep => Ok(Field::Keep),
        Field::Unset => Ok(Field::Unset),
        Field::Set(rate) => Ok(Field::Set(rate_limit::check(*rate)?)),
    }
}

/// The types an endpoint asks for: `*` or names of the contract, each once.
fn check_events(names: Vec<String>) -> Result<Vec<String>, ParameterError> {
    let mut known = Vec::<String>::new();
    for (index, name) in names.into_iter().enumerate() {
        if name != "*" && EventType::from_wire(&name).is_none() {
            let names =
                std::iter::once("*").chain(EventType::ALL.iter().map(|known| known.as_str())).collect();
            return Err(ParameterError::new(format!("enabled_events[{index}]"), Problem::NotOneOf(names)));
        }
        if !known.contains(&name) {
            known.push(name);
        }
    }
    if known.is_empty() {
        return Err(ParameterError::new("enabled_events", Problem::Empty));
    }
    Ok(known)
}

/// Bring an endpoint into being, enabled. Its signing secret is given to the log beside this command.
#[derive(Debug, Clone)]
pub struct Create {
    /// The id that was made for it; its time is the endpoint's `created`.
    pub id: Id<contract::WebhookEndpoint>,
    /// Whether it lives in the account's live mode.
    pub livemode: bool,
    /// What the caller gave.
    pub params: CreateParams,
}

/// Change an endpoint.
#[derive(Debug, Clone)]
pub struct Update {
    /// Which one.
    pub id: Id<contract::WebhookEndpoint>,
    /// What the caller gave.
    pub changes: Changes,
}

/// Disable an endpoint, because of how its receiver answers.
#[derive(Debug, Clone, Copy)]
pub struct Disable {
    /// Which one.
    pub id: Id<contract::WebhookEndpoint>,
    /// Why.
    pub reason: DisabledReason,
}

/// Give an endpoint another signing secret, which is given to the log beside this command.
#[derive(Debug, Clone, Copy)]
pub struct RollSecret {
    /// Which one.
    pub id: Id<contract::WebhookEndpoint>,
}

/// Delete an endpoint for good: nothing is sent to it any more.
#[derive(Debug, Clone, Copy)]
pub struct Delete {
    /// Which one.
    pub id: Id<contract::WebhookEndpoint>,
}

/// No endpoint of that id.
#[must_use]
pub fn missing(id: &impl ToString) -> Rejection {
    Rejection::NoSuchObject { noun: contract::WebhookEndpoint::RESOURCE.noun, id: id.to_string() }
}

impl Command for Create {
    type State = WebhookEndpoint;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn creates(&self) -> bool {
        true
    }

    fn decide(&self, _: Option<WebhookEndpoint>) -> Result<Decision<WebhookEndpoint>, Rejection> {
        let params = self.params.clone();
        if params.api_version.as_ref().is_some_and(|version| version != API_VERSION) {
            return Err(ParameterError::new("api_version", Problem::NotOneOf(vec![API_VERSION])).into());
        }
        check_field("description", &params.description, TEXT_MAX)?;
        let state = WebhookEndpoint {
            id: self.id,
            object: ObjectTag::default(),
            api_version: params.api_version,
            application: (),
            created: self.id.created().seconds(),
            description: params.description.apply(None),
            disabled_reason: None,
            enabled_events: check_events(params.enabled_events)?,
            livemode: self.livemode,
            metadata: metadata::merge(params.metadata, Metadata::new())?,
            ordering: params.ordering.as_deref().map_or(Ok(Ordering::None), Ordering::parse)?,
            paused: params.paused,
            rate_limit: check_rate(&params.rate_limit)?.apply(None),
            secret_version: first_secret(),
            status: Status::Enabled,
            url: webhook_url::check(&params.url)?,
        };
        Ok(Decision { event_type: EventType::WebhookEndpointCreated, state, deletes: false })
    }
}

impl Command for Update {
    type State = WebhookEndpoint;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<WebhookEndpoint>) -> Result<Decision<WebhookEndpoint>, Rejection> {
        let current = current.ok_or_else(|| missing(&self.id))?;
        let state = self.changes.clone().apply(current)?;
        Ok(Decision { event_type: EventType::WebhookEndpointUpdated, state, deletes: false })
    }
}

impl Command for Disable {
    type State = WebhookEndpoint;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<WebhookEndpoint>) -> Result<Decision<WebhookEndpoint>, Rejection> {
        let current = current.ok_or_else(|| missing(&self.id))?;
        let state = match current.status {
            Status::Enabled => {
                WebhookEndpoint { status: Status::Disabled, disabled_reason: Some(self.reason), ..current }
            }
            // Somebody was faster, and may have had another reason.
            Status::Disabled => current,
        };
        Ok(Decision { event_type: EventType::WebhookEndpointDisabled, state, deletes: false })
    }
}

impl Command for RollSecret {
    type State = WebhookEndpoint;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<WebhookEndpoint>) -> Result<Decision<WebhookEndpoint>, Rejection> {
        let current = current.ok_or_else(|| missing(&self.id))?;
        let state = WebhookEndpoint { secret_version: current.secret_version.saturating_add(1), ..current };
        Ok(Decision { event_type: EventType::WebhookEndpointSecretRolled, state, deletes: false })
    }
}

impl Command for Delete {
    type State = WebhookEndpoint;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<WebhookEndpoint>) -> Result<Decision<WebhookEndpoint>, Rejection> {
        let state = current.ok_or_else(|| missing(&self.id))?;
        Ok(Decision { event_type: EventType::WebhookEndpointDeleted, state, deletes: true })
    }
}
