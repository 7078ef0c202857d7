//! What is in memory: events whose endpoints haven't all answered, their jobs, and outcomes that are to be written.
//!
//! Nothing here reads a clock or a socket. The engine tells it what happened; it tells the engine what to send and puts
//! what is to be written into the settlement.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use calmony_pay::domain::envelope::StoredEvent;
use calmony_pay::outbox::{
    AttemptRecord, DeliveryKey, DeliveryState, Due, EndpointStatus, EventKey, Fresh, Settlement, Target,
};
use calmony_pay::retry::{self, RetrySchedule};
use tokio::time::Instant;

use crate::attempt::{Report, Webhook};
use crate::lanes::{Job, Lanes};

/// An event that came straight from the outbox and isn't fanned out yet.
#[derive(Debug)]
struct Pending {
    bucket: i16,
    since: Instant,
    /// Endpoints that haven't answered.
    waiting: BTreeSet<String>,
}

/// Everything in memory.
#[derive(Debug)]
pub(crate) struct Flight {
    schedule: RetrySchedule,
    /// First attempts, straight from the outbox.
    pub(crate) firsts: Lanes,
    /// Deliveries with rows of their own. They have lanes apart, so that however many are due, first attempts have room.
    pub(crate) retries: Lanes,
    pending: HashMap<EventKey, Pending>,
    /// Deliveries with a row of their own that are queued or in flight.
    owed: HashSet<DeliveryKey>,
    /// What is decided but not known to be written. A read that began before the write may show it once more.
    unsettled_events: HashSet<EventKey>,
    unsettled_deliveries: HashSet<DeliveryKey>,
    /// What is to be written next.
    pub(crate) settlement: Settlement,
}

impl Flight {
    /// Nothing. `share` is how many first attempts of one endpoint may be in flight; of retries half as many.
    pub(crate) fn new(schedule: RetrySchedule, share: usize) -> Self {
        Self {
            schedule,
            firsts: Lanes::new(share),
            retries: Lanes::new(share.div_ceil(2)),
            pending: HashMap::new(),
            owed: HashSet::new(),
            unsettled_events: HashSet::new(),
            unsettled_deliveries: HashSet::new(),
            settlement: Settlement::default(),
        }
    }

    /// Requests in flight.
    pub(crate) const fn in_flight(&self) -> usize {
        self.firsts.in_flight() + self.retries.in_flight()
    }

    /// Takes in an event that was read from the outbox, unless it is here already.
    pub(crate) fn admit(&mut self, fresh: Fresh, now: Instant) {
        if self.pending.contains_key(&fresh.key) || self.unsettled_events.contains(&fresh.key) {
            return;
        }
        if fresh.targets.is_empty() {
            self.fanned_out(fresh.key);
            return;
        }
        let count = i64::try_from(fresh.targets.len()).unwrap_or(i64::MAX);
        let Some(body) = Body::of(&fresh.event, count) else { return };
        let waiting = fresh.targets.iter().map(|target| target.endpoint.clone()).collect();
        self.pending.insert(fresh.key, Pending { bucket: fresh.bucket, since: now, waiting });
        for target in fresh.targets {
            self.firsts.push(body.job(fresh.key, fresh.bucket, None, target));
        }
    }

    /// Takes in a delivery whose time has come, unless it is here already, its endpoint has its share of retries here, or
    /// doesn't want it.
    pub(crate) fn admit_due(&mut self, due: Due) {
        let key = DeliveryKey { event: due.key, endpoint: due.target.endpoint.clone() };
        if self.owed.contains(&key) || self.unsettled_deliveries.contains(&key) || self.is_first(&key) {
            return;
        }
        match due.status {
            EndpointStatus::Enabled if self.retries.of(&key.endpoint) >= self.retries.share() => {}
            EndpointStatus::Enabled => {
                let Some(body) = Body::of(&due.event, due.pending_webhooks) else { return };
                self.owed.insert(key);
                self.retries.push(body.job(due.key, due.bucket, Some(due.attempts), due.target));
            }
            EndpointStatus::Disabled => {
                self.unsettled_deliveries.insert(key.clone());
                self.settlement.waits(key, due.bucket, due.attempts, DeliveryState::Parked);
            }
            EndpointStatus::Deleted => {
                self.unsettled_deliveries.insert(key.clone());
                self.settlement.delivered(key);
            }
        }
    }

    /// Whether its first attempt is queued or in flight.
    fn is_first(&self, key: &DeliveryKey) -> bool {
        self.pending.get(&key.event).is_some_and(|pending| pending.waiting.contains(&key.endpoint))
    }

    /// An attempt is over. Of a bucket that was let go meanwhile only the attempt is recorded: the delivery has a row, and
    /// that is its new owner's.
    pub(crate) fn attempted(&mut self, job: &Job, report: Report, jitter: f64, holds_bucket: bool) {
        if job.is_retry {
            self.retries.landed(job);
        } else {
            self.firsts.landed(job);
        }
        let attempts = job.attempts.saturating_add(1);
        let (delivered, retry_after) = (report.error.is_none(), report.retry_after);
        self.settlement.attempted(record(job.key.clone(), attempts, report));
        let had_row = self.owed.remove(&job.key);
        if !holds_bucket {
            return;
        }
        if had_row || !delivered {
            self.unsettled_deliveries.insert(job.key.clone());
        }
        if !delivered {
            let delay =
                self.schedule.delay_after(attempts, jitter).map(|delay| retry::at_least(delay, retry_after));
            let state = delay.map_or(DeliveryState::Exhausted, DeliveryState::Owed);
            self.settlement.waits(job.key.clone(), job.bucket, attempts, state);
        } else if had_row {
            self.settlement.delivered(job.key.clone());
        }
        self.answered(&job.key);
    }

