//! Reading: new events after the cursor, a scan from the head now and again, what is due, and what is owed to an endpoint
//! that is probed or back.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use calmony_pay::database::DatabaseError;
use calmony_pay::outbox::{
    Due, EndpointKey, EndpointStatus, EventKey, Fetched, Fresh, Passed, Portion, Session,
};
use tokio::time::Instant;

use super::operations::{Done, Operation};
use super::{Engine, UNWRITTEN_MAX};
use crate::flight::ReadFor;

/// The first attempts that a read should leave in memory at the most, where events go to several endpoints.
const QUEUED_WANTED: usize = 1_024;
/// The rows of a session's first read: nothing is known of any endpoint then.
const ROWS_FIRST: usize = 64;
/// The longest time in which nothing is read because there is enough to send. Then whoever has most of that falls behind.
pub(super) const STALL: Duration = Duration::from_millis(20);
/// The jobs of an account that keep others from being read, and those below which it has room for what was passed over.
const JOBS_MANY: usize = 64;
const JOBS_FEW: usize = 128;
/// The jobs in memory of an endpoint that doesn't answer for which nothing more is read.
const DUE_ON_PROBATION: usize = 2;
/// How many due deliveries of one endpoint are read at once; it is passed over while half as many are here.
const DUE_OF_EACH: usize = 128;
/// How many deliveries a walk reads at once; it goes on when half as many are here.
const WALK_ROWS: usize = 256;
/// Rows of one read, and the fewest of one for events that go to many endpoints.
const ROWS: usize = 500;
const ROWS_MIN: usize = 32;

/// The scan of the worker's own buckets from the head of the outbox: for what another worker has left in them, and for what
/// the cursor and the gaps have missed.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// How far it has come; none when none is on.
    at: Option<i64>,
    /// The buckets that were there when it began.
    covers: Vec<i16>,
    /// Buckets that were taken and not scanned since. What is new in them waits, because what another worker has left there
    /// comes first.
    unscanned: BTreeSet<i16>,
    /// It has to begin again: it is time, or buckets have come while it was on.
    pub(super) again: bool,
    /// The last read was one of it.
    was_last: bool,
}

impl Scan {
    /// Where to scan from, if it is the scan's turn. It takes turns with reads after the cursor.
    fn turn(&mut self, own: &[i16], others_wait: bool) -> Option<i64> {
        if self.at.is_none() && std::mem::take(&mut self.again) {
            self.at = Some(0);
            self.covers = own.to_vec();
        }
        let from = self.at.filter(|_| !(others_wait && self.was_last));
        self.was_last = from.is_some();
        from
    }

    /// These buckets were taken.
    pub(super) fn took(&mut self, buckets: &[i16]) {
        self.unscanned.extend(buckets);
        self.again = true;
    }

    /// It has come so far, or to its end.
    fn reached(&mut self, at: Option<i64>) {
        self.at = at;
        if at.is_none() {
            for bucket in self.covers.drain(..) {
                self.unscanned.remove(&bucket);
            }
        }
    }
}

/// What was read.
pub(super) enum Read {
    /// And what was to be read again.
    Fresh(Portion<Fetched>, Vec<EventKey>),
    Scanned(Portion<Fetched>),
    /// What is due, of the buckets as they were shared out then.
    Due(u64, ReadDue),
}

/// What was read of deliveries with rows.
pub(super) enum ReadDue {
    Due(Portion<Vec<Due>>),
    Probed(EndpointKey, Portion<Vec<Due>>),
    Walked(EndpointKey, Portion<Vec<Due>>),
}

impl ReadDue {
    const fn operation(&self) -> Operation {
        match self {
            Self::Due(_) => Operation::ReadDue,
            Self::Probed(..) | Self::Walked(..) => Operation::Walk,
        }
    }
}

