//! The loop: read owed deliveries, send them, write their outcomes down; share the buckets out; stop in
//! good order.
//!
//! One task owns everything. Reads, writes and the sharing run on the session one after the other, at
//! most one of each kind at a time; requests run beside them. Deliveries that were taken at the first
//! attempt are written in portions, because a statement costs much the same for one as for ten. Outcomes
//! that others may wait for are written at once.

mod behind;
mod due;
mod operation;
mod operations;
mod reads;
mod replays;
mod scan;
mod state;

use std::time::Duration;

use calmony_pay::contract::WebhookEndpoint;
use calmony_pay::database::DatabaseError;
use calmony_pay::domain::webhook_endpoint::{Disable, DisabledReason};
use calmony_pay::id::Id;
use calmony_pay::log::Cause;
use calmony_pay::retry::{self, Reconnect};
use futures_util::stream::StreamExt as _;
use tokio::task::{JoinError, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::attempt::Report;
use crate::flight::Landing;
use crate::lanes::Job;
use crate::metrics::Standing;
use crate::target;
use operation::Operation;
use reads::STALL;
pub(crate) use state::{Engine, Tools};

/// The HTTP status of a receiver that is gone for good (RFC 9110, 15.5.11).
const GONE: u16 = 410;
/// The time between two looks of an idle worker for work that nobody woke it for: retries, and lost wake-ups.
const POLL: Duration = Duration::from_millis(200);
/// The requests that are begun before the engine looks for arrivals.
const LAUNCHED_AT_ONCE: usize = 16;
/// The time between two counts of the workers. A count also shows PostgreSQL that this worker lives.
const SHARE: Duration = Duration::from_millis(500);
/// The time between two scans of the outbox from its head, for events that the cursor and the gaps have
/// missed. Deliveries with an impossible due time are looked for at the same pace.
const SCAN: Duration = Duration::from_secs(30);
/// The time between two looks after the partitions of the coming days.
const PARTITIONS: Duration = Duration::from_hours(1);
/// The time for which an event waits in the outbox for its endpoints. Then each endpoint that hasn't answered
/// gets a row of its own.
const HAND_OVER: Duration = Duration::from_secs(1);
/// The time between two records of the endpoints' health. Unused endpoints are forgotten at the same pace.
const HEALTH: Duration = Duration::from_millis(500);

impl Engine {
    /// Works until told to stop, or until the session is lost. Then deliveries in flight are abandoned,
    /// because their outcomes can no longer be written; they are still in the outbox and will be sent
    /// again. `reconnect` starts anew once something was written, so that a database that takes
    /// connections and nothing else isn't called without end.
    pub(crate) async fn run(
        mut self,
        stop: &CancellationToken,
        reconnect: &mut Reconnect,
    ) -> Result<(), DatabaseError> {
        let ticker = |period| {
            let mut ticker = interval(period);
            ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticker
        };
        let (mut poll, mut share) = (ticker(POLL), ticker(SHARE));
        let (mut scan, mut partitions, mut health) = (ticker(SCAN), ticker(PARTITIONS), ticker(HEALTH));
        let session = self.session.clone();
        loop {
            let now = Instant::now();
            self.launch(now);
            self.operate(now);
            let paced = self.next_wake(now);
            tokio::select! {
                () = stop.cancelled() => return self.drain(reconnect).await,
                // Launched requests get their turn, and so do answers that have arrived.
                () = yield_now(), if self.more_to_launch => {}
                () = session.ended() => return Err(DatabaseError::Unavailable("the session \
                ended".to_owned())),
                Some(done) = self.operations.next() => self.finish(done?, reconnect)?,
                Some(landed) = self.attempts.join_next() => self.land(landed),
                () = session.woken() => self.want_fresh = true,
                Some(line) = session.called() => {
                    self.calls.insert(line);
                }
                _ = poll.tick() => self.poll(),
                _ = share.tick() => self.share(),
                _ = scan.tick() => {
                    self.scan.again = true;
                    self.pull_in();
                }
                () = sleep_until(paced.unwrap_or_else(Instant::now)), if paced.is_some() => {}
                _ = health.tick() => {
                    self.record_health(Instant::now());
                    self.ask_versions();
                    self.tell_standing();
                }
                _ = partitions.tick() => self.keep_partitions(),
            }
        }
    }

    /// The next instant at which something that waits for its time may go on.
    fn next_wake(&self, now: Instant) -> Option<Instant> {
        let write = self.has_outcomes().then_some(self.next_write);
        let stall = self.stalled_since.map(|since| since + STALL);
        [self.flight.next_wake(), write, stall].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Sends as much as may be in flight, a few at a time: a new event of one waits for no burst of another.
    fn launch(&mut self, now: Instant) {
        self.flight.wake_paced(now);
        self.flight.look_again();
        self.more_to_launch = false;
        for _ in 0..LAUNCHED_AT_ONCE {
            if self.failing.is_some() {
                return;
            }
            let Some(job) = self.flight.next_job(now) else { return };
            let sender = self.tools.sender.clone();
            self.attempts.spawn(async move {
                let attempt = sender.send_traced(&job.webhook, &job.key.endpoint, job.attempts + 1);
                (target::on_behalf_of(job.key.event.account, attempt).await, job)
            });
        }
        self.more_to_launch = true;
    }

    /// An attempt is over, and perhaps others are too.
    fn land(&mut self, landed: Result<(Report, Job), JoinError>) {
        let now = Instant::now();
        let mut next = Some(landed);
        while let Some(landed) = next {
            match landed {
                Ok((report, job)) => {
                    tracing::debug!(
                        event = &*job.webhook.event, endpoint = job.key.endpoint, attempt = job.attempts + 1,
                        status = report.status, error = report.error, duration = ?report.duration, "attempted"
                    );
                    self.tools.metrics.attempted(&report);
                    if report.status == Some(GONE) {
                        self.disable(job.key.event.account, &job.key.endpoint, DisabledReason::Gone);
                    }
                    let holds_bucket = self.ownership.holds(job.bucket);
                    self.flight.attempted(
                        &job,
                        report,
                        Landing { jitter: retry::jitter(), holds_bucket, at: now },
                    );
                    self.refill(&job.key.endpoint);
                }
                // An attempt catches its own panics and nobody cancels it.
                Err(error) => tracing::error!(%error, "an attempt was lost"),
            }
            next = self.attempts.try_join_next();
        }
    }

    /// The receiver is gone, or might as well be. The endpoint is disabled as everything is done: by an
    /// appended event.
    fn disable(&self, account: i64, endpoint: &str, reason: DisabledReason) {
        let Ok(id) = endpoint.parse::<Id<WebhookEndpoint>>() else { return };
        let log = self.tools.log.clone();
        tokio::spawn(async move {
            let cause = Cause::service(account);
            match log.append(&cause, &Disable { id, reason }).await {
                Ok(_) => tracing::info!(endpoint = %id, ?reason, "an endpoint is disabled"),
                // The next attempt comes to the same.
                Err(error) => tracing::warn!(endpoint = %id, %error, "an endpoint can't be disabled now"),
            }
        });
    }

    /// Brings the metrics up to date that nothing else changes.
    fn tell_standing(&self) {
        self.tools.metrics.stands(&Standing {
            buckets: self.ownership.own().len(),
            // Before the first event of a session it has read all that was there.
            cursor: if self.cursor == 0 { self.session.head() } else { self.cursor },
            in_flight: self.flight.in_flight(),
            on_probation: self.flight.on_probation(),
            unwritten: self.flight.settlement.len(),
            breakers: self.flight.endpoints.breakers(),
        });
    }

    fn poll(&mut self) {
        let now = Instant::now();
        self.want_fresh = true;
        self.want_due = true;
        self.gaps.expire(now);
        self.replay();
        self.flight.hand_over_hanging(now);
        if let Some(limit) = now.checked_sub(HAND_OVER) {
            self.flight.hand_over_late(limit);
        }
    }

    /// Stops: sends nothing more, waits for requests in flight, writes everything down. A request still
    /// in flight at the deadline is abandoned, which is no failure of its: its delivery is due again.
    async fn drain(mut self, reconnect: &mut Reconnect) -> Result<(), DatabaseError> {
        tracing::info!(in_flight = self.flight.in_flight(), "stopping");
        self.flight.wind_down();
        let deadline = tokio::time::sleep(self.drain_timeout);
        tokio::pin!(deadline);
        let (mut retry, mut lives) = (interval(POLL), interval(SHARE));
        loop {
            // A read that was under way may have said otherwise.
            self.tools.progress.lost();
            self.next_write = Instant::now();
            self.write(self.next_write);
            let settled = self.flight.settlement.is_empty() && !self.busy.contains(&Operation::Write);
            if self.flight.in_flight() == 0 && settled {
                return Ok(());
            }
            tokio::select! {
                () = &mut deadline => {
                    let (in_flight, unwritten) = (self.flight.in_flight(), self.flight.settlement.len());
                    tracing::warn!(in_flight, unwritten, "stopped at the deadline; what isn't written down \
                                                          is sent again");
                    return Ok(());
                }
                Some(done) = self.operations.next() => self.finish(done?, reconnect)?,
                Some(landed) = self.attempts.join_next() => self.land(landed),
                // PostgreSQL ends a silent session, and the last outcomes couldn't be written then.
                _ = lives.tick() => self.show_life(),
                _ = retry.tick() => {}
            }
        }
    }
}
