//! The verbs of a webhook endpoint.

use super::{DisabledReason, WebhookEndpoint};
use crate::contract::{self, EventType};
use crate::domain::{Command, Objects, Stop};
use crate::id::Id;

/// Disable an endpoint, because of how its receiver answers.
#[derive(Debug, Clone, Copy)]
pub struct Disable {
    /// The endpoint's id.
    pub id: Id<contract::WebhookEndpoint>,
    /// The reason.
    pub reason: DisabledReason,
}

/// Give an endpoint another signing secret, which is given to the log beside this command.
#[derive(Debug, Clone, Copy)]
pub struct RollSecret {
    /// The endpoint's id.
    pub id: Id<contract::WebhookEndpoint>,
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
