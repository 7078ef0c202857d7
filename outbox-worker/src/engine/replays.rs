//! Replays: a step at a time, between everything else.

use calmony_pay::contract::Replay;
use calmony_pay::domain::replay::{End, Status};
use calmony_pay::id::Id;
use calmony_pay::log::Cause;
use calmony_pay::outbox::{ReplayOver, ReplayStep};

use super::operation::{Done, Operation};
use super::state::Engine;

impl Engine {
    /// Owes events that were picked to be sent again, and does a step of a replay, if there is one.
    pub(super) fn replay(&mut self) {
        let own = self.ownership.own();
        if own.is_empty() || self.failing.is_some() || !self.busy.insert(Operation::Replay) {
            return;
        }
        let workers = self.flight.workers;
        self.perform_aside(Operation::Replay, move |session| async move {
            if !session.any_replay().await? {
                return Ok(Done::Replayed { owes: false, step: ReplayStep::Idle, over: Vec::new() });
            }
            let resent = session.resend(&own).await?;
            let step = session.replay(&own, workers).await?;
            let over = session.replays_over().await?;
            Ok(Done::Replayed { owes: resent > 0 || step != ReplayStep::Idle, step, over })
        });
    }

    /// Replays that keep to a rate go on until each has had its step; the others have one step at a
    /// time, so that they don't keep the session from everything else.
    pub(super) fn replayed(&mut self, owes: bool, step: ReplayStep, over: Vec<ReplayOver>) {
        self.want_due |= owes;
        self.busy.remove(&Operation::Replay);
        self.replays_over(over);
        if step == ReplayStep::Paced {
            self.replay();
        }
    }

    /// Says of replays that they are over, by an appended event. Several workers may say so; the first
    /// one is heard.
    fn replays_over(&self, over: Vec<ReplayOver>) {
        for ReplayOver { account, id, completed } in over {
            let Ok(id) = id.parse::<Id<Replay>>() else { continue };
            let status = if completed { Status::Completed } else { Status::Canceled };
            let log = self.tools.log.clone();
            tokio::spawn(async move {
                let cause = Cause::service(account);
                if let Err(error) = log.append(&cause, &End { id, status }).await {
                    // It is found again.
                    tracing::warn!(replay = %id, %error, "a replay that is over can't be ended now");
                }
            });
        }
    }
}
