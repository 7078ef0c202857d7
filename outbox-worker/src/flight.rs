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
use calmony_pay::retry::RetrySchedule;
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
    /// The jobs, queued and in flight.
    pub(crate) lanes: Lanes,
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
    pub(crate) fn new(schedule: RetrySchedule, lane_max: usize) -> Self {
        Self {
            schedule,
            lanes: Lanes::new(lane_max),
            pending: HashMap::new(),
            owed: HashSet::new(),
            unsettled_events: HashSet::new(),
            unsettled_deliveries: HashSet::new(),
            settlement: Settlement::default(),
        }
    }

    /// Deliveries in memory that have rows of their own.
    pub(crate) fn owed(&self) -> usize {
        self.owed.len()
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
        let Some(body) = Body::of(&fresh.event, count) else {
            return;
        };
        let waiting = fresh.targets.iter().map(|target| target.endpoint.clone()).collect();
        self.pending.insert(fresh.key, Pending { bucket: fresh.bucket, since: now, waiting });
        for target in fresh.targets {
            self.lanes.push(body.job(fresh.key, fresh.bucket, 0, target));
        }
    }

    /// Takes in a delivery whose time has come, unless it is here already or its endpoint doesn't want it.
    pub(crate) fn admit_due(&mut self, due: Due) {
        let key = DeliveryKey { event: due.key, endpoint: due.target.endpoint.clone() };
        if self.owed.contains(&key) || self.unsettled_deliveries.contains(&key) {
            return;
        }
        match due.status {
            EndpointStatus::Enabled => {
                let Some(body) = Body::of(&due.event, due.pending_webhooks) else {
                    return;
                };
                self.owed.insert(key);
                self.lanes.push(body.job(due.key, due.bucket, due.attempts, due.target));
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

    /// An attempt is over.
    pub(crate) fn attempted(&mut self, job: &Job, report: Report, jitter: f64) {
        self.lanes.landed(job);
        let attempts = job.attempts.saturating_add(1);
        let delivered = report.error.is_none();
        self.settlement.attempted(record(job.key.clone(), attempts, report));
        let had_row = self.owed.remove(&job.key);
        if had_row || !delivered {
            self.unsettled_deliveries.insert(job.key.clone());
        }
        if !delivered {
            let delay = self.schedule.delay_after(attempts, jitter);
            let state = delay.map_or(DeliveryState::Exhausted, DeliveryState::Owed);
            self.settlement.waits(job.key.clone(), job.bucket, attempts, state);
        } else if had_row {
            self.settlement.delivered(job.key.clone());
        }
        self.answered(&job.key);
    }

    /// An endpoint of an event has answered; the last one takes the event out of the outbox.
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

    /// Gives rows to whatever hasn't answered of the events that have waited since before `limit`, so that they leave the
    /// outbox. What is in flight is due again when its attempt must have ended; what is only queued is due at once.
    pub(crate) fn hand_over(&mut self, limit: Instant, attempt_timeout: Duration) {
        let late: HashSet<EventKey> =
            self.pending.iter().filter(|(_, pending)| pending.since < limit).map(|(key, _)| *key).collect();
        if late.is_empty() {
            return;
        }
        let queued = self.lanes.unqueue(|job| late.contains(&job.key.event));
        for event in late {
            let Some(pending) = self.pending.remove(&event) else {
                continue;
            };
            for endpoint in pending.waiting {
                let key = DeliveryKey { event, endpoint };
                let wait = if queued.contains(&key) {
                    self.unsettled_deliveries.insert(key.clone());
                    Duration::ZERO
                } else {
                    self.owed.insert(key.clone());
                    attempt_timeout.saturating_mul(2)
                };
                self.settlement.waits(key, pending.bucket, 0, DeliveryState::Owed(wait));
            }
            self.fanned_out(event);
        }
    }

    /// Stops sending: what is queued goes back to where it came from, what is in flight goes on.
    pub(crate) fn wind_down(&mut self, now: Instant, attempt_timeout: Duration) {
        self.hand_over(now + Duration::from_secs(1), attempt_timeout);
        for key in self.lanes.unqueue(|_| true) {
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

    /// Whether something of that bucket is queued or in flight.
    pub(crate) fn is_busy(&self, bucket: i16) -> bool {
        self.lanes.is_busy(bucket) || self.pending.values().any(|pending| pending.bucket == bucket)
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

    fn job(&self, event: EventKey, bucket: i16, attempts: u32, target: Target) -> Job {
        let key = DeliveryKey { event, endpoint: target.endpoint };
        let (event, body) = (self.event.clone(), self.json.clone());
        Job {
            key,
            bucket,
            attempts,
            webhook: Webhook { event, body, url: target.url, secrets: target.secrets },
        }
    }
}

fn record(key: DeliveryKey, number: u32, report: Report) -> AttemptRecord {
    let Report { started_at, duration, status, error, response, truncated } = report;
    AttemptRecord { key, number, started_at, duration, status, error, response, truncated }
}
