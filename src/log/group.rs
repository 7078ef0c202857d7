//! Groups: the facts of one decision, appended by one statement, all or none.
//!
//! The statement checks that whatever the decision read and didn't change is as it was read, under locks
//! that a writer of those objects waits for (`calmony.hold_objects`). Everybody locks in one order; where
//! two deadlock all the same, one of them decides anew.

use std::collections::BTreeMap;

use super::Cause;
use super::appender::Appender;
use super::idempotency::Answer;
use super::statement::APPEND_GROUP;
use super::waiting::Appended;
use crate::clock::Timestamp;
use crate::database::{DatabaseError, Parameters, PooledClient};
use crate::domain::Fact;

/// The facts of one decision on their way into the log.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) cause: &'a Cause,
    pub(super) at: Timestamp,
    /// The facts, each with the id of its event, in the order in which they were put.
    pub(super) facts: &'a [(String, Fact)],
    /// The objects that were read and aren't changed, with their versions.
    pub(super) guards: &'a [(String, i64)],
    /// The object that the caller is answered with.
    pub(super) answered: &'a str,
    /// The caller's answer, where it isn't that object as one of the facts has it.
    pub(super) answer: Option<Answer>,
}

impl Group<'_> {
    /// The last event of the object that the caller is answered with.
    fn answering_event(&self) -> Option<&str> {
        let last = self.facts.iter().rev().find(|(_, fact)| fact.stream == self.answered);
        last.map(|(event, _)| event.as_str())
    }

    /// The objects that were only read, as the JSON object that the triggers expect.
    fn guards(&self) -> Result<String, serde_json::Error> {
        let versions: BTreeMap<&str, i64> =
            self.guards.iter().map(|(id, version)| (id.as_str(), *version)).collect();
        serde_json::to_string(&versions)
    }

    fn column<'a, T>(&'a self, field: impl Fn(&'a Fact) -> T) -> Vec<T> {
        self.facts.iter().map(|(_, fact)| field(fact)).collect()
    }
}

impl Appender {
    /// Appends a group. The workers are woken once for all of it.
    pub(super) async fn append_group(
        &self,
        client: &PooledClient,
        group: &Group<'_>,
    ) -> Result<Appended, DatabaseError> {
        let cause = group.cause;
        let events: Vec<&str> = group.facts.iter().map(|(event, _)| event.as_str()).collect();
        let streams = group.column(|fact| fact.stream.as_str());
        let versions = group.column(|fact| fact.version);
        let types = group.column(|fact| fact.event_type.as_str());
        let ends = group.column(|fact| fact.deletes);
        let states = group.column(|fact| fact.data.as_str());
        let previous = group.column(|fact| fact.previous.as_deref());
        let internals = group.column(|fact| fact.internal.as_deref());
        let trace = cause.trace.map(|trace| trace.to_string());
        let guards = group.guards().map_err(|error| DatabaseError::Refused(error.to_string()))?;
        let fingerprint = cause.fingerprint.map(|known| known.bytes());
        let (answer, sealed_with) = group.answer.as_ref().map(Answer::columns).unzip();
        let (sealed_with, at) = (sealed_with.flatten(), group.at.system_time());
        let answering = group.answering_event();
        let parameters: &Parameters<'_> = &[
            &cause.account,
            &events,
            &streams,
            &versions,
            &types,
            &ends,
            &states,
            &previous,
            &internals,
            &cause.request_id,
            &cause.idempotency_key,
            &at,
            &trace,
            &guards,
            &fingerprint,
            &answer,
            &sealed_with,
            &answering,
        ];
        let appended = match client.query_one(APPEND_GROUP, parameters).await {
            Ok(row) => row.get("appended"),
            Err(DatabaseError::Conflict(_) | DatabaseError::Duplicate { .. }) => false,
            Err(error) => return Err(error),
        };
        self.wake(if appended { events.len() } else { 0 });
        Ok(if appended { Appended::All } else { Appended::Conflict })
    }
}
