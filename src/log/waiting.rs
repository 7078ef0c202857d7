//! The facts of a decision on their way into the log, and the outcome.

use std::collections::HashSet;

use tokio::sync::oneshot;

use super::Cause;
use super::idempotency::Answer;
use crate::clock::Timestamp;
use crate::database::DatabaseError;
use crate::domain::Fact;

/// The facts of one decision on their way into the log: all or none.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) cause: Cause,
    pub(super) at: Timestamp,
    /// The facts, each with the id of its event, in the order in which they were put. At least one.
    pub(super) facts: Vec<(String, Fact)>,
    /// The objects that were read and aren't changed, with their versions.
    pub(super) guards: Vec<(String, i64)>,
    /// The place among the facts of the last one of the object that the caller is answered with.
    pub(super) answering: Option<usize>,
    /// The caller's answer, where it isn't that object as that fact has it.
    pub(super) answer: Option<Answer>,
}

impl Append {
    /// True for one fact whose decision read nothing else.
    pub(super) const fn is_lone(&self) -> bool {
        self.facts.len() == 1 && self.guards.is_empty()
    }

    /// The objects that it rests on, each with its version before.
    pub(super) fn rests_on(&self) -> impl Iterator<Item = (&str, i64)> {
        let mut changed = HashSet::new();
        let first = self.facts.iter().filter(move |(_, fact)| changed.insert(fact.stream.as_str()));
        let changed = first.map(|(_, fact)| (fact.stream.as_str(), fact.version - 1));
        changed.chain(self.guards.iter().map(|(id, version)| (id.as_str(), *version)))
    }

    /// The id of the first event.
    pub(super) fn event(&self) -> &str {
        self.facts.first().map_or("", |(event, _)| event.as_str())
    }
}

/// The outcome of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// The events are in the log.
    All,
    /// Another event has that version of the object, an object that the decision read has changed, or
    /// the idempotency key was used before.
    Conflict,
}

/// An append in the queue, and the way back to its caller.
pub(super) struct Waiting {
    pub(super) append: Append,
    pub(super) answer: oneshot::Sender<Result<Appended, DatabaseError>>,
}

/// The number of events of some appends.
pub(super) fn events_of(appends: &[Waiting]) -> usize {
    appends.iter().map(|waiting| waiting.append.facts.len()).sum()
}
