//! The worker's access to the database: its buckets, the events that are owed, and a way to write outcomes
//! down.
//!
//! *Ownership.* An outbox row carries a bucket, a hash of its object's id. A worker owns buckets by
//! advisory locks of its session ([`Session`]), and that session writes: a worker that lost it can't write,
//! and PostgreSQL frees its buckets at that instant. No row is locked and no lease is written.
//!
//! *Reading.* A connection beside the session reads `position > cursor` and remembers the events in
//! flight in memory, so that it never walks the dead head of the table. A position below the cursor that
//! was missing may belong to an append that commits late. Such gaps are asked for again until they are
//! too old to come ([`Gaps`]). A scan from the head is the backstop.
//!
//! *Writing.* Outcomes of many attempts go down in one statement ([`Settlement`]).

mod fetch;
mod gaps;
mod groups;
mod ownership;
mod replay;
mod rows;
mod secrets;
mod session;
mod settle;
mod work;

pub use fetch::{Fetched, PORTION_BYTES, Passed, Portion};
pub use gaps::Gaps;
pub use groups::GroupLine;
pub use replay::{ReplayOver, ReplayStep};
pub use session::Session;
pub use settle::{AttemptRecord, DeliveryState, Phases, Settlement, Waiting};
pub use work::{Due, EndpointStatus, Fresh, FreshTarget, Order, Target};

/// The place of an event in the log: its account and its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// The account of the event.
    pub account: i64,
    /// Its place in the log; no two events share one.
    pub position: i64,
}

/// An endpoint with its account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey {
    /// The account of the endpoint.
    pub account: i64,
    /// Its id.
    pub endpoint: String,
}

/// A delivery: an event and the endpoint it is owed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryKey {
    /// The event.
    pub event: EventKey,
    /// The endpoint's id.
    pub endpoint: String,
}
