//! The loop: read what is owed, send it, write down what became of it; share the buckets out; stop in good order.
//!
//! One task owns everything. Reads, writes and the sharing run on the session one after the other, at most one of each kind
//! at a time; requests run beside them. There is no timer between an outcome and its writing: whatever has gathered while
//! the last write ran goes out in the next.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use calmony_pay::database::DatabaseError;
use calmony_pay::outbox::{Due, Fetched, Gaps, Session, Settlement};
use calmony_pay::retry::{self, Reconnect};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::attempt::{Report, Sender};
use crate::config::WorkerOptions;
use crate::flight::Flight;
use crate::lanes::Job;
use crate::ownership::Ownership;

/// How often an idle worker looks for work that nobody woke it for: retries, and lost wake-ups.
const POLL: Duration = Duration::from_millis(200);
/// How often workers look how many they are. It also shows PostgreSQL that this one lives.
const SHARE: Duration = Duration::from_millis(500);
/// How often the outbox is read from its head, for what the cursor and the gaps have missed.
const SCAN: Duration = Duration::from_secs(30);
/// How often the partitions of the coming days are looked after.
const PARTITIONS: Duration = Duration::from_hours(1);
/// How long an event waits in the outbox for its endpoints; then each that hasn't answered gets a row of its own.
const HAND_OVER: Duration = Duration::from_secs(1);
/// The same while more first attempts wait than are good for memory: an endpoint that hangs has its jobs among them.
const HAND_OVER_UNDER_PRESSURE: Duration = Duration::from_millis(250);
/// How many first attempts may wait in memory before nothing more is read.
const QUEUED_MAX: usize = 2_048;
/// How long outcomes that can't be written are kept and tried again before the session is given up.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// Rows of one read.
const ROWS: usize = 500;

/// A worker at work on one session.
pub(crate) struct Engine {
    session: Arc<Session>,
    sender: Sender,
    in_flight_max: usize,
    drain_timeout: Duration,
    flight: Flight,
    ownership: Ownership,
    cursor: i64,
    gaps: Gaps,
    /// How far the scan from the head has come; none when none is on.
    scan: Option<i64>,
    /// The scan has to begin again, because buckets have come while it was on.
    scan_again: bool,
    /// Scans and reads after the cursor take turns.
    scanned_last: bool,
    /// Since when outcomes can't be written, and when to try again. Nothing is sent meanwhile.
    failing: Option<Failing>,
    /// There may be something after the cursor.
    want_fresh: bool,
    /// Something may be due.
    want_due: bool,
    busy: HashSet<Operation>,
    operations: FuturesUnordered<BoxFuture<'static, Result<Done, DatabaseError>>>,
    attempts: JoinSet<(Report, Job)>,
}

/// Writing fails: the database is read-only, or full.
#[derive(Debug)]
struct Failing {
    since: Instant,
    retry_at: Instant,
}

/// What the session does, at most one of each at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Read,
    ReadDue,
    Write,
    Share,
    Unpark,
}

/// What an operation on the session brought.
enum Done {
    Fresh(Fetched),
    Scanned(Fetched),
    Due(Vec<Due>),
    Settled(Settlement, Vec<i16>),
    Unsettled(Settlement, DatabaseError),
    Unparked(u64),
    Shared(usize),
    Took(Vec<i16>),
    Partitioned,
}

impl Engine {
    pub(crate) fn new(session: Session, sender: Sender, options: &WorkerOptions) -> Self {
        let lane_max = usize::from(options.endpoint_in_flight_max);
        Self {
            session: Arc::new(session),
            sender,
            in_flight_max: usize::from(options.in_flight_max),
            drain_timeout: options.drain_timeout,
            flight: Flight::new(options.retry_schedule.clone(), lane_max),
            ownership: Ownership::default(),
            cursor: 0,
            gaps: Gaps::default(),
            scan: None,
            scan_again: false,
            scanned_last: false,
            failing: None,
            want_fresh: false,
            want_due: false,
            busy: HashSet::new(),
            operations: FuturesUnordered::new(),
            attempts: JoinSet::new(),
        }
    }

