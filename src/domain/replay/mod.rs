//! Replays: `rpl_…`, a wish to owe events of the log to an endpoint once more, with the same ids.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::object_tag::ObjectTag;
use super::{Command, Decision, Rejection};
use crate::contract::{self, EventType, Kind as _};
use crate::id::Id;

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

/// Which events a replay is for. What isn't given doesn't narrow it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayFilter {
    /// Created from this second on.
    pub created_from: Option<u64>,
    /// Created before this second.
    pub created_until: Option<u64>,
    /// This event and no other, whether the endpoint asks for its type or not.
    pub event: Option<Id<contract::Event>>,
    /// Only those that were given up for this endpoint.
    pub only_failed: bool,
    /// Only those of this object.
    pub related_object: Option<String>,
    /// Only those of one of these types.
    pub types: Option<Vec<String>>,
}

/// How far a replay is.
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

/// No replay of that id.
#[must_use]
pub fn missing(id: &impl ToString) -> Rejection {
    Rejection::NoSuchObject { noun: contract::Replay::RESOURCE.noun, id: id.to_string() }
}

/// Refuses another replay to an account where so many run.
pub fn check_count(running: i64) -> Result<(), Rejection> {
    let noun = "running replay";
    if running >= RUNNING_MAX { Err(Rejection::LimitReached { noun, max: RUNNING_MAX }) } else { Ok(()) }
}

impl Command for Start {
    type State = Replay;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn creates(&self) -> bool {
        true
    }

    fn decide(&self, _: Option<Replay>) -> Result<Decision<Replay>, Rejection> {
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
        Ok(Decision { event_type: EventType::ReplayCreated, state, deletes: false })
    }
}

impl Command for End {
    type State = Replay;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<Replay>) -> Result<Decision<Replay>, Rejection> {
        let current = current.ok_or_else(|| missing(&self.id))?;
        let event_type = match self.status {
            Status::Completed => EventType::ReplayCompleted,
            Status::Canceled | Status::Running => EventType::ReplayCanceled,
        };
        // What has ended stays as it ended.
        let state = match current.status {
            Status::Running => Replay { status: self.status, ..current },
            Status::Canceled | Status::Completed => current,
        };
        Ok(Decision { event_type, state, deletes: false })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Snapshot, Verdict, decide};
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_replay_ends_once() {
        let at = Timestamp::from_millis(1_000);
        let start = Start {
            id: Id::generate(at),
            livemode: false,
            endpoint: Id::generate(at),
            filter: ReplayFilter { only_failed: true, ..ReplayFilter::default() },
            rate_limit: Some(5),
        };
        let Ok(Verdict::Append(begun)) = decide(&start, None) else { panic!("it begins") };
        assert!(begun.data.contains(r#""only_failed":true"#) && begun.data.contains(r#""types":null"#));
        let now = Snapshot { version: begun.version, data: begun.data };
        let cancel = End { id: start.id, status: Status::Canceled };
        let Ok(Verdict::Append(canceled)) = decide(&cancel, Some(now)) else { panic!("it ends") };
        assert_eq!(canceled.event_type, EventType::ReplayCanceled);
        let ended = Snapshot { version: canceled.version, data: canceled.data };
        let complete = End { id: start.id, status: Status::Completed };
        assert!(matches!(decide(&complete, Some(ended)), Ok(Verdict::Unchanged(_))));
    }
}
