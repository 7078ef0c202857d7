//! What the engine does on its session: reading, writing, sharing the buckets out. At most one of each at a time, and each
//! brings something back that changes what is in memory.

use std::sync::Arc;
use std::time::Duration;

use calmony_pay::database::DatabaseError;
use calmony_pay::outbox::{Due, Fetched, Session, Settlement};
use calmony_pay::retry::Reconnect;
use tokio::time::Instant;

use super::Engine;

/// How many first attempts may wait in memory before nothing more is read.
const QUEUED_MAX: usize = 2_048;
/// How long outcomes that can't be written are kept and tried again before the session is given up.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// Rows of one read.
const ROWS: usize = 500;

/// Writing fails: the database is read-only, or full.
#[derive(Debug)]
pub(super) struct Failing {
    since: Instant,
    retry_at: Instant,
}

/// The scan of the worker's own buckets from the head of the outbox, for what the cursor and the gaps have missed.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// How far it has come; none when none is on.
    at: Option<i64>,
    /// It has to begin again: it is time, or buckets have come while it was on.
    pub(super) again: bool,
    /// The last read was one of it.
    was_last: bool,
}

impl Scan {
    /// Where to scan from, if it is the scan's turn. It takes turns with reads after the cursor.
    fn turn(&mut self, others_wait: bool) -> Option<i64> {
        if self.at.is_none() && std::mem::take(&mut self.again) {
            self.at = Some(0);
        }
        let from = self.at.filter(|_| !(others_wait && self.was_last));
        self.was_last = from.is_some();
        from
    }
}

/// What the session does, at most one of each at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    Read,
    ReadDue,
    Write,
    Share,
    Unpark,
}

/// What an operation on the session brought.
pub(super) enum Done {
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
    /// Starts whatever the session should do and doesn't.
    pub(super) fn operate(&mut self) {
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
        let own = own.to_vec();
        if let Some(from) = self.scan.turn(self.want_fresh) {
            self.busy.insert(Operation::Read);
            self.perform(move |session| async move {
                session.scan(from, rows(ROWS), &own).await.map(Done::Scanned)
            });
        } else if self.want_fresh {
            self.busy.insert(Operation::Read);
            self.want_fresh = false;
            let (cursor, gaps) = (self.cursor, self.gaps.clone());
            self.perform(move |session| async move {
                session.fresh(cursor, rows(ROWS), &own, &gaps).await.map(Done::Fresh)
            });
        }
    }

    /// Writes what has gathered, and lets the buckets go that have nothing left after it.
    pub(super) fn write(&mut self) {
        let now = Instant::now();
        if self.busy.contains(&Operation::Write)
            || self.failing.as_ref().is_some_and(|failing| now < failing.retry_at)
        {
            return;
        }
        let release = self.ownership.let_go(now, |bucket| self.flight.flies(bucket));
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

    pub(super) fn share(&mut self) {
        if self.busy.insert(Operation::Share) {
            self.perform(|session| async move { session.workers().await.map(Done::Shared) });
        }
        let own = self.ownership.own();
        if !own.is_empty() && self.busy.insert(Operation::Unpark) {
            self.perform(move |session| async move { session.unpark(&own).await.map(Done::Unparked) });
        }
    }

    pub(super) fn perform<F>(&mut self, operation: impl FnOnce(Arc<Session>) -> F)
    where
        F: Future<Output = Result<Done, DatabaseError>> + Send + 'static,
    {
        self.operations.push(Box::pin(operation(self.session.clone())));
    }

    pub(super) fn finish(&mut self, done: Done, reconnect: &mut Reconnect) -> Result<(), DatabaseError> {
        match done {
            Done::Fresh(fetched) => {
                self.busy.remove(&Operation::Read);
                if self.failing.is_none() {
                    self.tools.progress.made();
                }
                self.want_fresh |= fetched.positions.len() >= ROWS;
                self.gaps.note(self.cursor, &fetched.positions, Instant::now());
                self.cursor = fetched.positions.last().copied().unwrap_or(self.cursor);
                self.admit(fetched);
            }
            Done::Scanned(fetched) => {
                self.busy.remove(&Operation::Read);
                let full = fetched.positions.len() >= ROWS;
                self.scan.at = fetched.positions.last().copied().filter(|last| full && *last < self.cursor);
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
                    self.scan.again = true;
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
        self.ownership.kept();
        let now = Instant::now();
        let since = self.failing.as_ref().map_or(now, |failing| failing.since);
        if now.duration_since(since) > WRITE_PATIENCE {
            return Err(error);
        }
        let delay = reconnect.next_delay();
        tracing::warn!(%error, ?delay, "outcomes can't be written; nothing is sent until they are");
        self.tools.progress.lost();
        self.failing = Some(Failing { since, retry_at: now + delay });
        settlement.append(std::mem::take(&mut self.flight.settlement));
        self.flight.settlement = settlement;
        Ok(())
    }

    /// Adapts to the number of workers: lets go what is over the fair share, takes what is missing.
    fn adapt(&mut self, workers: usize) {
        let (leaving, wanted) = self.ownership.adapt(workers, Instant::now());
        for bucket in leaving {
            self.flight.hand_over_bucket(bucket, self.tools.sender.timeout());
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
}

fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
