//! What can be done with a replay.

use super::{Replay, ReplayFilter, Status};
use crate::contract::{self, EventType};
use crate::domain::types::object_tag::ObjectTag;
use crate::domain::{Command, Objects, Stop};
use crate::id::Id;

/// Begin a replay.
#[derive(Debug, Clone)]
pub struct Start {
    /// The id that was made for it; its time is the replay's `created`.
    pub id: Id<contract::Replay>,
    /// Whether it is of an account's live mode.
    pub livemode: bool,
    /// To which endpoint. The caller has seen to it that it is there.
    pub endpoint: Id<contract::WebhookEndpoint>,
    /// Which events.
    pub filter: ReplayFilter,
    /// How many deliveries a second, at the most.
    pub rate_limit: Option<u32>,
}

/// End a replay.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Which one.
    pub id: Id<contract::Replay>,
    /// How: canceled or completed.
    pub status: Status,
}

impl Command for Start {
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let state = Replay {
            id: self.id,
            object: ObjectTag::default(),
            created: self.id.created().seconds(),
            filter: self.filter.clone(),
            livemode: self.livemode,
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
