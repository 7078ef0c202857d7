//! The engine's operations on its session: reading, writing, sharing the buckets out. At most one of
//! each is under way at a time. Each has a result that changes the memory.

use std::sync::Arc;
use std::time::Duration;

use calmony_pay::database::DatabaseError;
use calmony_pay::domain::webhook_endpoint::DisabledReason;
use calmony_pay::outbox::{Session, Settlement};
use calmony_pay::retry::Reconnect;
use tokio::time::Instant;

use super::operation::{Done, Failing, Operation};
use super::state::Engine;

/// The time after a write in which deliveries that were taken at the first attempt gather for the next one,
/// unless there are many. Nobody waits for those outcomes. A worker that is killed in between sends them once
/// more.
const WRITE_PACE: Duration = Duration::from_millis(50);
/// The number of rows to be written from which on they are many. A delivery to one endpoint has two.
const MANY: usize = 128;
/// The time for which outcomes that can't be written are kept and tried again. Then the session is given up.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
impl Engine {
    /// Starts every operation that the session should do and doesn't.
    pub(super) fn operate(&mut self, now: Instant) {
        self.write(now);
        let own = self.ownership.own();
        if own.is_empty() || self.failing.is_some() {
            return;
        }
        self.call(&own);
        self.read_all(&own);
    }

    /// Makes the next events due in groups of which an event is over.
    fn call(&mut self, own: &[i16]) {
        if self.calls.is_empty() || !self.busy.insert(Operation::Call) {
            return;
        }
        let (lines, own) = (std::mem::take(&mut self.calls), own.to_vec());
        self.perform_aside(Operation::Call, move |session| async move {
            session.call(lines.iter(), &own).await.map(|count| Done::MadeDue(Operation::Call, count))
        });
    }

    /// Writes down how endpoints are doing.
    pub(super) fn record_health(&mut self, now: Instant) {
        self.flight.endpoints.forget_unused(now);
        if self.failing.is_some() || !self.busy.insert(Operation::Health) {
            return;
        }
        let (failing, succeeded) = self.flight.endpoints.take_outcomes();
        if failing.is_empty() && succeeded.is_empty() {
            self.busy.remove(&Operation::Health);
            return;
        }
        let too_long = self.disable_after;
        self.perform_aside(Operation::Health, move |session| async move {
            session.record_health(&failing, &succeeded, too_long).await.map(Done::Judged)
        });
    }

    /// Asks whether endpoints with queued jobs were changed: the jobs were read for the endpoints as
    /// they were.
    pub(super) fn ask_versions(&mut self) {
        let queued = self.flight.queued_endpoints();
        if queued.is_empty() || self.failing.is_some() || !self.busy.insert(Operation::Versions) {
            return;
        }
        self.perform_aside(Operation::Versions, move |session| async move {
            session.endpoint_versions(&queued).await.map(Done::Versions)
        });
    }

    fn note_versions(&mut self, versions: &[(String, i64)]) {
        self.busy.remove(&Operation::Versions);
        for (endpoint, version) in versions {
            if self.flight.endpoints.has_version(endpoint, *version, Instant::now()) {
                self.flight.hand_over_endpoint(endpoint);
                self.want_due = true;
            }
        }
    }

    pub(super) fn keep_partitions(&mut self) {
        let days = self.retention_days;
        self.perform(Operation::Partitions, move |session| async move {
            session.keep_partitions(days).await;
            Ok(Done::Partitioned)
        });
    }

    /// True if there are outcomes to write and no write is under way.
    pub(super) fn has_outcomes(&self) -> bool {
        !self.flight.settlement.is_empty() && !self.busy.contains(&Operation::Write)
    }

    /// Writes the gathered outcomes, if it is time, and lets the buckets go that have nothing left after it.
    pub(super) fn write(&mut self, now: Instant) {
        if self.busy.contains(&Operation::Write)
            || self.failing.as_ref().is_some_and(|failing| now < failing.retry_at)
        {
            return;
        }
        let release = self.ownership.let_go(now, |bucket| self.flight.flies(bucket));
        let is_time = is_time(&self.flight.settlement, self.next_write, now);
        if !is_time && release.is_empty() {
            return;
        }
        self.busy.insert(Operation::Write);
        self.next_write = now + WRITE_PACE;
        let (settlement, has_others) = (std::mem::take(&mut self.flight.settlement), self.flight.workers > 1);
        self.perform(Operation::Write, move |session| async move {
            if !settlement.is_empty()
                && let Err(error) = session.settle(&settlement).await
            {
                return Ok(Done::Unsettled(settlement, error));
            }
            if has_others {
                session.call_owners(settlement.passed()).await;
            }
            if !release.is_empty() {
                session.release_buckets(&release).await?;
            }
            Ok(Done::Settled(settlement, release))
        });
    }

    pub(super) fn share(&mut self) {
        if self.busy.insert(Operation::Share) {
            self.perform(
                Operation::Share,
                |session| async move { session.workers().await.map(Done::Shared) },
            );
        }
        let own = self.ownership.own();
        if !own.is_empty() && self.busy.insert(Operation::Unpark) {
            self.perform_aside(Operation::Unpark, move |session| async move {
                session.unpark(&own).await.map(|count| Done::MadeDue(Operation::Unpark, count))
            });
        }
    }

    /// Shows PostgreSQL that this worker lives, and does nothing else.
    pub(super) fn show_life(&mut self) {
        if self.busy.insert(Operation::Share) {
            self.perform(Operation::Share, |session| async move {
                session.workers().await.map(|_| Done::Took(Vec::new()))
            });
        }
    }