impl Engine {
    /// Reads whatever there is room for.
    pub(super) fn read_all(&mut self, own: &[i16]) {
        if self.flight.settlement.len() >= UNWRITTEN_MAX {
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

    /// Where nothing has been read for too long because of jobs that could go, their accounts fall behind.
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

    /// From now on events of that account are passed over until it has room.
    fn begin_behind(&mut self, account: i64) {
        self.behind.begin(account);
        self.flight.firsts.set_behind(account, true);
    }

    /// Accounts that have sent what was passed over are no longer behind; those that have room are read for.
    fn catch_up(&mut self) {
        let firsts = &self.flight.firsts;
        for account in self.behind.caught_up(|account| firsts.queued_by(account) < JOBS_MANY) {
            self.flight.firsts.set_behind(account, false);
        }
        let firsts = &self.flight.firsts;
        self.want_fresh |= self.behind.has_some_for(|account| firsts.queued_by(account) < JOBS_FEW);
    }

    fn read(&mut self, own: &[i16]) {
        if self.busy.contains(&Operation::ReadFresh) {
            return;
        }
        let own = own.to_vec();
        if let Some(from) = self.scan.turn(&own, self.want_fresh) {
            self.busy.insert(Operation::ReadFresh);
            let (most, behind) = (self.rows_wanted(), self.behind.accounts());
            self.perform(Operation::ReadFresh, move |session| async move {
                session.scan(from, rows(most), &own, &behind).await.map(Read::Scanned).map(Done::Read)
            });
        } else if self.want_fresh {
            self.busy.insert(Operation::ReadFresh);
            self.want_fresh = false;
            let (cursor, gaps, most) = (self.cursor, self.gaps.clone(), self.rows_wanted());
            let firsts = &self.flight.firsts;
            let again = self.behind.take(most / 2, |account| firsts.queued_by(account) < JOBS_FEW);
            let accounts = self.behind.accounts();
            let passed = Passed { again: again.iter().map(|event| event.position).collect(), accounts };
            self.perform(Operation::ReadFresh, move |session| async move {
                let fresh = session.fresh(cursor, rows(most), &own, (&gaps, &passed)).await?;
                Ok(Done::Read(Read::Fresh(fresh, again)))
            });
        }
    }

    /// The rows to read, so that not too much has to wait: by the endpoints that the last events went to.
    fn rows_wanted(&self) -> usize {
        if self.cursor == 0 {
            return ROWS_FIRST;
        }
        let room = QUEUED_WANTED.saturating_sub(self.flight.firsts.queued());
        (room / self.targets_each.max(1)).clamp(ROWS_MIN, ROWS)
    }

    /// Reads what is due, but not of endpoints that have enough here, take nothing now, or are walked.
    fn read_due(&mut self, own: &[i16]) {
        if !self.want_due || !self.busy.insert(Operation::ReadDue) {
            return;
        }
        self.want_due = false;
        let full = self.flight.retries.with_enough(DUE_OF_EACH / 2, DUE_ON_PROBATION);
        let but: Vec<String> = full.chain(self.flight.endpoints.held()).cloned().collect();
        let (own, full_accounts) = (own.to_vec(), self.flight.retries.full_accounts());
        self.read_beside(Operation::ReadDue, move |session| async move {
            let but = (but.as_slice(), full_accounts.as_slice());
            session.due(rows(ROWS), rows(DUE_OF_EACH), &own, but).await.map(ReadDue::Due)
        });
    }

    /// Looks for more of an endpoint that has more than was read, once there is room.
    pub(super) fn refill(&mut self, endpoint: &str) {
        if self.have_more.contains(endpoint) && self.flight.retries.of(endpoint) < DUE_OF_EACH / 2 {
            self.want_due = true;
        }
    }

    /// Probes an endpoint whose time has come, or reads on for one that is back.
    fn walk(&mut self, own: &[i16]) {
        if self.busy.contains(&Operation::Walk) {
            return;
        }
        let own = own.to_vec();
        if let Some((key, after)) = self.flight.endpoints.next_probe(Instant::now()) {
            self.busy.insert(Operation::Walk);
            self.read_beside(Operation::Walk, move |session| async move {
                session.walk(1, &own, &key, after).await.map(|due| ReadDue::Probed(key, due))
            });
            return;
        }
        let retries = &self.flight.retries;
        let has_room = |(key, _): &(EndpointKey, i64)| retries.of(&key.endpoint) < WALK_ROWS / 2;
        let next = self.flight.endpoints.walks().find(has_room);
        if let Some((key, after)) = next {
            self.busy.insert(Operation::Walk);
            self.read_beside(Operation::Walk, move |session| async move {
                session.walk(rows(WALK_ROWS), &own, &key, after).await.map(|due| ReadDue::Walked(key, due))
            });
        }
    }

    /// Reads deliveries with rows, on the connection beside the session's.
    fn read_beside<F>(&mut self, operation: Operation, read: impl FnOnce(Arc<Session>) -> F)
    where
        F: Future<Output = Result<ReadDue, DatabaseError>> + Send + 'static,
    {
        let (sharing, reading) = (self.sharing, read(self.session.clone()));
        self.flight.begin_read();
        self.perform(operation, |_| async move { Ok(Done::Read(Read::Due(sharing, reading.await?))) });
    }

    pub(super) fn finish_read(&mut self, read: Read) {
        match read {
            Read::Fresh(Portion { work: fetched, is_part }, again) => {
                self.busy.remove(&Operation::ReadFresh);
                if self.failing.is_none() {
                    self.tools.progress.made();
                }
                self.want_fresh |= is_part;
                self.gaps.note(self.cursor, &fetched.positions, Instant::now());
                self.cursor = fetched.positions.last().copied().unwrap_or(self.cursor);
                let Fetched { mut fresh, mut passed, .. } = fetched;
                fresh.retain(|fresh| !self.scan.unscanned.contains(&fresh.bucket));
                passed.retain(|(_, bucket)| !self.scan.unscanned.contains(bucket));
                let again: HashSet<EventKey> = again.into_iter().collect();
                if is_part {
                    // It may have ended before them.
                    let read: HashSet<EventKey> = fresh.iter().map(|fresh| fresh.key).collect();
                    for event in again.difference(&read) {
                        self.behind.pass(*event);
                    }
                }
                self.pass_over(&passed);
                self.admit(fresh, &again);
            }
            Read::Scanned(Portion { work: fetched, is_part }) => {
                self.busy.remove(&Operation::ReadFresh);
                let last = fetched.positions.last().copied();
                self.pass_over(&fetched.passed);
                self.admit(fetched.fresh, &HashSet::new());
                self.scan.reached(last.filter(|last| is_part && *last < self.cursor));
            }
            Read::Due(sharing, read) => {
                self.busy.remove(&read.operation());
                // Another worker may have had the buckets in between, and may have settled what was read.
                if sharing == self.sharing {
                    self.finish_due(read);
                } else {
                    self.read_anew(&read);
                }
                self.flight.end_read();
            }
        }
    }

    /// What was read can't be used: it is looked for again.
    fn read_anew(&mut self, read: &ReadDue) {
        self.want_due = true;
        if let ReadDue::Probed(key, _) = read {
            self.flight.endpoints.probe_again(&key.endpoint, Instant::now());
        }
    }

    fn finish_due(&mut self, read: ReadDue) {
        match read {
            ReadDue::Due(Portion { work: due, is_part }) => {
                self.want_due |= is_part;
                self.note_more(&due);
                self.admit_due(due, ReadFor::Schedule);
            }
            ReadDue::Probed(key, Portion { work: due, .. }) => {
                match due.iter().find(|due| due.status == EndpointStatus::Enabled) {
                    Some(due) => self.flight.endpoints.probed_with(&key.endpoint, due.key.position),
                    None => self.flight.endpoints.nothing_to_probe_with(&key.endpoint, Instant::now()),
                }
                self.admit_due(due, ReadFor::Endpoint);
            }
            ReadDue::Walked(key, Portion { work: due, is_part }) => {
                let last = due.last().map(|due| due.key.position).filter(|_| is_part);
                self.flight.endpoints.walked(&key.endpoint, last);
                self.want_due |= last.is_none();
                self.admit_due(due, ReadFor::Endpoint);
            }
        }
    }

    /// Remembers who has more due than was read.
    fn note_more(&mut self, due: &[Due]) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for due in due {
            *counts.entry(&due.target.endpoint).or_default() += 1;
        }
        let retries = &self.flight.retries;
        self.have_more.retain(|endpoint| retries.of(endpoint) >= DUE_OF_EACH / 2);
        let full = counts.into_iter().filter(|(_, count)| *count >= DUE_OF_EACH);
        self.have_more.extend(full.map(|(endpoint, _)| endpoint.to_owned()));
    }

    fn admit_due(&mut self, due: Vec<Due>, read_for: ReadFor) {
        let now = Instant::now();
        for due in due {
            if self.ownership.owns(due.bucket) {
                self.flight.admit_due(due, read_for, now);
            }
        }
    }

    /// Remembers the events of accounts that are behind.
    fn pass_over(&mut self, passed: &[(EventKey, i16)]) {
        for (event, bucket) in passed {
            if self.ownership.owns(*bucket) {
                self.behind.pass(*event);
                self.flight.firsts.set_behind(event.account, true);
            }
        }
    }

    /// Takes events in; of accounts that are behind only those that were passed over before.
    fn admit(&mut self, fetched: Vec<Fresh>, again: &HashSet<EventKey>) {
        let now = Instant::now();
        let targets: usize = fetched.iter().map(|fresh| fresh.targets.len()).sum();
        if !fetched.is_empty() {
            self.targets_each = targets.div_ceil(fetched.len());
        }
        for fresh in fetched {
            if !self.ownership.owns(fresh.bucket) {
                continue;
            }
            let is_early = self.behind.has(fresh.key.account) && !again.contains(&fresh.key);
            if !is_early || self.flight.knows(&fresh.key) || !self.behind.pass(fresh.key) {
                self.flight.admit(fresh, now);
            }
        }
        for account in self.flight.take_crowded() {
            self.begin_behind(account);
        }
    }
}

fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
