//! The loop over one session: share the buckets out, read what is due, begin steps, note what became of them.
//!
//! One task owns all that is in memory. Steps run beside it, each in a task of its own; no connection, lock
//! or place in the database is held while one runs. What is in memory may be lost at any moment: an object
//! that is due says so itself.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::metrics::{Metrics, number};
use super::rests::Rests;
use super::runaways::Runaways;
use super::turns::Turns;
use crate::buckets::Ownership;
use crate::database::DatabaseError;
use crate::due::{Ask, Found, Session, kind_of};
use crate::flow::due::{Step, step};
use crate::flow::{FlowError, Processors};
use crate::log::Log;
use crate::progress::Progress;
use crate::retry::Reconnect;
use crate::shares::{Full, Place, Shares};

/// The time between two reads of what is due, where nothing asks for one earlier.
const POLL: Duration = Duration::from_secs(1);
/// The shortest time between two reads.
const POLL_MIN: Duration = Duration::from_millis(50);
/// The rows of a read.
const PAGE: usize = 256;
/// The most reads in a row. Each passes over the accounts whose lines the one before has filled.
const READS_MAX: usize = 8;
/// The number of waiting objects below which more are read, if there are more.
const FEW: usize = 128;
/// The time between two counts of the billers. A count also shows PostgreSQL that this one lives.
const SHARE: Duration = Duration::from_millis(500);
/// The time between two looks whether this database is adopted.
const ADOPTION: Duration = Duration::from_secs(5);
/// The time for which a kind of object is passed over that this version doesn't know.
const UNKNOWN: Duration = Duration::from_mins(1);

/// What steps need.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) log: Log,
    pub(super) processors: Processors,
}

/// The bounds of steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The most steps at once.
    pub(super) steps_max: usize,
    /// The longest time of a step.
    pub(super) step_timeout: Duration,
    /// The longest time for steps under way when the process stops.
    pub(super) drain_timeout: Duration,
}

/// A step that is over.
#[derive(Debug)]
struct Stepped {
    found: Found,
    outcome: Outcome,
    _place: Place<i64>,
}

/// What became of a step.
#[derive(Debug)]
enum Outcome {
    Done(Step),
    Failed(FlowError),
    /// It took longer than it may. Whatever it did is in the log, and the rest is done by another one.
    TimedOut,
    /// A defect of this program.
    Panicked,
}

/// A biller's memory and its steps under way, across its sessions.
#[derive(Debug)]
pub(super) struct Engine {
    tools: Arc<Tools>,
    bounds: Bounds,
    metrics: Metrics,
    progress: Progress,
    places: Shares<i64>,
    turns: Turns,
    steps: JoinSet<Stepped>,
    /// The objects whose step is under way, with their buckets.
    flying: HashMap<String, i16>,
    runaways: Runaways,
    rests: Rests,
    /// Kinds that this version doesn't know, and when they are tried again.
    unknown: HashMap<String, Instant>,
    /// More was due than the lines take.
    has_more: bool,
    ownership: Ownership,
    is_adopted: bool,
    /// It was said that live mode is held back.
    is_held_back_told: bool,
    next_share: Instant,
    next_look: Instant,
    next_read: Instant,
}

impl Engine {
    pub(super) fn new(bounds: Bounds, tools: Tools, metrics: Metrics, progress: Progress) -> Self {
        let (now, steps_max) = (Instant::now(), bounds.steps_max);
        Self {
            tools: Arc::new(tools),
            bounds,
            metrics,
            progress,
            places: Shares::new(steps_max, 1),
            turns: Turns::default(),
            steps: JoinSet::new(),
            flying: HashMap::new(),
            runaways: Runaways::default(),
            rests: Rests::default(),
            unknown: HashMap::new(),
            has_more: false,
            ownership: Ownership::default(),
            is_adopted: false,
            is_held_back_told: false,
            next_share: now,
            next_look: now,
            next_read: now,
        }
    }

