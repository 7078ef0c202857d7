//! Reading new events: after the cursor, of accounts that were behind, and in a scan from the head now
//! and again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use calmony_pay::database::DatabaseError;
use calmony_pay::outbox::{EventKey, Fetched, Fresh, PORTION_BYTES, Passed, Portion, Session};
use tokio::time::Instant;

use super::behind::TARGETS_MANY;
use super::operation::{Done, Operation, Read, What};
use super::state::Engine;
use crate::lanes::Lanes;

/// The number of unwritten outcomes from which on nothing more is read.
const UNWRITTEN_MAX: usize = 4_096;
/// The first attempts that a read should leave in memory at the most, where events go to several endpoints.
const QUEUED_WANTED: usize = 1_024;
/// The rows of a session's first read: nothing is known of any endpoint then.
const ROWS_FIRST: usize = 64;
/// The longest time in which nothing is read because there is enough to send. Then the account with the
/// most of that falls behind.
pub(super) const STALL: Duration = Duration::from_millis(20);
/// The jobs of an account that keep others from being read, and those below which it has room for the
/// events that were passed over.
const JOBS_MANY: usize = 64;
const JOBS_FEW: usize = 128;
/// The jobs of an account that is behind that one read brings.
const JOBS_AGAIN: usize = 256;
/// The jobs of an account from which on nothing more of it is taken in.
const JOBS_MAX: usize = 1_024;
/// Rows of one read, and the fewest of one for events that go to many endpoints.
const ROWS: usize = 500;
const ROWS_MIN: usize = 8;

impl Engine {
    /// Reads as much as there is room for.
    pub(super) fn read_all(&mut self, own: &[i16]) {
        if self.flight.settlement.len() >= UNWRITTEN_MAX {
            self.stalled_since = None;
            return;
        }
        self.catch_up();
        if self.flight.firsts.runnable() >= self.in_flight_max {
            self.fall_behind(Instant::now());
        } else {
            self.stalled_since = None;
        }
        let firsts = &self.flight.firsts;
        if firsts.runnable() < self.in_flight_max && firsts.has_room() {
            self.read(own);
        }
        let retries = &self.flight.retries;
        if retries.runnable() < self.in_flight_max && retries.has_room() {
            self.walk(own);
            self.read_due(own);
        }
    }

    /// Accounts fall behind if nothing has been read for too long because of their jobs that could go.
    fn fall_behind(&mut self, now: Instant) {
        let since = *self.stalled_since.get_or_insert(now);
        if now.duration_since(since) < STALL {
            return;
        }
        self.stalled_since = None;
        for account in self.flight.firsts.busiest(JOBS_MANY) {
            self.begin_behind(account);
        }
    }

    /// Passes over events of that account from now on, until it has room.
    fn begin_behind(&mut self, account: i64) {
        self.behind.begin(account);
        self.flight.firsts.set_behind(account, true);
    }

    /// Accounts that have sent the events that were passed over are no longer behind.
    fn catch_up(&mut self) {
        let firsts = &self.flight.firsts;
        for account in self.behind.caught_up(|account| firsts.queued_by(account) < JOBS_MANY) {
            self.flight.firsts.set_behind(account, false);
        }
    }

    fn read(&mut self, own: &[i16]) {
        self.read_behind(own);
        if self.busy.contains(&Operation::ReadFresh) {
            return;
        }
        let from = self.scan.turn(own, self.want_fresh);
        if from.is_none() && !self.want_fresh {
            return;
        }
        let (own, most, behind) = (own.to_vec(), self.rows_wanted(), self.behind.accounts());
        if let Some(from) = from {
            self.perform_read(Operation::ReadFresh, move |session| async move {
                session.scan(from, rows(most), &own, &behind).await.map(What::Scanned)
            });
        } else {
            self.want_fresh = false;
            let (cursor, gaps) = (self.cursor, self.gaps.clone());
            self.perform_read(Operation::ReadFresh, move |session| async move {
                session.fresh(cursor, rows(most), &own, (&gaps, &behind)).await.map(What::Fresh)
            });
        }
    }

