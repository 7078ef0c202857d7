//! The next request to send, and the endpoints that are woken for it.

use std::collections::BTreeSet;

use calmony_pay::outbox::EndpointKey;
use tokio::time::Instant;

use super::Flight;
use crate::breaker::{Asking, Endpoints, Gate, Kind};
use crate::lanes::{Job, Room};

impl Flight {
    /// Requests in flight.
    pub(crate) const fn in_flight(&self) -> usize {
        self.firsts.in_flight() + self.retries.in_flight()
    }

    /// Those of them to endpoints that haven't answered yet, or let nothing land.
    pub(crate) const fn on_probation(&self) -> usize {
        self.firsts.in_room(Room::Probation) + self.retries.in_room(Room::Probation)
    }

    /// The next request to send, first attempts first.
    pub(crate) fn next_job(&mut self, now: Instant) -> Option<Job> {
        self.next_first(now).or_else(|| self.next_retry(now))
    }

    pub(super) fn next_first(&mut self, now: Instant) -> Option<Job> {
        let Self { firsts, retries, rooms, endpoints, paced, .. } = self;
        firsts.next(rooms, 1, |endpoint, firsts| {
            let kind = Kind::First { retries_wait: retries.queued_of(endpoint) > 0 };
            let asking = Asking { kind, firsts, retries: retries.sent(endpoint) };
            may_send(endpoints, paced, endpoint, &asking, now)
        })
    }

    /// Retries get half of the rooms at the most.
    fn next_retry(&mut self, now: Instant) -> Option<Job> {
        let Self { firsts, retries, rooms, endpoints, paced, .. } = self;
        retries.next(rooms, 2, |endpoint, retries| {
            let asking = Asking { kind: Kind::Retry, firsts: firsts.sent(endpoint), retries };
            may_send(endpoints, paced, endpoint, &asking, now)
        })
    }

    /// Accounts that found no place may look again: requests have landed since.
    pub(crate) fn look_again(&mut self) {
        self.firsts.look_again();
        self.retries.look_again();
    }

    /// The endpoint may perhaps send again.
    pub(super) fn wake(&mut self, endpoint: &str) {
        self.firsts.wake(&mut self.rooms, endpoint);
        self.retries.wake(&mut self.rooms, endpoint);
    }

    pub(super) fn queue_first(&mut self, job: Job, now: Instant) {
        let proven = self.endpoints.is_proven(&job.key.endpoint);
        self.firsts.push(&mut self.rooms, job, proven, now);
    }

    /// The endpoints that have something queued.
    pub(crate) fn queued_endpoints(&self) -> Vec<EndpointKey> {
        let mut queued: Vec<EndpointKey> =
            self.firsts.queued_endpoints().chain(self.retries.queued_endpoints()).collect();
        queued.sort_unstable();
        queued.dedup();
        queued
    }

    /// The instant at which the next endpoint with a rate limit may send again.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.paced.first().map(|(at, _)| *at)
    }

    /// Wakes the endpoints whose turn it is by their rate limit.
    pub(crate) fn wake_paced(&mut self, now: Instant) {
        while self.paced.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, endpoint)) = self.paced.pop_first() {
                self.wake(&endpoint);
            }
        }
    }
}

/// True if the endpoint may send now. An endpoint that its rate limit holds back is woken in time.
fn may_send(
    endpoints: &mut Endpoints,
    paced: &mut BTreeSet<(Instant, String)>,
    endpoint: &str,
    asking: &Asking,
    now: Instant,
) -> bool {
    let gate = endpoints.gate(endpoint, asking, now);
    if let Gate::Until(at) = gate {
        paced.insert((at, endpoint.to_owned()));
    }
    gate == Gate::Open
}