    /// An endpoint of an event has answered, or has a row; the last one takes the event out of the outbox.
    fn answered(&mut self, key: &DeliveryKey) {
        if let Some(pending) = self.pending.get_mut(&key.event) {
            pending.waiting.remove(&key.endpoint);
            if pending.waiting.is_empty() {
                self.pending.remove(&key.event);
                self.fanned_out(key.event);
            }
        }
    }

    fn fanned_out(&mut self, event: EventKey) {
        self.unsettled_events.insert(event);
        self.settlement.fanned_out(event);
    }

    /// Hands over the events that have waited since before `limit`.
    pub(crate) fn hand_over_late(&mut self, limit: Instant, attempt_timeout: Duration) {
        let late =
            self.pending.iter().filter(|(_, pending)| pending.since < limit).map(|(key, _)| *key).collect();
        self.hand_over(&late, attempt_timeout);
    }

    /// Gives rows to what is queued for receivers that hang, so that it neither fills the memory nor keeps its events in the
    /// outbox. Asked at a steady pace.
    pub(crate) fn hand_over_stuck(&mut self) {
        let stuck = self.firsts.stuck();
        if stuck.is_empty() {
            return;
        }
        for key in self.firsts.unqueue(|job| stuck.contains(&job.key.endpoint)) {
            let Some(bucket) = self.pending.get(&key.event).map(|pending| pending.bucket) else { continue };
            self.unsettled_deliveries.insert(key.clone());
            self.settlement.waits(key.clone(), bucket, 0, DeliveryState::Owed(Duration::ZERO));
            self.answered(&key);
        }
    }

    /// Hands over whatever is of that bucket, because it is to go to another worker. What is in flight goes on.
    pub(crate) fn hand_over_bucket(&mut self, bucket: i16, attempt_timeout: Duration) {
        let of_bucket = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.bucket == bucket)
            .map(|(key, _)| *key)
            .collect();
        self.hand_over(&of_bucket, attempt_timeout);
        self.forget_retries(|job| job.bucket == bucket);
    }

    /// Stops sending: what is queued goes back to where it came from, what is in flight goes on.
    pub(crate) fn wind_down(&mut self, attempt_timeout: Duration) {
        self.hand_over(&self.pending.keys().copied().collect(), attempt_timeout);
        self.forget_retries(|_| true);
    }

    /// Gives rows to whatever hasn't answered of these events, so that they leave the outbox. What is in flight is due again
    /// when its attempt must have ended; what is only queued is due at once.
    fn hand_over(&mut self, events: &HashSet<EventKey>, attempt_timeout: Duration) {
        if events.is_empty() {
            return;
        }
        let queued: HashSet<_> =
            self.firsts.unqueue(|job| events.contains(&job.key.event)).into_iter().collect();
        for event in events {
            let Some(pending) = self.pending.remove(event) else { continue };
            for endpoint in pending.waiting {
                let key = DeliveryKey { event: *event, endpoint };
                let wait = if queued.contains(&key) {
                    self.unsettled_deliveries.insert(key.clone());
                    Duration::ZERO
                } else {
                    self.owed.insert(key.clone());
                    attempt_timeout.saturating_mul(2)
                };
                self.settlement.waits(key, pending.bucket, 0, DeliveryState::Owed(wait));
            }
            self.fanned_out(*event);
        }
    }

    /// Takes retries out of the queues: their rows are still there, and due.
    fn forget_retries(&mut self, which: impl Fn(&Job) -> bool) {
        for key in self.retries.unqueue(which) {
            self.owed.remove(&key);
        }
    }

    /// What was to be written has been written.
    pub(crate) fn settled(&mut self, written: &Settlement) {
        for event in written.events() {
            self.unsettled_events.remove(event);
        }
        for delivery in written.deliveries() {
            self.unsettled_deliveries.remove(delivery);
        }
    }

    /// Whether a request of that bucket is in flight.
    pub(crate) fn flies(&self, bucket: i16) -> bool {
        self.firsts.flies(bucket) || self.retries.flies(bucket)
    }
}

/// An event as it is sent: its id and its JSON, shared by the jobs of all its endpoints.
struct Body {
    event: Arc<str>,
    json: Arc<str>,
}

impl Body {
    fn of(event: &StoredEvent, pending_webhooks: i64) -> Option<Self> {
        match event.render(pending_webhooks) {
            Ok(json) => Some(Self { event: event.id.as_str().into(), json: json.into() }),
            Err(error) => {
                // PostgreSQL has checked that it is JSON. It stays in the outbox, in sight.
                tracing::error!(event = event.id, %error, "a stored event can't be read");
                None
            }
        }
    }

    /// The job of one endpoint. `attempts`: how many there were, for a delivery that has a row of its own.
    fn job(&self, event: EventKey, bucket: i16, attempts: Option<u32>, target: Target) -> Job {
        let key = DeliveryKey { event, endpoint: target.endpoint };
        let (event, body) = (self.event.clone(), self.json.clone());
        let webhook = Webhook { event, body, url: target.url, secrets: target.secrets };
        Job { key, bucket, attempts: attempts.unwrap_or(0), is_retry: attempts.is_some(), webhook }
    }
}

fn record(key: DeliveryKey, number: u32, report: Report) -> AttemptRecord {
    let Report { started_at, duration, status, error, response, truncated, retry_after: _ } = report;
    AttemptRecord { key, number, started_at, duration, status, error, response, truncated }
}

#[cfg(test)]
mod tests;
