//! What can be done with a webhook endpoint.

use super::{Changes, CreateParams, DisabledReason, WebhookEndpoint, missing};
use crate::contract::{self, EventType};
use crate::domain::{Command, Decision, Rejection};
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

impl Command for Create {
    type State = WebhookEndpoint;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn creates(&self) -> bool {
        true
    }

    fn decide(&self, _: Option<WebhookEndpoint>) -> Result<Decision<WebhookEndpoint>, Rejection> {
        let state = self.params.clone().endpoint(self.id, self.livemode)?;
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
        let state = current.ok_or_else(|| missing(&self.id))?.disabled_because(self.reason);
        Ok(Decision { event_type: EventType::WebhookEndpointDisabled, state, deletes: false })
    }
}

impl Command for RollSecret {
    type State = WebhookEndpoint;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<WebhookEndpoint>) -> Result<Decision<WebhookEndpoint>, Rejection> {
        let state = current.ok_or_else(|| missing(&self.id))?.with_next_secret();
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
