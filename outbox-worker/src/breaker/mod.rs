//! The health of each endpoint, as this worker sees it: the number of requests that it bears at once, the
//! pace at which they may follow each other, and the decision to send at all.
//!
//! *The window* grows by one with each success while it is used, up to the endpoint's share. It halves when
//! the receiver is overloaded or doesn't answer. *The breaker* opens when an endpoint takes nothing any
//! more. Then one request probes it now and again, at an eighth of the time that it has been away, and
//! everything else waits without being attempted. When a probe succeeds, all deliveries that it is owed go
//! out in the order of the log, due or not.

mod asked;
mod counts;

use std::collections::HashMap;
use std::time::Duration;

use calmony_pay::outbox::{EndpointKey, Target};
use tokio::time::Instant;

pub(crate) use asked::{Asking, Change, Failure, Gate, Kind, Route};
pub(crate) use counts::BreakerCounts;

/// The requests in flight to an endpoint that hasn't answered yet, or no longer answers.
const WINDOW_UNPROVEN: usize = 2;
/// The requests in flight to an endpoint that has just answered for the first time.
const WINDOW_FIRST: usize = 8;
/// The number of failures in a row without an answer after which an endpoint counts as one that no longer
/// answers.
const UNANSWERED: u32 = 2;
/// The number of failures in a row that opens the breaker …
const FAILURES: u32 = 5;
/// … if the first of them is at least this long ago, or if they are many more.
const FAILING: Duration = Duration::from_millis(500);
const FAILURES_MANY: u32 = 50;
/// The shortest and the longest time between two probes.
const PROBE_EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// The time for which an unused endpoint is remembered.
const REMEMBERED: Duration = Duration::from_mins(10);
/// A rate limit lets through at once the requests that were saved up in this time.
const BURST: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
enum Breaker {
    /// Requests go through.
    Closed,
    /// No request goes through; a probe may go at that instant. `since`: the first failure.
    Open { since: Instant, probe_at: Instant },
    /// A probe is on its way, and counts as lost at that instant.
    Probing { since: Instant, until: Instant },
}

/// The health of one endpoint.
#[derive(Debug)]
struct Health {
    account: i64,
    /// The endpoint's version when a delivery last came.
    version: i64,
    window: usize,
    /// The endpoint answers.
    proven: bool,
    failures: u32,
    first_failure: Instant,
    breaker: Breaker,
    /// The rate limit of this worker, in requests a second.
    rate: Option<f64>,
    /// The instant of the next request that the rate allows.
    next_at: Instant,
    /// The position of the delivery that it was last probed with. One event that it refuses mustn't be the
    /// only judge.
    probed: i64,
    /// The position that the walk through all its deliveries has reached; `None` without a walk.
    walk: Option<i64>,
    used: Instant,
    /// A failure since outcomes were last written down.
    failed: bool,
    succeeded: bool,
}

/// All endpoints.
#[derive(Debug)]
pub(crate) struct Endpoints {
    /// The largest window.
    share: usize,
    /// The longest time for a probe.
    patience: Duration,
    known: HashMap<String, Health>,
}

impl Health {
    fn new(account: i64, share: usize, now: Instant) -> Self {
        Self {
            account,
            version: 0,
            window: WINDOW_FIRST.min(share),
            proven: false,
            failures: 0,
            first_failure: now,
            breaker: Breaker::Closed,
            rate: None,
            next_at: now,
            probed: 0,
            walk: None,
            used: now,
            failed: false,
            succeeded: false,
        }
    }

    /// Asks if a request may go by the rate. If so, it takes its turn.
    fn pace(&mut self, now: Instant) -> Gate {
        let Some(rate) = self.rate else { return Gate::Open };
        if now < self.next_at {
            return Gate::Until(self.next_at);
        }
        let saved = now.checked_sub(BURST).unwrap_or(now);
        self.next_at = self.next_at.max(saved) + Duration::from_secs_f64(1.0 / rate);
        Gate::Open
    }

    /// True if its breaker is open, or a walk reads for it.
    const fn is_held(&self) -> bool {
        self.walk.is_some() || !matches!(self.breaker, Breaker::Closed)
    }

    /// Notes the endpoint's version; returns true if it is another than before. A changed endpoint may work
    /// again: it is probed at once, and a walk begins anew.
    fn changed_to(&mut self, version: i64, now: Instant) -> bool {
        let is_first = self.version == 0;
        if version <= self.version {
            return false;
        }
        self.version = version;
        if let Breaker::Open { since, .. } = self.breaker {
            self.breaker = Breaker::Open { since, probe_at: now };
        }
        self.walk = self.walk.map(|_| 0);
        !is_first
    }

    /// True if it has failed so often, and so long or so much, that it is taken for dead.
    fn is_failing(&self, now: Instant) -> bool {
        let for_long = now.duration_since(self.first_failure) >= FAILING;
        self.failures >= FAILURES_MANY || self.failures >= FAILURES && for_long
    }