    /// Works until told to stop, or until the session is lost. Steps that are under way go on meanwhile.
    pub(super) async fn work(
        &mut self,
        session: &Session,
        stop: &CancellationToken,
        reconnect: &mut Reconnect,
    ) -> Result<(), DatabaseError> {
        self.begin(Instant::now());
        while !stop.is_cancelled() {
            let now = Instant::now();
            if now >= self.next_share {
                self.share(session, now).await?;
                self.next_share = now + SHARE;
            }
            if now >= self.next_look {
                self.look_whether_adopted(session).await?;
                self.next_look = now + ADOPTION;
            }
            if now >= self.next_read {
                self.read(session, now).await?;
                self.progress.made();
                reconnect.reset();
            }
            self.launch(Instant::now());
            self.tell();
            tokio::select! {
                Some(stepped) = self.steps.join_next() => self.land(stepped),
                () = sleep_until(self.next_share.min(self.next_look).min(self.next_read)) => {}
                () = session.ended() => {
                    return Err(DatabaseError::Unavailable("the session has ended".to_owned()));
                }
                () = stop.cancelled() => {}
            }
            while let Some(stepped) = self.steps.try_join_next() {
                self.land(stepped);
            }
        }
        Ok(())
    }

    /// Begins anew with a session that owns nothing yet.
    fn begin(&mut self, now: Instant) {
        self.ownership = Ownership::default();
        self.turns.keep(|_| false);
        (self.next_share, self.next_look, self.next_read) = (now, now, now);
    }

    /// Forgets what the session owned, because it is gone.
    pub(super) fn lost(&mut self) {
        self.begin(Instant::now());
        self.progress.lost();
        self.tell();
    }

    /// Waits for the steps that are under way, as long as they may take when the process stops.
    pub(super) async fn drain(&mut self) {
        self.progress.lost();
        let patience = self.bounds.drain_timeout;
        let all = async {
            while let Some(stepped) = self.steps.join_next().await {
                self.land(stepped);
            }
        };
        if timeout(patience, all).await.is_err() {
            tracing::warn!(
                steps = self.flying.len(),
                "steps are under way still; others will go on with them"
            );
        }
    }

    /// Adapts to the number of billers: lets go what is over the fair share, takes what is missing.
    async fn share(&mut self, session: &Session, now: Instant) -> Result<(), DatabaseError> {
        let (leaving, wanted) = self.ownership.adapt(session.billers().await?, now);
        if !leaving.is_empty() {
            let ownership = &self.ownership;
            self.turns.keep(|bucket| ownership.owns(bucket));
        }
        let flying: BTreeSet<i16> = self.flying.values().copied().collect();
        let released = self.ownership.let_go(now, |bucket| flying.contains(&bucket));
        if !released.is_empty() {
            session.release_buckets(&released).await?;
            self.ownership.released(&released);
        }
        if wanted > 0 {
            let taken = session.take_buckets(wanted).await?;
            if !taken.is_empty() {
                self.ownership.took(&taken);
                self.next_read = now;
            }
        }
        self.runaways.tidy(now);
        self.rests.tidy(now);
        self.unknown.retain(|_, again| now < *again);
        Ok(())
    }

    /// Live mode is billed in the database that was adopted, and nowhere else.
    async fn look_whether_adopted(&mut self, session: &Session) -> Result<(), DatabaseError> {
        self.is_adopted = session.is_adopted().await?;
        let held_back = if self.is_adopted { 0 } else { session.held_back().await? };
        self.metrics.held_back.set(held_back);
        if held_back > 0 && !self.is_held_back_told {
            self.is_held_back_told = true;
            tracing::warn!(
                objects = held_back,
                "live mode is due and isn't touched, because this database isn't adopted; if it is the one \
                 that bills, run `calmony biller adopt`"
            );
        }
        Ok(())
    }

