//! The rules: a command and the present state give an event or a rejection.
//!
//! Pure: no clock, no randomness, no SQL, no HTTP, nothing asynchronous. Whatever a decision depends on is in the command
//! or in the state. One resource a folder.

pub mod customer;
pub mod diff;
pub mod envelope;
pub mod rejection;
pub mod replay;
pub mod schema;
pub mod search;
pub mod types;
pub mod webhook_endpoint;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::contract::EventType;
pub use rejection::{ParameterError, Problem, Rejection};
pub use types::patch::Patch;

/// A wish to change one object.
pub trait Command: Send + Sync {
    /// The object's state, which is also what clients see of it.
    type State: Serialize + DeserializeOwned + Send + Sync;

    /// The id of the object.
    fn stream(&self) -> String;

    /// Whether this command brings its object into being, under an id that was made for it.
    fn creates(&self) -> bool {
        false
    }

    /// What the command does to the object as it is now. `None`: there is no such object, or it was deleted.
    fn decide(&self, current: Option<Self::State>) -> Result<Decision<Self::State>, Rejection>;
}

/// What a command leads to: the event's type and the whole object after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<S> {
    /// What happened.
    pub event_type: EventType,
    /// The object after it; for a deletion, as it last was.
    pub state: S,
    /// Whether nothing follows.
    pub deletes: bool,
}

/// The present state of an object, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// How many events it stands on.
    pub version: i64,
    /// The object as JSON.
    pub data: String,
}

/// An event to append: everything of it but who caused it and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The object's id.
    pub stream: String,
    /// The object's version after it.
    pub version: i64,
    /// What happened.
    pub event_type: EventType,
    /// The object after it, as JSON: the bytes that are stored, shown, signed and sent.
    pub data: String,
    /// `previous_attributes`, as JSON, for an update.
    pub previous: Option<String>,
    /// Whether nothing follows.
    pub deletes: bool,
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This is to be appended.
    Append(Fact),
    /// Nothing would change; the object stays as it is stored.
    Unchanged(Snapshot),
}

/// Why a command comes to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// It is refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A stored snapshot can't be read, or a state can't be written: a defect of this program.
    #[error("a snapshot is not what this version writes: {0}")]
    Snapshot(#[from] serde_json::Error),
}

/// Runs a command against the stored state.
pub fn decide<C: Command>(command: &C, current: Option<Snapshot>) -> Result<Verdict, DecideError> {
    let state = current.as_ref().map(|snapshot| serde_json::from_str(&snapshot.data)).transpose()?;
    let decision = command.decide(state)?;
    let data = serde_json::to_string(&decision.state)?;
    let previous = match (&current, decision.deletes) {
        (Some(before), false) => match diff::previous_attributes(&before.data, &data)? {
            Some(changed) => Some(Value::Object(changed).to_string()),
            None => return Ok(Verdict::Unchanged(before.clone())),
        },
        _ => None,
    };
    Ok(Verdict::Append(Fact {
        stream: command.stream(),
        version: current.map_or(0, |before| before.version) + 1,
        event_type: decision.event_type,
        data,
        previous,
        deletes: decision.deletes,
    }))
}