    /// Reads the events that were passed over of accounts that have room now. Such events may have many
    /// endpoints, so nobody's new one waits for them: they are read on another connection.
    fn read_behind(&mut self, own: &[i16]) {
        if self.busy.contains(&Operation::ReadBehind) {
            return;
        }
        let most = self.rows_wanted() / 2;
        let events = self.behind.ready(most, |account| has_room(&self.flight.firsts, account));
        if events.is_empty() {
            return;
        }
        let passed = self.passed(own, events, most);
        for (event, _) in &passed.events {
            self.behind.is_read(event.account);
        }
        let cursor = self.cursor;
        self.perform_read(Operation::ReadBehind, move |session| async move {
            let behind = session.passed(cursor, &passed).await?;
            Ok(What::Behind(behind, passed))
        });
    }

    /// Reads beside the writes.
    pub(super) fn perform_read<F>(
        &mut self,
        operation: Operation,
        read: impl FnOnce(Arc<Session>) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<What, DatabaseError>> + Send + 'static,
    {
        self.busy.insert(operation);
        let (sharing, number) = (self.sharing, self.flight.begin_read());
        self.perform(operation, move |session| async move {
            match read(session.clone()).await {
                Ok(what) => Ok(Done::Read(Read { number, sharing, what })),
                Err(error) if operation.can_fail() && !session.has_ended() => {
                    Ok(Done::Unread { operation, number, error })
                }
                Err(error) => Err(error),
            }
        });
    }

    /// A read has failed, and the session goes on.
    pub(super) fn unread(&mut self, operation: Operation, number: u64, error: &DatabaseError) {
        tracing::warn!(%error, ?operation, "this can't be read now");
        self.busy.remove(&operation);
        self.flight.end_read(number);
    }

    /// The read for accounts that are behind. It leaves out buckets that aren't scanned yet: the events that
    /// another worker has left there come first.
    fn passed(&self, own: &[i16], events: Vec<EventKey>, most: usize) -> Passed {
        let buckets = own.iter().copied().filter(|bucket| !self.scan.unscanned.contains(bucket)).collect();
        let each = most.checked_div(events.len()).unwrap_or_default();
        let begun = events.iter().any(|event| event.position <= self.begun_up_to);
        let with_rows = |event: EventKey| {
            let by_jobs = JOBS_AGAIN.div_ceil(self.behind.targets(event.account));
            (event, rows(each.min(by_jobs).max(1)))
        };
        Passed { events: events.into_iter().map(with_rows).collect(), buckets, begun }
    }

    /// The rows to read, so that not too much has to wait: by the endpoints and the bytes of the last events.
    fn rows_wanted(&self) -> usize {
        if self.cursor == 0 {
            return ROWS_FIRST;
        }
        let room = QUEUED_WANTED.saturating_sub(self.flight.firsts.queued());
        let by_bytes = PORTION_BYTES / self.row_bytes.max(1);
        (room / self.targets_each.max(1)).min(by_bytes).clamp(ROWS_MIN, ROWS)
    }

    /// Takes in the result of a read.
    pub(super) fn finish_read(&mut self, Read { number, sharing, what }: Read) {
        self.busy.remove(&what.operation());
        // Another worker may have had the buckets in between, and may have settled the events of the read.
        if sharing == self.sharing {
            self.take_in(number, what);
        } else {
            self.read_anew(&what);
        }
        self.flight.end_read(number);
    }

    /// Looks again for a read that can't be used.
    fn read_anew(&mut self, what: &What) {
        match what {
            What::Fresh(_) => self.want_fresh = true,
            // The scan and the accounts that are behind stand where they did.
            What::Scanned(_) | What::Behind(..) => {}
            What::Due(due) => self.read_due_anew(due),
        }
    }

    fn take_in(&mut self, number: u64, what: What) {
        match what {
            What::Fresh(portion) => self.finish_fresh(number, portion),
            What::Scanned(Portion { work: fetched, is_part, .. }) => {
                let last = fetched.positions.last().copied();
                self.pass_over(&fetched.passed);
                self.admit(number, fetched.fresh, false);
                let goes_on = last.filter(|last| is_part && *last < self.cursor);
                self.scan.reached(goes_on);
                if goes_on.is_none() {
                    self.behind.scanned();
                    // The events that it passed over may have been another worker's.
                    self.begun_up_to = self.cursor;
                }
            }
            What::Behind(Portion { work, ends_early, .. }, asked) => {
                self.note_read(&work.fresh, &asked, ends_early);
                self.admit(number, work.fresh, true);
            }
            What::Due(due) => self.finish_due(number, due),
        }
    }

    fn finish_fresh(&mut self, number: u64, portion: Portion<Fetched>) {
        if self.failing.is_none() {
            self.tools.progress.made();
        }
        let Portion { work, is_part, row_bytes, .. } = portion;
        let Fetched { mut fresh, mut passed, positions, late } = work;
        self.want_fresh |= is_part;
        self.row_bytes = row_bytes;
        let targets: usize = fresh.iter().map(|fresh| fresh.targets.len()).sum();
        if !fresh.is_empty() {
            self.targets_each = targets.div_ceil(fresh.len());
        }
        // A late event in a bucket that isn't scanned yet may be behind the scan: it is read once more.
        let taken_in = late.iter().filter(|(_, bucket)| !self.scan.unscanned.contains(bucket));
        self.gaps.found(taken_in.map(|(position, _)| *position));
        self.gaps.note(self.cursor, &positions, Instant::now());
        self.cursor = positions.last().copied().unwrap_or(self.cursor);
        fresh.retain(|fresh| !self.scan.unscanned.contains(&fresh.bucket));
        passed.retain(|(_, bucket)| !self.scan.unscanned.contains(bucket));
        self.pass_over(&passed);
        self.admit(number, fresh, false);
    }

    /// Notes how far accounts that are behind were read.
    fn note_read(&mut self, fresh: &[Fresh], asked: &Passed, ends_early: bool) {
        let mut read: HashMap<i64, (i64, i64)> = HashMap::new();
        for key in fresh.iter().map(|fresh| fresh.key) {
            let (rows, last) = read.entry(key.account).or_default();
            (*rows, *last) = (*rows + 1, key.position);
        }
        for (EventKey { account, position }, most) in &asked.events {
            let (rows, last) = read.get(account).copied().unwrap_or_default();
            let next = if rows > 0 { last.saturating_add(1) } else { *position };
            let may_have_more = ends_early || rows >= *most;
            self.behind.was_read(*account, may_have_more.then_some(next));
        }
    }

    /// Passes the events of accounts that are behind over.
    fn pass_over(&mut self, passed: &[(EventKey, i16)]) {
        for (event, bucket) in passed {
            if self.ownership.owns(*bucket) {
                self.pass(*event, *bucket);
            }
        }
    }

    fn pass(&mut self, event: EventKey, bucket: i16) {
        if self.scan.unscanned.contains(&bucket) {
            self.behind.pass_unscanned(event);
        } else {
            self.behind.pass(event);
        }
        self.flight.firsts.set_behind(event.account, true);
    }

    /// Takes events in. Of accounts that are behind only those that were passed over before, and of
    /// nobody more than there is room for. Events after one that has no room are passed over with it.
    fn admit(&mut self, number: u64, fetched: Vec<Fresh>, were_passed: bool) {
        let now = Instant::now();
        let mut full = HashSet::new();
        for fresh in fetched {
            let account = fresh.key.account;
            if !self.ownership.owns(fresh.bucket) {
                continue;
            }
            let firsts = &self.flight.firsts;
            if firsts.queued_by(account) >= JOBS_MAX || firsts.is_crowded(account) {
                full.insert(account);
            }
            let is_passed = full.contains(&account) || self.behind.has(account) && !were_passed;
            let targets = fresh.targets.len();
            if is_passed && !self.flight.knows(&fresh.key, number) {
                self.pass(fresh.key, fresh.bucket);
            } else {
                self.flight.admit(fresh, number, now);
                if targets >= TARGETS_MANY {
                    self.begin_behind(account);
                }
            }
            self.behind.goes_to(account, targets);
        }
    }
}

/// True if an account has room for events that were passed over. Without room they would be passed over
/// again, and read without end.
fn has_room(firsts: &Lanes, account: i64) -> bool {
    firsts.queued_by(account) < JOBS_FEW && !firsts.is_crowded(account)
}

/// A number of rows as a parameter.
pub(super) fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