    /// Reads what is due into the lines, until they are full or all has been read.
    async fn read(&mut self, session: &Session, now: Instant) -> Result<(), DatabaseError> {
        (self.next_read, self.has_more) = (now + POLL, false);
        let mut ask = Ask {
            buckets: self.ownership.own(),
            rows: number(PAGE),
            but_accounts: Vec::new(),
            but_objects: self.objects_to_pass_over(now),
            but_kinds: self.unknown.keys().cloned().collect(),
            live: self.is_adopted,
        };
        if ask.buckets.is_empty() {
            return Ok(());
        }
        let mut full = BTreeSet::new();
        for _ in 0..READS_MAX {
            let page = session.due(&ask).await?;
            let is_last = page.len() < PAGE;
            for found in page {
                let (account, id) = (found.due.account, found.due.id.clone());
                match self.turns.add(found) {
                    Ok(()) => ask.but_objects.push(id),
                    Err(Full::Share) => {
                        full.insert(account);
                    }
                    Err(Full::All) => {
                        self.has_more = true;
                        return Ok(());
                    }
                }
            }
            if is_last {
                self.has_more = !full.is_empty();
                return Ok(());
            }
            ask.but_accounts = full.iter().copied().collect();
        }
        self.has_more = true;
        Ok(())
    }

    /// The objects that wait, whose step is under way, that rest, and that were stopped.
    fn objects_to_pass_over(&self, now: Instant) -> Vec<String> {
        let held = self.turns.ids().chain(self.flying.keys());
        held.chain(self.rests.resting(now)).chain(self.runaways.stopped()).cloned().collect()
    }

    /// Begins steps while there are places for them.
    fn launch(&mut self, now: Instant) {
        let places = self.places.clone();
        while let Some((found, place)) = self.turns.next(|account| places.try_enter(&account, 1)) {
            if !self.runaways.may_step(&found.due.id, now) {
                tracing::error!(
                    object = found.due.id,
                    "the object takes step after step without an end; this biller doesn't touch it any more"
                );
                continue;
            }
            self.flying.insert(found.due.id.clone(), found.bucket);
            let (tools, step_timeout) = (self.tools.clone(), self.bounds.step_timeout);
            self.steps.spawn(async move {
                let step = AssertUnwindSafe(step(&tools.log, &tools.processors, &found.due)).catch_unwind();
                let outcome = match timeout(step_timeout, step).await {
                    Ok(Ok(Ok(step))) => Outcome::Done(step),
                    Ok(Ok(Err(error))) => Outcome::Failed(error),
                    Ok(Err(_)) => Outcome::Panicked,
                    Err(_) => Outcome::TimedOut,
                };
                Stepped { found, outcome, _place: place }
            });
        }
        if self.has_more && self.turns.len() < FEW {
            self.next_read = self.next_read.min(now + POLL_MIN);
        }
    }

    /// Notes what became of a step.
    fn land(&mut self, stepped: Result<Stepped, JoinError>) {
        // A panic is caught within, and nobody cancels a step.
        let Ok(Stepped { found, outcome, .. }) = stepped else { return };
        let (id, now) = (found.due.id.clone(), Instant::now());
        self.flying.remove(&id);
        let name = match outcome {
            Outcome::Done(step) => {
                self.rests.worked(&id);
                self.stepped(step, found, now)
            }
            Outcome::Failed(error) => {
                let rest = self.rests.failed(&id, now);
                tracing::warn!(object = id, %error, ?rest, "a step failed");
                "failed"
            }
            Outcome::TimedOut => {
                let rest = self.rests.failed(&id, now);
                tracing::warn!(object = id, ?rest, "a step took too long");
                "timed_out"
            }
            Outcome::Panicked => {
                let rest = self.rests.failed(&id, now);
                tracing::error!(object = id, ?rest, "a step panicked");
                "failed"
            }
        };
        self.metrics.stepped(&id, name);
    }

    /// Goes on after a step that worked. Returns its name.
    fn stepped(&mut self, step: Step, found: Found, now: Instant) -> &'static str {
        match step {
            Step::Moved => {
                // It may be due still. Where its line is full, the next read finds it.
                if self.ownership.owns(found.bucket) {
                    let _ = self.turns.add(found);
                }
                "moved"
            }
            Step::Waits => "waits",
            Step::NotMine => {
                self.unknown.insert(kind_of(&found.due.id).to_owned(), now + UNKNOWN);
                "not_mine"
            }
        }
    }

    /// Shows the state.
    fn tell(&self) {
        let Self { metrics, .. } = self;
        metrics.buckets.set(number(self.ownership.own().len()));
        metrics.under_way.set(number(self.flying.len()));
        metrics.waiting.set(number(self.turns.len()));
        metrics.runaways.set(number(self.runaways.stopped().len()));
    }
}