    fn break_open(&mut self, since: Instant, now: Instant, retry_after: Option<Duration>) {
        let away = now.duration_since(since);
        let pause = (away / 8).clamp(PROBE_EVERY.0, PROBE_EVERY.1).max(retry_after.unwrap_or_default());
        self.breaker = Breaker::Open { since, probe_at: now + pause };
        self.window = 1;
        self.walk = None;
    }
}

impl Endpoints {
    /// `share`: the largest window. `timeout`: the longest time for an attempt.
    pub(crate) fn new(share: usize, timeout: Duration) -> Self {
        Self { share, patience: timeout * 2, known: HashMap::new() }
    }

    fn health(&mut self, account: i64, endpoint: &str, now: Instant) -> &mut Health {
        let share = self.share;
        let health =
            self.known.entry(endpoint.to_owned()).or_insert_with(|| Health::new(account, share, now));
        health.used = now;
        health
    }

    /// Notes that a delivery for this endpoint has come. It says the endpoint's rate limit, which the
    /// workers share. A changed endpoint may work again: it is probed at once. Returns true if it was
    /// changed.
    pub(crate) fn seen(&mut self, account: i64, target: &Target, workers: usize, now: Instant) -> bool {
        let workers = u32::try_from(workers.max(1)).unwrap_or(1);
        let health = self.health(account, &target.endpoint, now);
        health.rate = target.rate_limit.map(|rate| f64::from(rate) / f64::from(workers));
        health.changed_to(target.version, now)
    }

    /// Notes the endpoint's present version. Returns true if it was changed.
    pub(crate) fn has_version(&mut self, endpoint: &str, version: i64, now: Instant) -> bool {
        self.known.get_mut(endpoint).is_some_and(|health| health.changed_to(version, now))
    }

    /// The destination of a new delivery. The first one after a pause may be the probe.
    pub(crate) fn route(&mut self, endpoint: &str, now: Instant) -> Route {
        let patience = self.patience;
        let Some(health) = self.known.get_mut(endpoint) else { return Route::Send };
        match health.breaker {
            Breaker::Closed => Route::Send,
            Breaker::Open { since, probe_at: at } | Breaker::Probing { since, until: at } if at <= now => {
                health.breaker = Breaker::Probing { since, until: now + patience };
                Route::Send
            }
            Breaker::Open { .. } | Breaker::Probing { .. } => Route::Wait,
        }
    }

    /// Asks if another request may go to an endpoint. Retries get at most half of its window, and a quarter
    /// if they wait.
    pub(crate) fn gate(&mut self, endpoint: &str, asking: &Asking, now: Instant) -> Gate {
        let Some(health) = self.known.get_mut(endpoint) else { return Gate::Open };
        let window = if health.proven { health.window } else { health.window.min(WINDOW_UNPROVEN) };
        let reserved = match asking.kind {
            Kind::First { retries_wait: true } if window > 1 => {
                window.div_ceil(4).saturating_sub(asking.retries)
            }
            Kind::Retry if asking.retries >= window.div_ceil(2) => return Gate::Full,
            _ => 0,
        };
        if asking.firsts + asking.retries + reserved < window { health.pace(now) } else { Gate::Full }
    }

    /// Notes that a request was taken. `in_flight`: the requests in flight, that one included.
    pub(crate) fn succeeded(
        &mut self,
        account: i64,
        endpoint: &str,
        in_flight: usize,
        now: Instant,
    ) -> Change {
        let share = self.share;
        let health = self.health(account, endpoint, now);
        health.failures = 0;
        health.proven = true;
        health.succeeded = true;
        if in_flight * 2 >= health.window {
            health.window = (health.window + 1).min(share);
        }
        if matches!(health.breaker, Breaker::Closed) {
            return Change::None;
        }
        health.breaker = Breaker::Closed;
        health.walk = Some(0);
        Change::Back
    }

    /// Notes that a request was not taken.
    pub(crate) fn failed(&mut self, account: i64, endpoint: &str, failure: Failure, now: Instant) -> Change {
        let Failure { overload, answered, retry_after } = failure;
        let health = self.health(account, endpoint, now);
        health.failed = true;
        if health.failures == 0 {
            health.first_failure = now;
        }
        health.failures = health.failures.saturating_add(1);
        health.proven = answered || health.proven && health.failures < UNANSWERED;
        if overload {
            health.window = (health.window / 2).max(1);
        }
        match health.breaker {
            Breaker::Closed if health.is_failing(now) => {
                health.break_open(health.first_failure, now, retry_after);
                Change::Broken
            }
            Breaker::Probing { since, .. } => {
                health.break_open(since, now, retry_after);
                Change::None
            }
            // This request was in flight when the breaker opened.
            Breaker::Open { .. } | Breaker::Closed => Change::None,
        }
    }

