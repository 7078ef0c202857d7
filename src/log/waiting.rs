//! An event on its way into the log, and what comes of it.

use tokio::sync::oneshot;

use super::Cause;
use super::idempotency::Answer;
use crate::clock::Timestamp;
use crate::database::DatabaseError;
use crate::domain::Fact;

/// An event on its way into the log.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) cause: Cause,
    pub(super) event: String,
    pub(super) fact: Fact,
    pub(super) at: Timestamp,
    /// The caller's answer, where it isn't the object.
    pub(super) answer: Option<Answer>,
}

/// The outcome of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// The events are in the log.
    All,
    /// Another event has that version of the object, or the idempotency key was used before.
    Conflict,
}

/// An append in the queue, and the way back to its caller.
pub(super) struct Waiting {
    pub(super) append: Append,
    pub(super) answer: oneshot::Sender<Result<Appended, DatabaseError>>,
}