    /// Works until told to stop, or until the session is lost: then what is in flight is abandoned, because its outcome can
    /// no longer be written; it is still in the outbox and will be sent again. `reconnect` starts anew once something was
    /// written, so that a database that takes connections and nothing else isn't called without end.
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
        let (mut scan, mut partitions) = (ticker(SCAN), ticker(PARTITIONS));
        let session = self.session.clone();
        loop {
            self.launch();
            self.operate();
            tokio::select! {
                () = stop.cancelled() => return self.drain(reconnect).await,
                () = session.ended() => return Err(DatabaseError::Unavailable("the session ended".to_owned())),
                Some(done) = self.operations.next() => self.finish(done?, reconnect)?,
                Some(landed) = self.attempts.join_next() => self.land(landed),
                () = session.woken() => self.want_fresh = true,
                _ = poll.tick() => self.poll(),
                _ = share.tick() => self.share(),
                _ = scan.tick() => self.scan_again = true,
                _ = partitions.tick() => self.perform(|session| async move {
                    session.make_partitions().await;
                    Ok(Done::Partitioned)
                }),
            }
        }
    }

    /// Sends as much as may be in flight. Retries get half of the room at the most.
    fn launch(&mut self) {
        while self.failing.is_none() && self.flight.in_flight() < self.in_flight_max {
            let room_for_retries = self.flight.retries.in_flight() < self.in_flight_max.div_ceil(2);
            let first = self.flight.firsts.next();
            let job = first.or_else(|| if room_for_retries { self.flight.retries.next() } else { None });
            let Some(job) = job else { return };
            let sender = self.sender.clone();
            self.attempts.spawn(async move { (sender.send(&job.webhook).await, job) });
        }
    }

    /// An attempt is over, and perhaps others are too.
    fn land(&mut self, landed: Result<(Report, Job), JoinError>) {
        let mut next = Some(landed);
        while let Some(landed) = next {
            match landed {
                Ok((report, job)) => {
                    tracing::debug!(
                        event = &*job.webhook.event, endpoint = job.key.endpoint, attempt = job.attempts + 1,
                        status = report.status, error = report.error, duration = ?report.duration, "attempted"
                    );
                    let holds_bucket = self.ownership.holds(job.bucket);
                    self.flight.attempted(&job, report, retry::jitter(), holds_bucket);
                }
                // An attempt catches its own panics and nobody cancels it.
                Err(error) => tracing::error!(%error, "an attempt was lost"),
            }
            next = self.attempts.try_join_next();
        }
    }

    /// Starts whatever the session should do and doesn't.
    fn operate(&mut self) {
        self.write();
        let own = self.ownership.own();
        if own.is_empty() || self.failing.is_some() {
            return;
        }
        let queued = &self.flight.firsts;
        if queued.runnable() < self.in_flight_max && queued.queued() < QUEUED_MAX {
            self.read(&own);
        }
        let room_for_retries = self.flight.retries.runnable() < self.in_flight_max;
        if self.want_due && room_for_retries && self.busy.insert(Operation::ReadDue) {
            self.want_due = false;
            let full = self.flight.retries.full();
            self.perform(
                move |session| async move { session.due(rows(ROWS), &own, &full).await.map(Done::Due) },
            );
        }
    }

    fn read(&mut self, own: &[i16]) {
        if self.busy.contains(&Operation::Read) {
            return;
        }
        if self.scan.is_none() && std::mem::take(&mut self.scan_again) {
            self.scan = Some(0);
        }
        let own = own.to_vec();
        match self.scan {
            Some(from) if !self.want_fresh || !self.scanned_last => {
                self.busy.insert(Operation::Read);
                self.scanned_last = true;
                self.perform(move |session| async move {
                    session.scan(from, rows(ROWS), &own).await.map(Done::Scanned)
                });
            }
            _ if self.want_fresh => {
                self.busy.insert(Operation::Read);
                self.want_fresh = false;
                self.scanned_last = false;
                let (cursor, gaps) = (self.cursor, self.gaps.clone());
                self.perform(move |session| async move {
                    session.fresh(cursor, rows(ROWS), &own, &gaps).await.map(Done::Fresh)
                });
            }
            _ => {}
        }
    }

    /// Writes what has gathered, and lets the buckets go that have nothing left after it.
    fn write(&mut self) {
        let now = Instant::now();
        if self.busy.contains(&Operation::Write)
            || self.failing.as_ref().is_some_and(|failing| now < failing.retry_at)
        {
            return;
        }
        let release = self.ownership.to_release(now, |bucket| self.flight.flies(bucket));
        if self.flight.settlement.is_empty() && release.is_empty() {
            return;
        }
        self.busy.insert(Operation::Write);
        let settlement = std::mem::take(&mut self.flight.settlement);
        self.perform(move |session| async move {
            if !settlement.is_empty()
                && let Err(error) = session.settle(&settlement).await
            {
                return Ok(Done::Unsettled(settlement, error));
            }
            if !release.is_empty() {
                session.release_buckets(&release).await?;
            }
            Ok(Done::Settled(settlement, release))
        });
    }

    fn share(&mut self) {
        if self.busy.insert(Operation::Share) {
            self.perform(|session| async move { session.workers().await.map(Done::Shared) });
        }
        let own = self.ownership.own();
        if !own.is_empty() && self.busy.insert(Operation::Unpark) {
            self.perform(move |session| async move { session.unpark(&own).await.map(Done::Unparked) });
        }
    }

    fn poll(&mut self) {
        let now = Instant::now();
        self.want_fresh = true;
        self.want_due = true;
        self.gaps.expire(now);
        let patience =
            if self.flight.firsts.queued() < QUEUED_MAX { HAND_OVER } else { HAND_OVER_UNDER_PRESSURE };
        if let Some(limit) = now.checked_sub(patience) {
            self.flight.hand_over_late(limit, self.sender.timeout());
        }
    }

    fn perform<F>(&mut self, operation: impl FnOnce(Arc<Session>) -> F)
    where
        F: Future<Output = Result<Done, DatabaseError>> + Send + 'static,
    {
        self.operations.push(Box::pin(operation(self.session.clone())));
    }

    fn finish(&mut self, done: Done, reconnect: &mut Reconnect) -> Result<(), DatabaseError> {
        match done {
            Done::Fresh(fetched) => {
                self.busy.remove(&Operation::Read);
                self.want_fresh |= fetched.positions.len() >= ROWS;
                self.gaps.note(self.cursor, &fetched.positions, Instant::now());
                self.cursor = fetched.positions.last().copied().unwrap_or(self.cursor);
                self.admit(fetched);
            }
            Done::Scanned(fetched) => {
                self.busy.remove(&Operation::Read);
                let full = fetched.positions.len() >= ROWS;
                self.scan = fetched.positions.last().copied().filter(|last| full && *last < self.cursor);
                self.admit(fetched);
            }
            Done::Due(due) => {
                self.busy.remove(&Operation::ReadDue);
                self.want_due |= due.len() >= ROWS;
                for due in due.into_iter().filter(|due| self.ownership.owns(due.bucket)) {
                    self.flight.admit_due(due);
                }
            }
            Done::Settled(settlement, released) => {
                self.busy.remove(&Operation::Write);
                self.failing = None;
                reconnect.reset();
                self.flight.settled(&settlement);
                self.ownership.released(&released);
            }
            Done::Unsettled(settlement, error) => return self.keep(settlement, error, reconnect),
            Done::Shared(workers) => self.adapt(workers),
            Done::Took(buckets) => {
                self.busy.remove(&Operation::Share);
                if !buckets.is_empty() {
                    tracing::info!(count = buckets.len(), "took buckets");
                    self.ownership.took(&buckets);
                    self.scan_again = true;
                    self.want_fresh = true;
                    self.want_due = true;
                }
            }
            Done::Unparked(count) => {
                self.busy.remove(&Operation::Unpark);
                self.want_due |= count > 0;
            }
            Done::Partitioned => {}
        }
        Ok(())
    }

    /// Keeps outcomes that could not be written, for a while; sends nothing more until they are.
    fn keep(
        &mut self,
        mut settlement: Settlement,
        error: DatabaseError,
        reconnect: &mut Reconnect,
    ) -> Result<(), DatabaseError> {
        self.busy.remove(&Operation::Write);
        let now = Instant::now();
        let since = self.failing.as_ref().map_or(now, |failing| failing.since);
        if now.duration_since(since) > WRITE_PATIENCE {
            return Err(error);
        }
        let delay = reconnect.next_delay();
        tracing::warn!(%error, ?delay, "outcomes can't be written; nothing is sent until they are");
        self.failing = Some(Failing { since, retry_at: now + delay });
        settlement.append(std::mem::take(&mut self.flight.settlement));
        self.flight.settlement = settlement;
        Ok(())
    }

    /// Adapts to the number of workers: lets go what is over the fair share, takes what is missing.
    fn adapt(&mut self, workers: usize) {
        let (leaving, wanted) = self.ownership.adapt(workers, Instant::now());
        for bucket in leaving {
            self.flight.hand_over_bucket(bucket, self.sender.timeout());
        }
        if wanted == 0 {
            self.busy.remove(&Operation::Share);
        } else {
            self.perform(move |session| async move { session.take_buckets(wanted).await.map(Done::Took) });
        }
    }

    fn admit(&mut self, fetched: Fetched) {
        let now = Instant::now();
        for fresh in fetched.fresh {
            if self.ownership.owns(fresh.bucket) {
                self.flight.admit(fresh, now);
            }
        }
    }

    /// Stops: sends nothing more, waits for what is in flight, writes everything down. What is still in flight at the
    /// deadline is abandoned, which is no failure of its: it is due again.
    async fn drain(mut self, reconnect: &mut Reconnect) -> Result<(), DatabaseError> {
        tracing::info!(in_flight = self.flight.in_flight(), "stopping");
        self.flight.wind_down(self.sender.timeout());
        let deadline = tokio::time::sleep(self.drain_timeout);
        tokio::pin!(deadline);
        let mut retry = interval(POLL);
        loop {
            self.write();
            let settled = self.flight.settlement.is_empty() && !self.busy.contains(&Operation::Write);
            if self.flight.in_flight() == 0 && settled {
                return Ok(());
            }
            tokio::select! {
                () = &mut deadline => return Ok(()),
                Some(done) = self.operations.next() => self.finish(done?, reconnect)?,
                Some(landed) = self.attempts.join_next() => self.land(landed),
                _ = retry.tick() => {}
            }
        }
    }
}

fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
