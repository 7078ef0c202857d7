//! Replays: a step at a time, between everything else.

use calmony_pay::contract::Replay;
use calmony_pay::domain::replay::{End, Status};
use calmony_pay::id::Id;
use calmony_pay::log::Cause;
use calmony_pay::outbox::{ReplayOver, ReplayStep};

use super::Engine;
use super::operations::{Done, Operation};

impl Engine {
    /// Does a step of a replay, if there is one.
    pub(super) fn replay(&mut self) {
        let own = self.ownership.own();
        if own.is_empty() || self.failing.is_some() || !self.busy.insert(Operation::Replay) {
            return;
        }
        let workers = self.flight.workers;
        self.perform(move |session| async move { session.replay(&own, workers).await.map(Done::Replayed) });
    }

    pub(super) fn replayed(&mut self, step: ReplayStep) {
        self.want_due |= step != ReplayStep::Idle;
        self.busy.remove(&Operation::Replay);
        if step == ReplayStep::GoesOn {
            self.replay();
        } else if self.busy.insert(Operation::Replay) {
            self.perform(|session| async move { session.replays_over().await.map(Done::ReplaysOver) });
        }
    }

    /// Says of replays that they are over, by an appended event. Several workers may say so; the first one is heard.
    pub(super) fn replays_over(&mut self, over: Vec<ReplayOver>) {
        self.busy.remove(&Operation::Replay);
        for ReplayOver { account, id, completed } in over {
            let Ok(id) = id.parse::<Id<Replay>>() else { continue };
            let status = if completed { Status::Completed } else { Status::Canceled };
            let log = self.tools.log.clone();
            tokio::spawn(async move {
                let cause = Cause { account, request_id: None, idempotency_key: None };
                if let Err(error) = log.append(&cause, &End { id, status }).await {
                    // It is found again.
                    tracing::warn!(replay = %id, %error, "a replay that is over can't be ended now");
                }
            });
        }
    }
}
