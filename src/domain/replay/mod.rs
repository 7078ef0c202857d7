//! Replays: `rpl_…`, a wish to owe events of the log to an endpoint once more, with the same ids.

mod commands;
mod params;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resource::Expands;
use super::types::object_tag::ObjectTag;
use super::{Rejection, Resource};
use crate::contract;
use crate::id::Id;
pub use commands::{End, Start};
pub use params::ReplayFilter;

/// The most replays of an account that run at the same time.
pub const RUNNING_MAX: i64 = 20;

/// A replay, as it is stored and as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    id: Id<contract::Replay>,
    object: ObjectTag<contract::Replay>,
    created: u64,
    #[serde(flatten)]
    filter: ReplayFilter,
    livemode: bool,
    rate_limit: Option<u32>,
    status: Status,
    webhook_endpoint: Id<contract::WebhookEndpoint>,
}

/// The progress of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReplayStatus)]
pub enum Status {
    /// The workers go through the log.
    Running,
    /// They have stopped; what was owed until then stays owed.
    Canceled,
    /// All of it is owed or was delivered.
    Completed,
}

impl Replay {
    /// The replay, ended in this way. A replay that has ended stays as it ended.
    fn ended(self, status: Status) -> Self {
        match self.status {
            Status::Running => Self { status, ..self },
            Status::Canceled | Status::Completed => self,
        }
    }
}

/// Refuses another replay to an account where so many run.
pub fn check_count(running: i64) -> Result<(), Rejection> {
    let noun = "running replay";
    if running >= RUNNING_MAX { Err(Rejection::LimitReached { noun, max: RUNNING_MAX }) } else { Ok(()) }
}

impl Resource for Replay {
    type Kind = contract::Replay;

    const COMPONENT: &'static str = "Replay";
    const PATH: &'static str = "/v1/replays";
    const EXPANDS: &'static [Expands] = &[
        Expands::id_of::<contract::Event>("event"),
        Expands::id_of::<contract::WebhookEndpoint>("webhook_endpoint"),
    ];

    fn id(&self) -> Id<contract::Replay> {
        self.id
    }
}