    /// Looks for deliveries that are due later than any can be.
    pub(super) fn pull_in(&mut self) {
        let (own, longest_delay) = (self.ownership.own(), self.longest_delay);
        if own.is_empty() || self.failing.is_some() || !self.busy.insert(Operation::PullIn) {
            return;
        }
        self.perform_aside(Operation::PullIn, move |session| async move {
            let count = session.pull_in(&own, longest_delay).await?;
            if count > 0 {
                tracing::warn!(
                    count,
                    "what was due later than any delay reaches is due now: the database's clock was set \
                     back, or the schedule shortened"
                );
            }
            Ok(Done::MadeDue(Operation::PullIn, count))
        });
    }

    pub(super) fn perform<F>(&mut self, operation: Operation, perform: impl FnOnce(Arc<Session>) -> F)
    where
        F: Future<Output = Result<Done, DatabaseError>> + Send + 'static,
    {
        let (performed, metrics) = (perform(self.session.clone()), self.tools.metrics.clone());
        self.operations.push(Box::pin(async move {
            let began = Instant::now();
            let done = performed.await;
            metrics.operated(operation.name(), began.elapsed());
            done
        }));
    }

    /// Performs an operation that may fail without ending the session, unless that has ended anyway.
    pub(super) fn perform_aside<F>(
        &mut self,
        operation: Operation,
        perform: impl FnOnce(Arc<Session>) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<Done, DatabaseError>> + Send + 'static,
    {
        self.perform(operation, move |session| async move {
            match perform(session.clone()).await {
                Err(error) if !session.has_ended() => Ok(Done::Aside(operation, error)),
                result => result,
            }
        });
    }

    pub(super) fn finish(&mut self, done: Done, reconnect: &mut Reconnect) -> Result<(), DatabaseError> {
        match done {
            Done::Read(read) => self.finish_read(read),
            Done::Unread { operation, number, error } => self.unread(operation, number, &error),
            Done::Settled(settlement, released) => {
                self.busy.remove(&Operation::Write);
                self.failing = None;
                reconnect.reset();
                self.tools.metrics.settled(&settlement);
                self.flight.settled(&settlement);
                self.want_due |= settlement.has_moved_line();
                self.calls.extend(settlement.passed().cloned());
                self.ownership.released(&released);
                self.sharing += u64::from(!released.is_empty());
            }
            Done::Unsettled(settlement, error) => return self.keep(settlement, error, reconnect),
            Done::Shared(workers) => self.adapt(workers),
            Done::Took(buckets) => {
                self.busy.remove(&Operation::Share);
                if !buckets.is_empty() {
                    tracing::info!(count = buckets.len(), "took buckets");
                    self.ownership.took(&buckets);
                    self.sharing += 1;
                    // The first read of all begins at the head anyway.
                    if self.cursor > 0 || self.busy.contains(&Operation::ReadFresh) {
                        self.scan.took(&buckets);
                    }
                    self.want_fresh = true;
                    self.want_due = true;
                    self.pull_in();
                }
            }
            Done::MadeDue(operation, count) => {
                self.busy.remove(&operation);
                self.want_due |= count > 0;
                if operation == Operation::PullIn && count > 0 {
                    // There may be more than one portion of it.
                    self.pull_in();
                }
            }
            Done::Judged(too_long) => {
                self.busy.remove(&Operation::Health);
                for key in too_long {
                    self.disable(key.account, &key.endpoint, DisabledReason::Failing);
                }
            }
            Done::Replayed { owes, step, over } => self.replayed(owes, step, over),
            Done::Versions(versions) => self.note_versions(&versions),
            Done::Aside(operation, error) => {
                self.busy.remove(&operation);
                tracing::warn!(?operation, %error, "this has to wait");
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

    /// Adapts to the number of workers: lets buckets over the fair share go, takes missing ones.
    fn adapt(&mut self, workers: usize) {
        self.flight.workers = workers;
        let (leaving, wanted) = self.ownership.adapt(workers, Instant::now());
        for bucket in leaving {
            self.flight.hand_over_bucket(bucket);
        }
        if wanted == 0 {
            self.busy.remove(&Operation::Share);
        } else {
            self.perform(Operation::Share, move |session| async move {
                session.take_buckets(wanted).await.map(Done::Took)
            });
        }
    }
}

/// True if the outcomes that have gathered are to be written now.
fn is_time(gathered: &Settlement, next_write: Instant, now: Instant) -> bool {
    gathered.is_urgent() || gathered.len() >= MANY || !gathered.is_empty() && now >= next_write
}

#[cfg(test)]
mod tests {
    use calmony_pay::outbox::{DeliveryKey, EventKey};

    use super::*;

    #[tokio::test]
    async fn what_was_taken_gathers_and_what_others_wait_for_does_not() {
        let (now, later) = (Instant::now(), Instant::now() + WRITE_PACE);
        let event = |position| EventKey { account: 1, position };
        let mut gathered = Settlement::default();
        assert!(!is_time(&gathered, now, now), "there is nothing to write");
        gathered.fanned_out(event(1));
        assert!(is_time(&gathered, now, now), "nothing was written just before");
        assert!(!is_time(&gathered, later, now) && is_time(&gathered, later, later));
        gathered.delivered(DeliveryKey { event: event(1), endpoint: "we_1".to_owned() });
        assert!(is_time(&gathered, later, now), "who stands behind it waits");
        let mut many = Settlement::default();
        (1..i64::try_from(MANY).expect("few")).for_each(|position| many.fanned_out(event(position)));
        assert!(!is_time(&many, later, now));
        many.fanned_out(event(0));
        assert!(is_time(&many, later, now));
    }
}
