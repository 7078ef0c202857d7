//! Giving rows to deliveries that can't be attempted now, or whose outcome can't be waited for: from
//! then on they are owed there, and their events can leave the outbox.

use std::collections::HashSet;
use std::time::Duration;

use calmony_pay::outbox::{DeliveryKey, DeliveryState, EventKey, Waiting};
use tokio::time::Instant;

use super::{BEHIND, Flight};
use crate::lanes::Job;

impl Flight {
    /// This delivery's row is to say that it waits.
    pub(super) fn waits(&mut self, key: DeliveryKey, waiting: Waiting) {
        self.unsettled_deliveries.insert(key.clone());
        self.settlement.waits(key, waiting);
    }

    /// Gives a row to a delivery that isn't on its way, and to all that stand in line behind it.
    pub(super) fn give_row(&mut self, job: Job, state: DeliveryState) {
        let Job { key, bucket, attempts, order, .. } = job;
        let endpoint = key.endpoint.clone();
        self.waits(key, Waiting { bucket, attempts, state, order: order.clone() });
        if let Some(order) = order {
            for behind in self.lines.close(&endpoint, &order) {
                self.give_row_behind(behind);
            }
        }
    }

    /// Gives a row to a delivery that stood in line, and takes it from those that its event waits for.
    fn give_row_behind(&mut self, job: Job) {
        let Job { key, bucket, attempts, order, .. } = job;
        self.waits(key.clone(), Waiting { bucket, attempts, state: DeliveryState::Behind(BEHIND), order });
        self.answered(&key);
    }

    /// Hands over the events that have waited since before `limit`.
    pub(crate) fn hand_over_late(&mut self, limit: Instant) {
        let late =
            self.pending.iter().filter(|(_, pending)| pending.since < limit).map(|(key, _)| *key).collect();
        self.hand_over(&late);
    }

    /// Gives rows to jobs that are queued for receivers that hang, so that they neither fill the memory
    /// nor keep their events in the outbox. Asked at a steady pace.
    pub(crate) fn hand_over_hanging(&mut self, now: Instant) {
        self.retries.find_hanging(&mut self.rooms, now);
        for endpoint in self.firsts.find_hanging(&mut self.rooms, now) {
            self.hand_over_firsts(&endpoint);
        }
    }

    /// Gives rows to jobs that are queued for an endpoint that takes nothing, or that was changed.
    /// Requests in flight go on.
    pub(crate) fn hand_over_endpoint(&mut self, endpoint: &str) {
        self.hand_over_firsts(endpoint);
        self.forget_retries(|job| job.key.endpoint == endpoint);
    }

    fn hand_over_firsts(&mut self, endpoint: &str) {
        for job in self.firsts.unqueue(&mut self.rooms, |job| job.key.endpoint == endpoint) {
            let key = job.key.clone();
            self.give_row(job, DeliveryState::Owed(Duration::ZERO));
            self.answered(&key);
        }
    }

    /// Hands over every job of that bucket, because the bucket is to go to another worker. Requests in
    /// flight go on.
    pub(crate) fn hand_over_bucket(&mut self, bucket: i16) {
        let of_bucket = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.bucket == bucket)
            .map(|(key, _)| *key)
            .collect();
        self.hand_over(&of_bucket);
        self.forget_retries(|job| job.bucket == bucket);
    }

    /// Stops sending: queued jobs go back to the place they came from, requests in flight go on.
    pub(crate) fn wind_down(&mut self) {
        self.hand_over(&self.pending.keys().copied().collect());
        self.forget_retries(|_| true);
    }

    /// Gives rows to the jobs of these events that have no answer, so that the events leave the outbox. A job
    /// in flight is due again when its attempt must have ended; one that is only queued is due at once.
    fn hand_over(&mut self, events: &HashSet<EventKey>) {
        if events.is_empty() {
            return;
        }
        let is_of = |job: &Job| events.contains(&job.key.event);
        let in_line: HashSet<_> = self.lines.unqueue(is_of).into_iter().map(|job| job.key).collect();
        let queued: HashSet<_> =
            self.firsts.unqueue(&mut self.rooms, is_of).into_iter().map(|job| job.key).collect();
        let mut pending: Vec<_> =
            events.iter().filter_map(|event| Some((*event, self.pending.remove(event)?))).collect();
        // Of one line the earlier event comes first.
        pending.sort_by_key(|(event, _)| event.position);
        for (event, pending) in pending {
            for (endpoint, order) in pending.waiting {
                let key = DeliveryKey { event, endpoint };
                let state = if in_line.contains(&key) {
                    DeliveryState::Behind(BEHIND)
                } else if queued.contains(&key) {
                    DeliveryState::Owed(Duration::ZERO)
                } else {
                    // Its outcome is still to come, and will find the row.
                    self.owed.insert(key.clone());
                    DeliveryState::Owed(self.attempt_timeout.saturating_mul(2))
                };
                self.hand_over_one(key, Waiting { bucket: pending.bucket, attempts: 0, state, order });
            }
            self.fanned_out(event);
        }
    }

    fn hand_over_one(&mut self, key: DeliveryKey, waiting: Waiting) {
        let order = waiting.order.as_ref();
        let behind = order.map(|order| self.lines.close(&key.endpoint, order)).unwrap_or_default();
        if self.owed.contains(&key) {
            self.settlement.waits(key, waiting);
        } else {
            self.waits(key, waiting);
        }
        for job in behind {
            self.give_row_behind(job);
        }
    }

    /// Takes retries out of the queues: their rows are still there, and due.
    fn forget_retries(&mut self, which: impl Fn(&Job) -> bool) {
        for job in self.retries.unqueue(&mut self.rooms, which) {
            self.owed.remove(&job.key);
        }
    }
}
