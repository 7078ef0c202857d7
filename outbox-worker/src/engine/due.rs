//! Reading deliveries that have rows: those that are due, and those that are owed to an endpoint that is
//! probed or back. On a connection of its own, so that nobody's new event waits behind many owed deliveries.

use std::collections::HashMap;

use calmony_pay::outbox::{Due, EndpointKey, EndpointStatus, Portion};
use tokio::time::Instant;

use super::operation::{Operation, ReadDue, What};
use super::reads::rows;
use super::state::Engine;
use crate::flight::ReadFor;

/// The rows of one read.
const ROWS: usize = 500;
/// The jobs in memory of an endpoint that doesn't answer for which nothing more is read.
const DUE_ON_PROBATION: usize = 2;
/// The due deliveries of one endpoint that are read at once; it is passed over while half as many are here.
const DUE_OF_EACH: usize = 128;
/// The deliveries that a walk reads at once; it goes on when half as many are here.
const WALK_ROWS: usize = 256;
/// The deliveries that a probe is looked for in at once: those that stand in line can't be sent.
const PROBE_ROWS: usize = 64;

impl Engine {
    /// Reads due deliveries, but not of endpoints that have enough here, take nothing now, or are walked.
    pub(super) fn read_due(&mut self, own: &[i16]) {
        if !self.want_due || self.busy.contains(&Operation::ReadDue) {
            return;
        }
        self.want_due = false;
        let full = self.flight.retries.with_enough(DUE_OF_EACH / 2, DUE_ON_PROBATION);
        let but: Vec<String> = full.chain(self.flight.endpoints.held()).cloned().collect();
        let (own, full_accounts) = (own.to_vec(), self.flight.retries.full_accounts());
        self.perform_read(Operation::ReadDue, move |session| async move {
            let but = (but.as_slice(), full_accounts.as_slice());
            session.due(rows(ROWS), rows(DUE_OF_EACH), &own, but).await.map(ReadDue::Due).map(What::Due)
        });
    }

    /// Looks for more of an endpoint that has more than was read, once there is room.
    pub(super) fn refill(&mut self, endpoint: &str) {
        if self.have_more.contains(endpoint) && self.flight.retries.of(endpoint) < DUE_OF_EACH / 2 {
            self.want_due = true;
        }
    }

    /// Probes an endpoint whose time has come, or reads on for one that is back.
    pub(super) fn walk(&mut self, own: &[i16]) {
        if self.busy.contains(&Operation::Walk) {
            return;
        }
        let own = own.to_vec();
        if let Some((key, after)) = self.flight.endpoints.next_probe(Instant::now()) {
            self.perform_read(Operation::Walk, move |session| async move {
                let due = session.walk(rows(PROBE_ROWS), &own, &key, after).await?;
                Ok(What::Due(ReadDue::Probed(key, due)))
            });
            return;
        }
        let retries = &self.flight.retries;
        let has_room = |(key, _): &(EndpointKey, i64)| retries.of(&key.endpoint) < WALK_ROWS / 2;
        let next = self.flight.endpoints.walks().find(has_room);
        if let Some((key, after)) = next {
            self.perform_read(Operation::Walk, move |session| async move {
                session
                    .walk(rows(WALK_ROWS), &own, &key, after)
                    .await
                    .map(|due| What::Due(ReadDue::Walked(key, due)))
            });
        }
    }

    /// Looks again for a read that can't be used.
    pub(super) fn read_due_anew(&mut self, read: &ReadDue) {
        self.want_due = true;
        if let ReadDue::Probed(key, _) = read {
            self.flight.endpoints.probe_again(&key.endpoint, Instant::now());
        }
    }

    pub(super) fn finish_due(&mut self, number: u64, read: ReadDue) {
        match read {
            ReadDue::Due(Portion { work: due, is_part, .. }) => {
                self.want_due |= is_part;
                self.note_more(&due);
                self.admit_due(number, due, ReadFor::Schedule);
            }
            ReadDue::Probed(key, Portion { work: due, .. }) => self.probe(number, &key, due),
            ReadDue::Walked(key, Portion { work: due, is_part, .. }) => {
                let last = due.last().map(|due| due.key.position).filter(|_| is_part);
                self.flight.endpoints.walked(&key.endpoint, last);
                self.want_due |= last.is_none();
                self.admit_due(number, due, ReadFor::Endpoint);
            }
        }
    }

    /// Probes an endpoint with the first delivery that doesn't stand in line.
    fn probe(&mut self, number: u64, key: &EndpointKey, mut due: Vec<Due>) {
        let (endpoints, now) = (&mut self.flight.endpoints, Instant::now());
        match due.last() {
            Some(last) if last.status == EndpointStatus::Enabled => {
                let last = last.key.position;
                due.retain(|due| due.behind.is_none() && due.group_wait.is_none());
                due.truncate(1);
                match due.first() {
                    Some(due) => endpoints.probed_with(&key.endpoint, due.key.position),
                    None => endpoints.probe_later(&key.endpoint, last, now),
                }
            }
            _ => endpoints.nothing_to_probe_with(&key.endpoint, now),
        }
        self.admit_due(number, due, ReadFor::Endpoint);
    }

    /// Remembers the endpoints that have more due deliveries than were read.
    fn note_more(&mut self, due: &[Due]) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for due in due {
            *counts.entry(&due.target.endpoint).or_default() += 1;
        }
        let retries = &self.flight.retries;
        self.have_more.retain(|endpoint| retries.of(endpoint) >= DUE_OF_EACH / 2);
        let full = counts.into_iter().filter(|(_, count)| *count >= DUE_OF_EACH);
        self.have_more.extend(full.map(|(endpoint, _)| endpoint.to_owned()));
    }

    fn admit_due(&mut self, number: u64, due: Vec<Due>, read_for: ReadFor) {
        let now = Instant::now();
        for due in due {
            if self.ownership.owns(due.bucket) {
                self.flight.admit_due(due, (read_for, number), now);
            }
        }
    }
}
