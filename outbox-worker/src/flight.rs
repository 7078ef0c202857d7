//! What is in memory: events whose endpoints haven't all answered, jobs that wait for their endpoint, jobs in flight.
//!
//! Nothing here reads a clock or a socket. The engine tells it what happened; it tells the engine what to send and puts
//! what is to be written into the settlement.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use calmony_pay::outbox::{
    AttemptRecord, DeliveryKey, DeliveryState, Due, EndpointStatus, EventKey, Fresh, Settlement, Target,
};
use calmony_pay::retry::RetrySchedule;
use tokio::time::Instant;

use crate::attempt::{Report, Webhook};

/// One delivery that is to be attempted.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) key: DeliveryKey,
    pub(crate) bucket: i16,
    /// Attempts made before.
    pub(crate) attempts: u32,
    pub(crate) webhook: Webhook,
}

/// An event that came straight from the outbox and isn't fanned out yet.
#[derive(Debug)]
struct Pending {
    bucket: i16,
    since: Instant,
    /// Endpoints that haven't answered.
    waiting: BTreeSet<String>,
}

/// The jobs of one endpoint.
#[derive(Debug, Default)]
struct Lane {
    queued: VecDeque<Job>,
    in_flight: usize,
}

/// Everything in memory.
#[derive(Debug)]
pub(crate) struct Flight {
    schedule: RetrySchedule,
    lane_max: usize,
    pending: HashMap<EventKey, Pending>,
    lanes: HashMap<String, Lane>,
    /// Endpoints with something queued and room for it, in turn. One may stand here twice, or in vain.
    turns: VecDeque<String>,
    /// Deliveries with a row of their own that are queued or in flight.
    owed: HashSet<DeliveryKey>,
    /// What is decided but not known to be written. A read that began before the write may show it once more.
    unsettled_events: HashSet<EventKey>,
    unsettled_deliveries: HashSet<DeliveryKey>,
    in_flight_buckets: HashMap<i16, usize>,
    queued: usize,
    in_flight: usize,
    /// What is to be written next.
    pub(crate) settlement: Settlement,
}

impl Flight {
    pub(crate) fn new(schedule: RetrySchedule, lane_max: usize) -> Self {
        Self {
            schedule,
            lane_max,
            pending: HashMap::new(),
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            owed: HashSet::new(),
            unsettled_events: HashSet::new(),
            unsettled_deliveries: HashSet::new(),
            in_flight_buckets: HashMap::new(),
            queued: 0,
            in_flight: 0,
            settlement: Settlement::default(),
        }
    }

    /// Jobs that are queued.
    pub(crate) const fn queued(&self) -> usize {
        self.queued
    }