    /// True if that endpoint answers.
    pub(crate) fn is_proven(&self, endpoint: &str) -> bool {
        self.known.get(endpoint).is_some_and(|health| health.proven)
    }

    /// True if nothing is to be read for that endpoint by the schedule.
    pub(crate) fn is_held(&self, endpoint: &str) -> bool {
        self.known.get(endpoint).is_some_and(Health::is_held)
    }

    /// The endpoints that nothing is to be read for by the schedule: their breaker is open, or a walk reads
    /// for them.
    pub(crate) fn held(&self) -> impl Iterator<Item = &String> {
        self.known.iter().filter(|(_, health)| health.is_held()).map(|(endpoint, _)| endpoint)
    }

    /// An endpoint whose next probe is due, and the position after which to look for its delivery. It
    /// counts as being probed from now on.
    pub(crate) fn next_probe(&mut self, now: Instant) -> Option<(EndpointKey, i64)> {
        let patience = self.patience;
        let due = |health: &Health| match health.breaker {
            Breaker::Open { probe_at: at, .. } | Breaker::Probing { until: at, .. } => at <= now,
            Breaker::Closed => false,
        };
        let (endpoint, health) = self.known.iter_mut().find(|(_, health)| due(health))?;
        if let Breaker::Open { since, .. } | Breaker::Probing { since, .. } = health.breaker {
            health.breaker = Breaker::Probing { since, until: now + patience };
        }
        Some((EndpointKey { account: health.account, endpoint: endpoint.clone() }, health.probed))
    }

    /// Schedules the next probe, because the delivery for this one can't be used.
    pub(crate) fn probe_again(&mut self, endpoint: &str, now: Instant) {
        if let Some(health) = self.known.get_mut(endpoint)
            && let Breaker::Probing { since, .. } = health.breaker
        {
            health.breaker = Breaker::Open { since, probe_at: now };
        }
    }

    /// Notes that it is being probed with the delivery at that position.
    pub(crate) fn probed_with(&mut self, endpoint: &str, position: i64) {
        if let Some(health) = self.known.get_mut(endpoint) {
            health.probed = position;
        }
    }

    /// Notes that all deliveries up to that position stand in line: the next probe looks behind them.
    pub(crate) fn probe_later(&mut self, endpoint: &str, position: i64, now: Instant) {
        if let Some(health) = self.known.get_mut(endpoint)
            && let Breaker::Probing { since, .. } = health.breaker
        {
            health.probed = position;
            health.breaker = Breaker::Open { since, probe_at: now + PROBE_EVERY.0 };
        }
    }

    /// Notes that there was no delivery for the probe after the last position: the next probe begins at the
    /// oldest again. If there is no delivery at all, nothing waits for it: the next event tries it, and one
    /// more failure opens the breaker again.
    pub(crate) fn nothing_to_probe_with(&mut self, endpoint: &str, now: Instant) {
        if let Some(health) = self.known.get_mut(endpoint)
            && let Breaker::Probing { since, .. } = health.breaker
        {
            if std::mem::take(&mut health.probed) > 0 {
                health.breaker = Breaker::Open { since, probe_at: now };
                return;
            }
            health.breaker = Breaker::Closed;
            health.failures = FAILURES;
            health.first_failure = since;
        }
    }

    /// The endpoints with a walk, and the position that each has reached.
    pub(crate) fn walks(&self) -> impl Iterator<Item = (EndpointKey, i64)> {
        self.known.iter().filter_map(|(endpoint, health)| {
            let key = || EndpointKey { account: health.account, endpoint: endpoint.clone() };
            health.walk.map(|after| (key(), after))
        })
    }

    /// Notes that the walk has reached that position, or its end.
    pub(crate) fn walked(&mut self, endpoint: &str, to: Option<i64>) {
        if let Some(health) = self.known.get_mut(endpoint)
            && health.walk.is_some()
        {
            health.walk = to;
        }
    }

    /// The endpoints that have only failed since the last call, and those that have succeeded.
    pub(crate) fn take_outcomes(&mut self) -> (Vec<EndpointKey>, Vec<EndpointKey>) {
        let (mut failing, mut succeeded) = (Vec::new(), Vec::new());
        for (endpoint, health) in &mut self.known {
            let key = || EndpointKey { account: health.account, endpoint: endpoint.clone() };
            if std::mem::take(&mut health.succeeded) {
                succeeded.push(key());
            } else if health.failed {
                failing.push(key());
            }
            health.failed = false;
        }
        // Two workers that write about the same endpoints do it in the same order.
        failing.sort_unstable();
        succeeded.sort_unstable();
        (failing, succeeded)
    }

    /// Forgets endpoints that weren't used for long and are in no special state.
    pub(crate) fn forget_unused(&mut self, now: Instant) {
        self.known.retain(|_, health| health.is_held() || now.duration_since(health.used) < REMEMBERED);
    }
}

#[cfg(test)]
mod tests;
