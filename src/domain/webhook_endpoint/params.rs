//! The parameters of a webhook endpoint: their checks and schemas.

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::{Array, ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type};

use super::{Ordering, Status, WebhookEndpoint, first_secret};
use crate::clock::Timestamp;
use crate::contract::{self, API_VERSION, EventType};
use crate::domain::types::metadata::{self, Metadata, MetadataChange};
use crate::domain::types::object_tag::ObjectTag;
use crate::domain::types::text::LongText;
use crate::domain::types::{rate_limit, webhook_url};
use crate::domain::{Creatable, New, ParameterError, Patch, Problem, Updatable};

/// The parameters of a create.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookEndpointCreateParams)]
pub struct CreateParams {
    #[schema(schema_with = webhook_url::schema)]
    url: String,
    #[schema(schema_with = enabled_events_schema)]
    enabled_events: Vec<String>,
    #[serde(default)]
    #[schema(schema_with = version_schema)]
    api_version: Option<String>,
    #[serde(default)]
    description: Patch<LongText>,
    #[serde(default)]
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    #[serde(default)]
    #[schema(value_type = Option<Ordering>)]
    ordering: Option<String>,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    #[schema(schema_with = rate_limit::schema)]
    rate_limit: Patch<i64>,
}

/// The parameters of an update.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = WebhookEndpointUpdateParams)]
pub struct Changes {
    #[schema(schema_with = webhook_url::schema)]
    url: Patch<String>,
    #[schema(schema_with = enabled_events_schema)]
    enabled_events: Patch<Vec<String>>,
    description: Patch<LongText>,
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    #[schema(value_type = Option<Ordering>)]
    ordering: Option<String>,
    paused: Option<bool>,
    #[schema(schema_with = rate_limit::schema)]
    rate_limit: Patch<i64>,
    disabled: Option<bool>,
}

/// An endpoint begins enabled. Its signing secret is given to the log beside the command.
impl Creatable for WebhookEndpoint {
    const CREATED: EventType = EventType::WebhookEndpointCreated;
    type Params = CreateParams;

    fn created(new: New<contract::WebhookEndpoint>, params: CreateParams) -> Result<Self, ParameterError> {
        params.endpoint(new)
    }
}

impl Updatable for WebhookEndpoint {
    const UPDATED: EventType = EventType::WebhookEndpointUpdated;
    type Changes = Changes;

    fn changed(self, changes: Changes, _: Timestamp) -> Result<Self, ParameterError> {
        changes.apply(self)
    }
}

impl CreateParams {
    /// The endpoint that is asked for.
    fn endpoint(
        self,
        New { id, livemode }: New<contract::WebhookEndpoint>,
    ) -> Result<WebhookEndpoint, ParameterError> {
        if self.api_version.as_ref().is_some_and(|version| version != API_VERSION) {
            return Err(ParameterError::new("api_version", Problem::NotOneOf(vec![API_VERSION])));
        }
        Ok(WebhookEndpoint {
            id,
            object: ObjectTag::default(),
            api_version: self.api_version,
            application: (),
            created: id.created().seconds(),
            description: self.description.apply(None),
            disabled_reason: None,
            enabled_events: check_events(self.enabled_events)?,
            livemode,
            metadata: metadata::merge(self.metadata, Metadata::new())?,
            ordering: self.ordering.as_deref().map_or(Ok(Ordering::None), Ordering::parse)?,
            paused: self.paused,
            rate_limit: check_rate(&self.rate_limit)?.apply(None),
            secret_version: first_secret(),
            status: Status::Enabled,
            url: webhook_url::check(&self.url)?,
        })
    }
}

impl Changes {
    /// True where a URL is asked for.
    #[must_use]
    pub const fn has_url(&self) -> bool {
        self.url.value().is_some()
    }

    /// The endpoint with the requested changes.
    fn apply(self, to: WebhookEndpoint) -> Result<WebhookEndpoint, ParameterError> {
        let to = match self.disabled {
            None => to,
            Some(true) => to.disabled(),
            Some(false) => to.enabled(),
        };
        Ok(WebhookEndpoint {
            description: self.description.apply(to.description),
            enabled_events: given("enabled_events", self.enabled_events)?
                .map_or(Ok(to.enabled_events), check_events)?,
            metadata: metadata::merge(self.metadata, to.metadata)?,
            ordering: self.ordering.as_deref().map_or(Ok(to.ordering), Ordering::parse)?,
            paused: self.paused.unwrap_or(to.paused),
            rate_limit: check_rate(&self.rate_limit)?.apply(to.rate_limit),
            url: given("url", self.url)?.map_or(Ok(to.url), |url| webhook_url::check(&url))?,
            ..to
        })
    }
}

/// The value of a field that has to have one. Unsetting it is a mistake.
fn given<T>(param: &str, field: Patch<T>) -> Result<Option<T>, ParameterError> {
    match field {
        Patch::Keep => Ok(None),
        Patch::Unset => Err(ParameterError::new(param, Problem::Empty)),
        Patch::Set(value) => Ok(Some(value)),
    }
}

/// Requests a second, within bounds.
fn check_rate(rate: &Patch<i64>) -> Result<Patch<u32>, ParameterError> {
    match rate {
        Patch::Keep => Ok(Patch::Keep),
        Patch::Unset => Ok(Patch::Unset),
        Patch::Set(rate) => Ok(Patch::Set(rate_limit::check(*rate)?)),
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

/// The present version or null, which takes the present one.
fn version_schema() -> RefOr<Schema> {
    let version = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([API_VERSION]));
    OneOfBuilder::new().item(version).item(ObjectBuilder::new().schema_type(Type::Null)).into()
}

/// `*` or types of the contract, one at least.
fn enabled_events_schema() -> Array {
    let names = std::iter::once("*").chain(EventType::ALL.iter().map(|known| known.as_str()));
    let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
    ArrayBuilder::new().items(name).min_items(Some(1)).build()
}
