//! The worker's memory: events whose endpoints haven't all answered, their jobs, and outcomes that are to be
//! written.
//!
//! Nothing here reads a clock or a socket. The engine tells it every event and outcome; it tells the
//! engine the next request, and puts outcomes that are to be written into the settlement.

mod admit;
mod body;
mod hand_over;
mod lines;
mod meanwhile;
mod record;
mod sending;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use calmony_pay::outbox::{DeliveryKey, DeliveryState, EventKey, Order, Settlement};
use calmony_pay::retry::{self, RetrySchedule};
use tokio::time::Instant;

use crate::attempt::Report;
use crate::breaker::{Change, Endpoints, Failure};
use crate::lanes::{Job, Lanes, Rooms};
use lines::Lines;
use meanwhile::{Meanwhile, Written};
use record::record;

/// The wait of a delivery that stands in line in the database before it is looked at again, unless it is
/// called before.
const BEHIND: Duration = Duration::from_secs(5);

/// An event that came straight from the outbox and isn't fanned out yet.
#[derive(Debug)]
struct Pending {
    bucket: i16,
    since: Instant,
    /// Endpoints that haven't answered, and the lines that it stands in where they ask for order.
    waiting: BTreeMap<String, Option<Order>>,
}

/// Everything in memory.
#[derive(Debug)]
pub(crate) struct Flight {
    schedule: RetrySchedule,
    attempt_timeout: Duration,
    /// The number of workers that share the endpoints' rate limits.
    pub(crate) workers: usize,
    /// The health of each endpoint.
    pub(crate) endpoints: Endpoints,
    /// First attempts, straight from the outbox.
    pub(crate) firsts: Lanes,
    /// Deliveries with rows of their own. They have lanes apart, so that however many are due, first
    /// attempts have room.
    pub(crate) retries: Lanes,
    rooms: Rooms,
    lines: Lines,
    /// The instants at which endpoints with a rate limit may send again.
    paced: BTreeSet<(Instant, String)>,
    pending: HashMap<EventKey, Pending>,
    /// Deliveries with a row of their own that are queued or in flight.
    owed: HashSet<DeliveryKey>,
    /// Events and deliveries that are decided but not known to be written. A read that began before the write
    /// may show them once more.
    unsettled_events: HashSet<EventKey>,
    unsettled_deliveries: HashSet<DeliveryKey>,
    /// The writes that were made while reads were under way.
    meanwhile: Meanwhile,
    /// The outcomes to write next.
    pub(crate) settlement: Settlement,
}

/// The circumstances of an attempt's end, besides its report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landing {
    /// The place of the next delay in its band.
    pub(crate) jitter: f64,
    /// True if this worker still writes the outcomes of the delivery's bucket.
    pub(crate) holds_bucket: bool,
    pub(crate) at: Instant,
}

/// The reason for which a delivery was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadFor {
    /// Its time has come.
    Schedule,
    /// Its endpoint is being probed, or is back.
    Endpoint,
}

impl Flight {
    /// An empty memory. `share`: the most first attempts in flight to one endpoint; of retries half as many.
    pub(crate) fn new(
        schedule: RetrySchedule,
        rooms: Rooms,
        share: usize,
        attempt_timeout: Duration,
    ) -> Self {
        Self {
            schedule,
            attempt_timeout,
            workers: 1,
            endpoints: Endpoints::new(share, attempt_timeout),
            firsts: Lanes::default(),
            retries: Lanes::default(),
            rooms,
            lines: Lines::default(),
            paced: BTreeSet::new(),
            pending: HashMap::new(),
            owed: HashSet::new(),
            unsettled_events: HashSet::new(),
            unsettled_deliveries: HashSet::new(),
            meanwhile: Meanwhile::default(),
            settlement: Settlement::default(),
        }
    }

    /// A read begins, beside the writes. Returns its number.
    pub(crate) fn begin_read(&mut self) -> u64 {
        self.meanwhile.begin_read()
    }

    /// It is over, and its result is taken in.
    pub(crate) fn end_read(&mut self, number: u64) {
        self.meanwhile.end_read(number);
    }

