//! What is in memory: events whose endpoints haven't all answered, their jobs, and outcomes that are to
//! be written.
//!
//! Nothing here reads a clock or a socket. The engine tells it what happened; it tells the engine what
//! to send and puts what is to be written into the settlement.

mod body;
mod hand_over;
mod lines;
mod meanwhile;
mod record;
mod sending;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use calmony_pay::outbox::{
    DeliveryKey, DeliveryState, Due, EndpointStatus, EventKey, Fresh, FreshTarget, Settlement, Waiting,
};
use calmony_pay::retry::{self, RetrySchedule};
use tokio::time::Instant;

use crate::attempt::Report;
use crate::health::{Change, Endpoints, Failure, Route};
use crate::lanes::{Job, Lanes, Rooms};
use body::Body;
use lines::{Found, Lines};
use meanwhile::{Meanwhile, Written};
use record::record;

/// How long what stands in line in the database waits before it is looked at again, unless it is called
/// before.
const BEHIND: Duration = Duration::from_secs(5);

/// How long a delivery waits whose signing secrets can't be opened. Nothing is sent unsigned, and it is
/// no attempt.
const UNSIGNABLE: Duration = Duration::from_secs(10);

/// How many first attempts may queue for an endpoint that has a rate limit, so that they don't keep
/// others from being read.
const PACED_MAX: usize = 64;

/// The most events of one object that stand in line in memory for one endpoint.
const LINE_MAX: usize = 64;

/// An event that came straight from the outbox and isn't fanned out yet.
#[derive(Debug)]
struct Pending {
    bucket: i16,
    since: Instant,
    /// Endpoints that haven't answered, and the object that they are in line for where they ask for order.
    waiting: BTreeMap<String, Option<Arc<str>>>,
}

/// Everything in memory.
#[derive(Debug)]
pub(crate) struct Flight {
    schedule: RetrySchedule,
    attempt_timeout: Duration,
    /// How many workers share the endpoints' rate limits.
    pub(crate) workers: usize,
    /// How each endpoint is doing.
    pub(crate) endpoints: Endpoints,
    /// First attempts, straight from the outbox.
    pub(crate) firsts: Lanes,
    /// Deliveries with rows of their own. They have lanes apart, so that however many are due, first
    /// attempts have room.
    pub(crate) retries: Lanes,
    rooms: Rooms,
    lines: Lines,
    /// When endpoints that have a rate limit may send again.
    paced: BTreeSet<(Instant, String)>,
    pending: HashMap<EventKey, Pending>,
    /// Deliveries with a row of their own that are queued or in flight.
    owed: HashSet<DeliveryKey>,
    /// What is decided but not known to be written. A read that began before the write may show it once more.
    unsettled_events: HashSet<EventKey>,
    unsettled_deliveries: HashSet<DeliveryKey>,
    /// What was written while reads were under way.
    meanwhile: Meanwhile,
    /// What is to be written next.
    pub(crate) settlement: Settlement,
}

/// What there is to know of the end of an attempt besides its report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landing {
    /// Where the next delay stands in its band.
    pub(crate) jitter: f64,
    /// Whether this worker still writes the outcomes of the delivery's bucket.
    pub(crate) holds_bucket: bool,
    pub(crate) at: Instant,
}

/// What a delivery was read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadFor {
    /// Its time has come.
    Schedule,
    /// Its endpoint is being probed, or is back.
    Endpoint,
}

impl Flight {
    /// Nothing. `share` is how many first attempts of one endpoint may be in flight; of retries half as many.
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

    /// Whether the event is in memory, or decided and not known to have been written before the read of
    /// that number began.
    pub(crate) fn knows(&self, event: &EventKey, number: u64) -> bool {
        self.pending.contains_key(event)
            || self.unsettled_events.contains(event)
            || self.meanwhile.has(number, &Written::Event(*event))
    }

    /// Takes in an event that the read of that number has brought from the outbox, unless it is here already.
    pub(crate) fn admit(&mut self, fresh: Fresh, number: u64, now: Instant) {
        if self.knows(&fresh.key, number) {
            return;
        }
        let Some(body) = Body::of_fresh(&fresh) else { return };
        let mut waiting = BTreeMap::new();
        for target in fresh.targets {
            let line = target.ordered.then(|| body.object.clone());
            let endpoint = target.target.endpoint.clone();
            if self.place(&body, target, number, now) {
                waiting.insert(endpoint, line);
            }
        }
        if waiting.is_empty() {
            self.fanned_out(fresh.key);
        } else {
            self.pending.insert(fresh.key, Pending { bucket: fresh.bucket, since: now, waiting });
        }
    }