    /// Requests in flight.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
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
        let Some((event, body)) = render(&fresh.event, count) else {
            return;
        };
        let waiting = fresh
            .targets
            .iter()
            .map(|target| target.endpoint.clone())
            .collect();
        self.pending.insert(
            fresh.key,
            Pending {
                bucket: fresh.bucket,
                since: now,
                waiting,
            },
        );
        for target in fresh.targets {
            self.enqueue(job(fresh.key, fresh.bucket, 0, target, &event, &body));
        }
    }

    /// Takes in a delivery whose time has come, unless it is here already or its endpoint doesn't want it.
    pub(crate) fn admit_due(&mut self, due: Due) {
        let key = DeliveryKey {
            event: due.key,
            endpoint: due.target.endpoint.clone(),
        };
        if self.owed.contains(&key) || self.unsettled_deliveries.contains(&key) {
            return;
        }
        match due.status {
            EndpointStatus::Enabled => {
                let Some((event, body)) = render(&due.event, due.pending_webhooks) else {
                    return;
                };
                self.owed.insert(key);
                self.enqueue(job(due.key, due.bucket, due.attempts, due.target, &event, &body));
            }
            EndpointStatus::Disabled => {
                self.unsettled_deliveries.insert(key.clone());
                self.settlement
                    .waits(key, due.bucket, due.attempts, DeliveryState::Parked);
            }
            EndpointStatus::Deleted => {
                self.unsettled_deliveries.insert(key.clone());
                self.settlement.delivered(key);
            }
        }
    }

    fn enqueue(&mut self, job: Job) {
        let endpoint = job.key.endpoint.clone();
        let lane = self.lanes.entry(endpoint.clone()).or_default();
        if lane.queued.is_empty() {
            self.turns.push_back(endpoint);
        }
        lane.queued.push_back(job);
        self.queued += 1;
    }

    /// The next job to send. Endpoints take turns; one that has its share in flight is passed over.
    pub(crate) fn next(&mut self) -> Option<Job> {
        while let Some(endpoint) = self.turns.pop_front() {
            let Some(lane) = self
                .lanes
                .get_mut(&endpoint)
                .filter(|lane| lane.in_flight < self.lane_max)
            else {
                continue;
            };
            let Some(job) = lane.queued.pop_front() else {
                continue;
            };
            lane.in_flight += 1;
            if !lane.queued.is_empty() {
                self.turns.push_back(endpoint);
            }
            self.queued -= 1;
            self.in_flight += 1;
            *self.in_flight_buckets.entry(job.bucket).or_default() += 1;
            return Some(job);
        }
        None
    }

    /// An attempt is over.
    pub(crate) fn attempted(&mut self, job: Job, report: Report, jitter: f64) {
        self.land(&job);
        let attempts = job.attempts.saturating_add(1);
        let delivered = report.error.is_none();
        self.settlement
            .attempted(record(job.key.clone(), attempts, report));
        let had_row = self.owed.remove(&job.key);
        if had_row || !delivered {
            self.unsettled_deliveries.insert(job.key.clone());
        }
        if !delivered {
            let delay = self.schedule.delay_after(attempts, jitter);
            let state = delay.map_or(DeliveryState::Exhausted, DeliveryState::Owed);
            self.settlement
                .waits(job.key.clone(), job.bucket, attempts, state);
        } else if had_row {
            self.settlement.delivered(job.key.clone());
        }
        self.answered(&job.key);
    }

    /// A request is no longer in flight.
    fn land(&mut self, job: &Job) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(count) = self.in_flight_buckets.get_mut(&job.bucket) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.in_flight_buckets.remove(&job.bucket);
            }
        }
        let Some(lane) = self.lanes.get_mut(&job.key.endpoint) else {
            return;
        };
        let was_full = lane.in_flight >= self.lane_max;
        lane.in_flight = lane.in_flight.saturating_sub(1);
        if was_full && !lane.queued.is_empty() {
            self.turns.push_back(job.key.endpoint.clone());
        } else if lane.queued.is_empty() && lane.in_flight == 0 {
            self.lanes.remove(&job.key.endpoint);
        }
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
        let late: HashSet<EventKey> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.since < limit)
            .map(|(key, _)| *key)
            .collect();
        if late.is_empty() {
            return;
        }
        let queued = self.unqueue(|job| late.contains(&job.key.event));
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
                self.settlement
                    .waits(key, pending.bucket, 0, DeliveryState::Owed(wait));
            }
            self.fanned_out(event);
        }
    }

    /// Stops sending: what is queued goes back to where it came from, what is in flight goes on.
    pub(crate) fn wind_down(&mut self, now: Instant, attempt_timeout: Duration) {
        self.hand_over(now + Duration::from_secs(1), attempt_timeout);
        for key in self.unqueue(|_| true) {
            self.owed.remove(&key);
        }
    }

    /// Takes jobs out of the queues; says which.
    fn unqueue(&mut self, which: impl Fn(&Job) -> bool) -> HashSet<DeliveryKey> {
        let mut taken = HashSet::new();
        for lane in self.lanes.values_mut() {
            lane.queued.retain(|job| {
                let goes = which(job);
                if goes {
                    taken.insert(job.key.clone());
                }
                !goes
            });
        }
        self.queued = self.queued.saturating_sub(taken.len());
        self.lanes
            .retain(|_, lane| lane.in_flight > 0 || !lane.queued.is_empty());
        taken
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
        self.in_flight_buckets.contains_key(&bucket)
            || self.pending.values().any(|pending| pending.bucket == bucket)
            || self
                .lanes
                .values()
                .any(|lane| lane.queued.iter().any(|job| job.bucket == bucket))
    }
}

fn render(event: &calmony_pay::domain::envelope::StoredEvent, pending: i64) -> Option<(Arc<str>, Arc<str>)> {
    match event.render(pending) {
        Ok(body) => Some((event.id.as_str().into(), body.into())),
        Err(error) => {
            // PostgreSQL has checked that it is JSON. It stays in the outbox, in sight.
            tracing::error!(event = event.id, %error, "a stored event can't be read");
            None
        }
    }
}

fn job(event: EventKey, bucket: i16, attempts: u32, target: Target, id: &Arc<str>, body: &Arc<str>) -> Job {
    let key = DeliveryKey {
        event,
        endpoint: target.endpoint,
    };
    let webhook = Webhook {
        event: id.clone(),
        body: body.clone(),
        url: target.url,
        secrets: target.secrets,
    };
    Job {
        key,
        bucket,
        attempts,
        webhook,
    }
}

fn record(key: DeliveryKey, number: u32, report: Report) -> AttemptRecord {
    let Report {
        started_at,
        duration,
        status,
        error,
        response,
        truncated,
    } = report;
    AttemptRecord {
        key,
        number,
        started_at,
        duration,
        status,
        error,
        response,
        truncated,
    }
}