    /// An attempt is over. Of a bucket that was let go meanwhile only the attempt is recorded: the
    /// delivery has a row, and that is its new owner's.
    pub(crate) fn attempted(&mut self, job: &Job, report: Report, landing: Landing) {
        let change = self.landed(job, &report, landing.at);
        let attempts = job.attempts.saturating_add(1);
        let (delivered, retry_after) = (report.error.is_none(), report.retry_after);
        self.settlement.attempted(record(job, attempts, report));
        let had_row = self.owed.remove(&job.key);
        if landing.holds_bucket {
            if delivered {
                self.delivered(job, had_row, landing.at);
            } else if !job.early {
                let delay = self.schedule.delay_after(attempts, landing.jitter);
                let delay = delay.map(|delay| retry::at_least(delay, retry_after));
                let state = delay.map_or(DeliveryState::Exhausted, DeliveryState::Owed);
                self.give_row(Job { attempts, ..job.clone() }, state);
                self.settlement.hurry();
                if state == DeliveryState::Exhausted {
                    self.passes(job);
                }
            }
            self.answered(&job.key);
        }
        if change == Change::Broken {
            self.hand_over_endpoint(&job.key.endpoint);
        }
    }

    /// A request is no longer in flight; its endpoint is judged by it.
    fn landed(&mut self, job: &Job, report: &Report, now: Instant) -> Change {
        let (account, endpoint) = (job.key.event.account, &job.key.endpoint);
        let in_flight = self.firsts.sent(endpoint) + self.retries.sent(endpoint);
        let lanes = if job.is_retry { &mut self.retries } else { &mut self.firsts };
        lanes.landed(&mut self.rooms, job);
        let change = if report.error.is_none() {
            self.endpoints.succeeded(account, endpoint, in_flight, now)
        } else {
            let (overload, answered) = (report.is_overload(), report.status.is_some());
            let failure = Failure { overload, answered, retry_after: report.retry_after };
            self.endpoints.failed(account, endpoint, failure, now)
        };
        // Both kinds share the endpoint's window and state.
        let proven = self.endpoints.is_proven(endpoint);
        for lanes in [&mut self.firsts, &mut self.retries] {
            lanes.prove(&mut self.rooms, endpoint, proven);
            lanes.wake(&mut self.rooms, endpoint);
            lanes.wake_host(&mut self.rooms, job);
        }
        change
    }

    /// A delivery with a row is over, so the row goes.
    fn row_goes(&mut self, key: DeliveryKey) {
        self.unsettled_deliveries.insert(key.clone());
        self.settlement.delivered(key);
    }

    /// Notes that an event of a group is over. If there are other workers, the next one may be theirs.
    fn passes(&mut self, job: &Job) {
        if let Some(group) = job.order.as_ref().and_then(|order| order.group.as_deref()) {
            self.settlement.passes(&job.key, group);
            if self.workers > 1 {
                self.settlement.hurry();
            }
        }
    }

    fn delivered(&mut self, job: &Job, had_row: bool, now: Instant) {
        self.passes(job);
        if had_row {
            self.row_goes(job.key.clone());
        }
        if let Some(order) = &job.order {
            if had_row {
                self.settlement.moves_line();
            }
            // A job that comes from a row, of an old event that is resent perhaps, was never the head of
            // a line in memory.
            if !job.is_retry {
                for next in self.lines.advance(&job.key, order) {
                    self.queue_first(next, now);
                }
            }
        }
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

    /// Notes that these outcomes have been written.
    pub(crate) fn settled(&mut self, written: &Settlement) {
        // The next outcomes to write may be about the same event.
        let next = &self.settlement;
        for event in written.events().filter(|event| !next.has_event(event)) {
            self.unsettled_events.remove(event);
            self.meanwhile.note(Written::Event(*event));
        }
        for delivery in written.deliveries().filter(|delivery| !next.has_delivery(delivery)) {
            self.unsettled_deliveries.remove(delivery);
            self.meanwhile.note(Written::Delivery(delivery.clone()));
        }
        for (key, line) in written.lines() {
            self.meanwhile.note(Written::Line(key.endpoint.clone(), line.clone()));
        }
        let unwritten: HashSet<(&str, &Arc<str>)> =
            next.lines().map(|(key, line)| (key.endpoint.as_str(), line)).collect();
        self.lines.keep_closed(|endpoint, line| unwritten.contains(&(endpoint, line)));
    }

    /// True if a request of that bucket is in flight.
    pub(crate) fn flies(&self, bucket: i16) -> bool {
        self.firsts.flies(bucket) || self.retries.flies(bucket)
    }
}

#[cfg(test)]
mod tests;
