//! What can be done with a webhook endpoint.

use super::{Changes, CreateParams, DisabledReason, WebhookEndpoint};
use crate::contract::{self, EventType};
use crate::domain::{Command, Objects, ParameterError, Stop};
use crate::id::Id;

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

impl Create {
    /// The endpoint that it leads to.
    pub fn endpoint(&self) -> Result<WebhookEndpoint, ParameterError> {
        self.params.clone().endpoint(self.id, self.livemode)
    }
}

impl Update {
    /// The endpoint that it leads to from that one.
    pub fn applied_to(&self, endpoint: WebhookEndpoint) -> Result<WebhookEndpoint, ParameterError> {
        self.changes.clone().apply(endpoint)
    }
}

impl Command for Create {
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        objects.create(EventType::WebhookEndpointCreated, &self.endpoint()?)
    }
}

impl Command for Update {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let state = self.applied_to(objects.get(self.id)?)?;
        objects.put(EventType::WebhookEndpointUpdated, &state)
    }
}

impl Command for Disable {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let state = objects.get::<WebhookEndpoint>(self.id)?.disabled_because(self.reason);
        objects.put(EventType::WebhookEndpointDisabled, &state)
    }
}

impl Command for RollSecret {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let state = objects.get::<WebhookEndpoint>(self.id)?.with_next_secret();
        objects.put(EventType::WebhookEndpointSecretRolled, &state)
    }
}

impl Command for Delete {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let state: WebhookEndpoint = objects.get(self.id)?;
        objects.delete(EventType::WebhookEndpointDeleted, &state)
    }
}