    /// Queues the first attempt for one endpoint, or gives it a row where it can't go now. Returns
    /// whether it is queued.
    fn place(&mut self, body: &Body, fresh: FreshTarget, number: u64, now: Instant) -> bool {
        let FreshTarget { target, paused, ordered, behind } = fresh;
        let endpoint = target.endpoint.clone();
        if self.endpoints.seen(body.account(), &target, self.workers, now) {
            self.hand_over_endpoint(&endpoint);
        }
        let is_paced = target.rate_limit.is_some();
        let line = ordered.then(|| body.object.clone());
        let found = line.as_ref().map_or(Found::Empty, |line| self.find_line(&endpoint, line, number));
        let job = Job { line: line.clone(), ..body.job(target) };
        if paused {
            self.give_row(job, DeliveryState::Parked);
            return false;
        }
        match (found, line) {
            _ if job.webhook.secrets.is_empty() => {
                self.give_row(job, DeliveryState::Owed(UNSIGNABLE));
                return false;
            }
            _ if behind || found == Found::Closed => {
                self.give_row(job, DeliveryState::Behind(BEHIND));
                return false;
            }
            (Found::Busy, Some(line)) if self.lines.waiting(&endpoint, &line) < LINE_MAX => {
                self.lines.join(&line, job);
                return true;
            }
            (Found::Busy, Some(_)) => {
                self.give_row(job, DeliveryState::Behind(BEHIND));
                return false;
            }
            _ if self.firsts.hangs(&endpoint)
                || self.firsts.is_crowded(body.account()) && self.firsts.is_quiet(&endpoint)
                || is_paced && self.firsts.queued_of(&endpoint) >= PACED_MAX
                || self.endpoints.route(&endpoint, now) == Route::Wait =>
            {
                self.give_row(job, DeliveryState::Owed(Duration::ZERO));
                return false;
            }
            (_, Some(line)) => self.lines.open(&endpoint, &line),
            (_, None) => {}
        }
        self.queue_first(job, now);
        true
    }

    /// Takes in a delivery with a row, unless it is here already, or its endpoint doesn't want it now.
    pub(crate) fn admit_due(&mut self, due: Due, (read_for, number): (ReadFor, u64), now: Instant) {
        let key = DeliveryKey { event: due.key, endpoint: due.target.endpoint.clone() };
        let is_decided = self.unsettled_deliveries.contains(&key)
            || self.meanwhile.has(number, &Written::Delivery(key.clone()));
        if is_decided || self.owed.contains(&key) || self.is_first(&key) {
            return;
        }
        if self.endpoints.seen(due.key.account, &due.target, self.workers, now) {
            self.hand_over_endpoint(&key.endpoint);
        }
        let waiting =
            |state| Waiting { bucket: due.bucket, attempts: due.attempts, state, line: due.line.clone() };
        match (due.status, due.behind) {
            (EndpointStatus::Enabled, Some(wait)) => {
                self.waits(key, waiting(DeliveryState::Behind(wait.max(BEHIND))));
            }
            (EndpointStatus::Enabled, None) if due.target.secrets.is_empty() => {
                self.waits(key, waiting(DeliveryState::Owed(UNSIGNABLE)));
            }
            (EndpointStatus::Enabled, None) => {
                if read_for == ReadFor::Schedule && self.endpoints.is_held(&key.endpoint) {
                    return;
                }
                let Some(body) = Body::of_due(&due) else { return };
                self.owed.insert(key);
                let job = body.job(due.target);
                let (attempts, early, line) = (due.attempts, due.early, due.line);
                let proven = self.endpoints.is_proven(&job.key.endpoint);
                let job = Job { attempts, early, line, is_retry: true, ..job };
                self.retries.push(&mut self.rooms, job, proven, now);
            }
            (EndpointStatus::Waiting, _) => self.waits(key, waiting(DeliveryState::Parked)),
            (EndpointStatus::Deleted, _) => self.row_goes(key),
        }
    }

    /// How the line of that object is found by a read: as closed, too, if a row of it was written meanwhile.
    fn find_line(&self, endpoint: &str, object: &Arc<str>, number: u64) -> Found {
        match self.lines.find(endpoint, object) {
            Found::Empty
                if self.meanwhile.has(number, &Written::Line(endpoint.to_owned(), object.clone())) =>
            {
                Found::Closed
            }
            found => found,
        }
    }

    /// A read begins, beside those who write. Returns its number.
    pub(crate) fn begin_read(&mut self) -> u64 {
        self.meanwhile.begin_read()
    }

    /// It is over, and what it brought is taken in.
    pub(crate) fn end_read(&mut self, number: u64) {
        self.meanwhile.end_read(number);
    }

    /// Whether its first attempt is queued or in flight.
    fn is_first(&self, key: &DeliveryKey) -> bool {
        self.pending.get(&key.event).is_some_and(|pending| pending.waiting.contains_key(&key.endpoint))
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
        // Both kinds share the endpoint's window, and what is known of it.
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

    fn delivered(&mut self, job: &Job, had_row: bool, now: Instant) {
        if had_row {
            self.row_goes(job.key.clone());
        }
        if let Some(line) = &job.line {
            if had_row {
                self.settlement.moves_line();
            }
            // What comes from a row, an old event that is resent perhaps, was never the head of a line
            // in memory.
            if !job.is_retry
                && let Some(next) = self.lines.advance(&job.key.endpoint, line)
            {
                self.queue_first(next, now);
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

    /// What was to be written has been written.
    pub(crate) fn settled(&mut self, written: &Settlement) {
        // What is to be written next may be about the same.
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

    /// Whether a request of that bucket is in flight.
    pub(crate) fn flies(&self, bucket: i16) -> bool {
        self.firsts.flies(bucket) || self.retries.flies(bucket)
    }
}

#[cfg(test)]
mod tests;
