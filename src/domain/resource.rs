//! A resource: what is said of it once, beside its state, and read by everybody else.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contract::{EventType, Kind};
use crate::id::Id;

/// The state of an object, which is also what clients see of it.
pub trait Resource: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind of its ids.
    type Kind: Kind;

    /// The types of its events.
    const EVENTS: &'static [EventType];

    /// The object's id.
    fn id(&self) -> Id<Self::Kind>;
}
