//! The loop over one session: share the buckets out, read due objects, begin steps, note their outcomes.
//!
//! One task owns all that is in memory. Steps run beside it, each in a task of its own; no connection,
//! lock or place in the database is held while one runs. The memory may be lost at any moment: an object
//! that is due says so itself.

mod reads;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::metrics::{Metrics, number};
use super::rests::{AFTER_FAILURE, Rests, WHILE_WAITING};
use super::runaways::Runaways;
use super::turns::Turns;
use crate::buckets::Ownership;
use crate::database::DatabaseError;
use crate::due::{Due, Found, Session, kind_of};
use crate::flow::FlowError;
use crate::flow::due::Step;
use crate::progress::Progress;
use crate::retry::Reconnect;
use crate::shares::{Place, Shares};

/// The shortest time between two reads.
const POLL_MIN: Duration = Duration::from_millis(50);
/// The number of waiting objects below which more are read, if there are more.
const FEW: usize = 64;
/// The time between two counts of the billers. A count also shows PostgreSQL that this one lives.
const SHARE: Duration = Duration::from_millis(500);
/// The time between two looks whether this database is adopted.
const ADOPTION: Duration = Duration::from_secs(5);
/// The time for which a kind of object is passed over that this version doesn't know.
const UNKNOWN: Duration = Duration::from_mins(1);

/// The steps of objects that are due.
pub(super) trait Steps: Send + Sync + 'static {
    /// Does the next step of an object.
    fn step(&self, due: &Due) -> impl Future<Output = Result<Step, FlowError>> + Send;
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

/// The outcome of a step.
#[derive(Debug)]
enum Outcome {
    Done(Step),
    Failed(FlowError),
    /// It took longer than it may. Its events are in the log, and the rest is done by another one.
    TimedOut,
    /// A defect of this program.
    Panicked,
}

/// A biller's memory and its steps under way, across its sessions.
#[derive(Debug)]
pub(super) struct Engine<S> {
    tools: Arc<S>,
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
    next_full_read: Instant,
}

impl<S: Steps> Engine<S> {
    pub(super) fn new(bounds: Bounds, tools: S, metrics: Metrics, progress: Progress) -> Self {
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
            next_full_read: now,
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
        (self.next_share, self.next_look, self.next_read, self.next_full_read) = (now, now, now, now);
    }

    /// Forgets everything that the session owned, because it is gone.
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

    /// Begins steps while there are places for them.
    fn launch(&mut self, now: Instant) {
        let places = self.places.clone();
        while let Some((found, place)) = self.turns.next(|account| places.try_enter(&account, 1)) {
            if found.due.livemode && !self.is_adopted {
                continue;
            }
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
                let step = AssertUnwindSafe(tools.step(&found.due)).catch_unwind();
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

    /// Notes the outcome of a step.
    fn land(&mut self, stepped: Result<Stepped, JoinError>) {
        // A panic is caught within, and nobody cancels a step.
        let Ok(Stepped { found, outcome, .. }) = stepped else { return };
        let (id, now) = (found.due.id.clone(), Instant::now());
        self.flying.remove(&id);
        let name = match outcome {
            Outcome::Done(step) => self.stepped(step, &found, now),
            Outcome::Failed(error) => {
                let rest = self.rests.rest(&id, AFTER_FAILURE, now);
                tracing::warn!(object = id, %error, ?rest, "a step failed");
                "failed"
            }
            Outcome::TimedOut => {
                let rest = self.rests.rest(&id, AFTER_FAILURE, now);
                tracing::warn!(object = id, ?rest, "a step took too long");
                "timed_out"
            }
            Outcome::Panicked => {
                let rest = self.rests.rest(&id, AFTER_FAILURE, now);
                tracing::error!(object = id, ?rest, "a step panicked");
                "failed"
            }
        };
        self.metrics.stepped(&id, name);
    }

    /// Goes on after a step that worked. Returns its name.
    fn stepped(&mut self, step: Step, found: &Found, now: Instant) -> &'static str {
        let id = &found.due.id;
        match step {
            Step::Moved => {
                // Whether it is due still, the database says: it may have been closed by somebody else.
                self.rests.moved(id);
                self.next_read = self.next_read.min(now + POLL_MIN);
                "moved"
            }
            Step::Waits => {
                // If it isn't due any more, nobody asks for it, and the rest is forgotten.
                self.rests.rest(id, WHILE_WAITING, now);
                "waits"
            }
            Step::NotMine => {
                self.unknown.insert(kind_of(id).to_owned(), now + UNKNOWN);
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

#[cfg(test)]
mod tests;
