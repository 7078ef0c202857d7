//! The verbs of a replay.

use super::{Replay, ReplayFilter, Status};
use crate::contract::{self, EventType};
use crate::domain::types::object_tag::ObjectTag;
use crate::domain::{Command, New, Objects, Stop};
use crate::id::Id;

/// Begin a replay.
#[derive(Debug, Clone)]
pub struct Start {
    /// The parts that callers don't say.
    pub new: New<contract::Replay>,
    /// The endpoint's id. The caller has seen to it that it is there.
    pub endpoint: Id<contract::WebhookEndpoint>,
    /// The events.
    pub filter: ReplayFilter,
    /// The most deliveries a second.
    pub rate_limit: Option<u32>,
}

/// End a replay.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// The replay's id.
    pub id: Id<contract::Replay>,
    /// Canceled or completed.
    pub status: Status,
}

impl Command for Start {
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let New { id, livemode } = self.new;
        let state = Replay {
            id,
            object: ObjectTag::default(),
            created: id.created().seconds(),
            filter: self.filter.clone(),
            livemode,
            rate_limit: self.rate_limit,
            status: Status::Running,
            webhook_endpoint: self.endpoint,
        };
        objects.create(EventType::ReplayCreated, &state)
    }
}

impl Command for End {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let event_type = match self.status {
            Status::Completed => EventType::ReplayCompleted,
            Status::Canceled | Status::Running => EventType::ReplayCanceled,
        };
        let state = objects.get::<Replay>(self.id)?.ended(self.status);
        objects.put(event_type, &state)
    }
}
