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
use calmony_pay::retry;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::task::JoinSet;
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
    /// There may be something after the cursor.
    want_fresh: bool,
    /// Something may be due.
    want_due: bool,
    busy: HashSet<Operation>,
    operations: FuturesUnordered<BoxFuture<'static, Result<Done, DatabaseError>>>,
    attempts: JoinSet<(Report, Job)>,
}

/// What the session does, at most one of each at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Read,
    ReadDue,
    Write,
    Share,
}

/// What an operation on the session brought.
enum Done {
    Fresh(Fetched),
    Scanned(Fetched),
    Due(Vec<Due>),
    Settled(Settlement, Vec<i16>),
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
            want_fresh: false,
            want_due: false,
            busy: HashSet::new(),
            operations: FuturesUnordered::new(),
            attempts: JoinSet::new(),
        }
    }

    /// Works until told to stop, or until the session is lost: then what is in flight is abandoned, because its outcome can
    /// no longer be written; it is still in the outbox and will be sent again.
    pub(crate) async fn run(mut self, stop: &CancellationToken) -> Result<(), DatabaseError> {
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
                () = stop.cancelled() => return self.drain().await,
                () = session.ended() => return Err(DatabaseError::Unavailable("the session ended".to_owned())),
                Some(done) = self.operations.next() => self.finish(done?),
                Some(landed) = self.attempts.join_next() => self.land(landed),
                () = session.woken() => self.want_fresh = true,
                _ = poll.tick() => self.poll(),
                _ = share.tick() => self.share(),
                _ = scan.tick() => self.scan = self.scan.or(Some(0)),
                _ = partitions.tick() => self.perform(|session| async move {
                    session.make_partitions().await.map(|()| Done::Partitioned)
                }),
            }
        }
    }

    /// Sends as much as may be in flight.
    fn launch(&mut self) {
        while self.flight.lanes.in_flight() < self.in_flight_max {
            let Some(job) = self.flight.lanes.next() else {
                return;
            };
            let sender = self.sender.clone();
            self.attempts.spawn(async move { (sender.send(&job.webhook).await, job) });
        }
    }

    /// An attempt is over, and perhaps others are too.
    fn land(&mut self, landed: Result<(Report, Job), tokio::task::JoinError>) {
        let mut next = Some(landed);
        while let Some(landed) = next {
            match landed {
                Ok((report, job)) => {
                    tracing::debug!(
                        event = &*job.webhook.event, endpoint = job.key.endpoint, attempt = job.attempts + 1,
                        status = report.status, error = report.error, duration = ?report.duration, "attempted"
                    );
                    self.flight.attempted(&job, report, retry::jitter());
                }
                // Attempts don't panic and are not cancelled; if one did, its event would stay in the outbox.
                Err(error) => tracing::error!(%error, "an attempt was lost"),
            }
            next = self.attempts.try_join_next();
        }
    }

    /// Starts whatever the session should do and doesn't.
    fn operate(&mut self) {
        self.write();
        let room = self.flight.lanes.queued() < self.in_flight_max;
        let own = self.ownership.own();
        if own.is_empty() {
            return;
        }
        if !self.busy.contains(&Operation::Read) && room {
            self.read(own.clone());
        }
        if !self.busy.contains(&Operation::ReadDue)
            && self.want_due
            && self.flight.owed() < self.in_flight_max
        {
            self.want_due = false;
            self.busy.insert(Operation::ReadDue);
            // Those in memory are read again, so that many more have to be asked for.
            let rows = rows(ROWS + self.flight.owed());
            self.perform(move |session| async move { session.due(rows, &own).await.map(Done::Due) });
        }
    }

    fn read(&mut self, own: Vec<i16>) {
        if let Some(from) = self.scan {
            self.busy.insert(Operation::Read);
            self.perform(move |session| async move {
                session.scan(from, rows(ROWS), &own).await.map(Done::Scanned)
            });
        } else if self.want_fresh {
            self.want_fresh = false;
            self.busy.insert(Operation::Read);
            let (cursor, gaps) = (self.cursor, self.gaps.clone());
            self.perform(move |session| async move {
                session.fresh(cursor, rows(ROWS), &own, &gaps).await.map(Done::Fresh)
            });
        }
    }

    /// Writes what has gathered, and lets go the buckets that have nothing left after it.
    fn write(&mut self) {
        if self.busy.contains(&Operation::Write) {
            return;
        }
        let idle: Vec<i16> =
            self.ownership.leaving().filter(|bucket| !self.flight.is_busy(*bucket)).collect();
        if self.flight.settlement.is_empty() && idle.is_empty() {
            return;
        }
        self.busy.insert(Operation::Write);
        let settlement = std::mem::take(&mut self.flight.settlement);
        self.perform(move |session| async move {
            if !settlement.is_empty() {
                session.settle(&settlement).await?;
            }
            if !idle.is_empty() {
                session.release_buckets(&idle).await?;
            }
            Ok(Done::Settled(settlement, idle))
        });
    }

    fn share(&mut self) {
        if !self.busy.contains(&Operation::Share) {
            self.busy.insert(Operation::Share);
            self.perform(|session| async move { session.workers().await.map(Done::Shared) });
        }
    }

    fn poll(&mut self) {
        let now = Instant::now();
        self.want_fresh = true;
        self.want_due = true;
        self.gaps.expire(now);
        if let Some(limit) = now.checked_sub(HAND_OVER) {
            self.flight.hand_over(limit, self.sender.timeout());
        }
    }

    fn perform<F>(&mut self, operation: impl FnOnce(Arc<Session>) -> F)
    where
        F: Future<Output = Result<Done, DatabaseError>> + Send + 'static,
    {
        self.operations.push(Box::pin(operation(self.session.clone())));
    }

    fn finish(&mut self, done: Done) {
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
                self.want_due |= due.len() >= ROWS + self.flight.owed();
                for due in due.into_iter().filter(|due| self.ownership.owns(due.bucket)) {
                    self.flight.admit_due(due);
                }
            }
            Done::Settled(settlement, released) => {
                self.busy.remove(&Operation::Write);
                self.flight.settled(&settlement);
                self.ownership.released(&released);
            }
            Done::Shared(workers) => {
                let wanted = self.ownership.adapt(workers);
                if wanted == 0 {
                    self.busy.remove(&Operation::Share);
                } else {
                    self.perform(
                        move |session| async move { session.take_buckets(wanted).await.map(Done::Took) },
                    );
                }
            }
            Done::Took(buckets) => {
                self.busy.remove(&Operation::Share);
                if !buckets.is_empty() {
                    tracing::info!(count = buckets.len(), "took buckets");
                    self.ownership.took(&buckets);
                    self.scan = Some(0);
                    self.want_fresh = true;
                    self.want_due = true;
                }
            }
            Done::Partitioned => {}
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
    async fn drain(mut self) -> Result<(), DatabaseError> {
        tracing::info!(in_flight = self.flight.lanes.in_flight(), "stopping");
        self.flight.wind_down(Instant::now(), self.sender.timeout());
        let deadline = tokio::time::sleep(self.drain_timeout);
        tokio::pin!(deadline);
        loop {
            self.write();
            if self.flight.lanes.in_flight() == 0 && !self.busy.contains(&Operation::Write) {
                return Ok(());
            }
            tokio::select! {
                () = &mut deadline => return Ok(()),
                Some(done) = self.operations.next() => self.finish(done?),
                Some(landed) = self.attempts.join_next() => self.land(landed),
                else => return Ok(()),
            }
        }
    }
}

fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
