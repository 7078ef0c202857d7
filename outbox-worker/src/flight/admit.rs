//! Taking in the results of reads: new events, and deliveries with rows. A job that can't be attempted
//! now gets a row.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calmony_pay::outbox::{
    DeliveryKey, DeliveryState, Due, EndpointStatus, EventKey, Fresh, FreshTarget, Order, Waiting,
};
use tokio::time::Instant;

use super::body::Body;
use super::lines::Found;
use super::meanwhile::Written;
use super::{BEHIND, Flight, Pending, ReadFor};
use crate::breaker::Route;
use crate::lanes::Job;

/// The wait of a delivery whose signing secrets can't be opened. Nothing is sent unsigned, and it is no
/// attempt.
const UNSIGNABLE: Duration = Duration::from_secs(10);
/// The most first attempts that queue for an endpoint with a rate limit, so that they don't keep others from
/// being read.
const PACED_MAX: usize = 64;
/// The most events of one object or group that stand in line in memory for one endpoint.
pub(super) const LINE_MAX: usize = 64;

impl Flight {
    /// True if the event is in memory, or decided and not known to have been written before the read of that
    /// number began.
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
        let earlier = |position: &i64| EventKey { position: *position, ..fresh.key };
        let is_split = !fresh.group_before.iter().map(earlier).all(|event| self.knows(&event, number));
        let mut waiting = BTreeMap::new();
        for target in fresh.targets {
            let order = target.ordered.then(|| fresh.order.clone());
            let endpoint = target.target.endpoint.clone();
            if self.place((&body, order.clone(), is_split), target, number, now) {
                waiting.insert(endpoint, order);
            }
        }
        if waiting.is_empty() {
            self.fanned_out(fresh.key);
        } else {
            self.pending.insert(fresh.key, Pending { bucket: fresh.bucket, since: now, waiting });
        }
    }

    /// Queues the first attempt for one endpoint, or gives it a row where it can't go now. Returns true if it
    /// is queued. Of a group that is split, earlier events aren't in this memory, because their buckets are
    /// other workers' or not yet scanned: the database knows when they are over.
    fn place(
        &mut self,
        (body, order, is_split): (&Body, Option<Order>, bool),
        fresh: FreshTarget,
        number: u64,
        now: Instant,
    ) -> bool {
        let FreshTarget { target, paused, behind, .. } = fresh;
        let endpoint = target.endpoint.clone();
        if self.endpoints.seen(body.account(), &target, self.workers, now) {
            self.hand_over_endpoint(&endpoint);
        }
        let is_paced = target.rate_limit.is_some();
        let found = order.as_ref().map_or(Found::Empty, |order| self.find_lines(&endpoint, order, number));
        let job = Job { order: order.clone(), ..body.job(target) };
        if paused {
            self.give_row(job, DeliveryState::Parked);
            return false;
        }
        match (found, &order) {
            _ if job.webhook.secrets.is_empty() => {
                self.give_row(job, DeliveryState::Owed(UNSIGNABLE));
                return false;
            }
            _ if behind || found == Found::Closed => {
                self.give_row(job, DeliveryState::Behind(BEHIND));
                return false;
            }
            (_, Some(_)) if is_split => {
                self.give_row(job, DeliveryState::Behind(BEHIND));
                // Its row is read at once: the earlier events may be over.
                self.settlement.moves_line();
                return false;
            }
            (Found::Busy, Some(order)) if self.lines.waiting(&endpoint, order) < LINE_MAX => {}
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
            _ => {}
        }
        let first = match order {
            Some(order) => self.lines.join(&order, job),
            None => Some(job),
        };
        if let Some(job) = first {
            self.queue_first(job, now);
        }
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
            |state| Waiting { bucket: due.bucket, attempts: due.attempts, state, order: due.order.clone() };
        let not_now = match (due.behind, due.group_wait) {
            (Some(wait), _) => Some(DeliveryState::Behind(wait.max(BEHIND))),
            (None, Some(wait)) => Some(DeliveryState::BehindGroup(wait)),
            (None, None) => due.target.secrets.is_empty().then_some(DeliveryState::Owed(UNSIGNABLE)),
        };
        match (due.status, not_now) {
            (EndpointStatus::Enabled, Some(state)) => self.waits(key, waiting(state)),
            (EndpointStatus::Enabled, None) => {
                if read_for == ReadFor::Schedule && self.endpoints.is_held(&key.endpoint) {
                    return;
                }
                let Some(body) = Body::of_due(&due) else { return };
                self.owed.insert(key);
                let job = body.job(due.target);
                let (attempts, early, order) = (due.attempts, due.early, due.order);
                let proven = self.endpoints.is_proven(&job.key.endpoint);
                let job = Job { attempts, early, order, is_retry: true, ..job };
                self.retries.push(&mut self.rooms, job, proven, now);
            }
            (EndpointStatus::Waiting, _) => self.waits(key, waiting(DeliveryState::Parked)),
            (EndpointStatus::Deleted, _) => self.row_goes(key),
        }
    }

    /// The state in which a read finds the lines of a delivery, the worst of them. A line counts as closed,
    /// too, if a row of it was written meanwhile.
    fn find_lines(&self, endpoint: &str, order: &Order, number: u64) -> Found {
        let find = |line: &Arc<str>| match self.lines.find(endpoint, line) {
            Found::Empty if self.meanwhile.has(number, &Written::Line(endpoint.to_owned(), line.clone())) => {
                Found::Closed
            }
            found => found,
        };
        order.lines().map(find).max().unwrap_or(Found::Empty)
    }

    /// True if its first attempt is queued or in flight.
    fn is_first(&self, key: &DeliveryKey) -> bool {
        self.pending.get(&key.event).is_some_and(|pending| pending.waiting.contains_key(&key.endpoint))
    }
}
