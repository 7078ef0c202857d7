//! Due work on payments: open attempts are asked about, and amounts that have been held for too long are
//! released.

use super::attempts::{Money, Open};
use super::{FlowError, Processors};
use crate::clock;
use crate::contract;
use crate::domain::attempt::Waiting;
use crate::domain::payment_intent;
use crate::due::{Due, KINDS, kind_of};
use crate::id::Id;
use crate::log::{AppendError, Cause, Log};

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The object has changed.
    Moved,
    /// Nothing could be done yet; it is looked at again later.
    Waits,
    /// It is of no kind that this version knows.
    NotMine,
}

/// Does the next step of an object that is due.
pub async fn step(log: &Log, processors: &Processors, due: &Due) -> Result<Step, FlowError> {
    if !KINDS.contains(&kind_of(&due.id)) {
        return Ok(Step::NotMine);
    }
    let money = Money::of(log, processors, due.account, due.livemode)?;
    let stored = log.object(due.account, &due.id).await.map_err(AppendError::from)?;
    let Some(stored) = stored else { return Ok(Step::Moved) };
    let open = Open::of(&stored)?;
    let now = clock::now().seconds();
    if let (Ok(id), Some(returning)) = (due.id.parse(), open.returning)
        && returning.attempt.opening.deadline <= now
    {
        money.give_back_or_wait(id, &returning.attempt).await?;
        return Ok(Step::Moved);
    }
    if let Some(attempt) = open.attempt {
        if attempt.opening.deadline > now {
            // A new attempt, or this machine's clock is behind PostgreSQL's.
            return Ok(Step::Waits);
        }
        return Ok(if money.resolve(&attempt).await? { Step::Moved } else { Step::Waits });
    }
    if let Some(waiting) = open.waiting {
        return challenge(&money, due, (&waiting, open.reference), now).await;
    }
    match (due.id.parse::<Id<contract::PaymentIntent>>(), open.held_until) {
        (Ok(id), Some(until)) if until <= now => {
            let cause = Cause::service(due.account);
            money.run(&cause, move |opening| payment_intent::Lapse { id, opening }).await?;
            Ok(Step::Moved)
        }
        _ => Ok(Step::Waits),
    }
}

/// Asks about a challenge: one that is given up is closed; another is settled if it was passed or failed.
async fn challenge(
    money: &Money,
    due: &Due,
    (waiting, reference): (&Waiting, Option<String>),
    now: u64,
) -> Result<Step, FlowError> {
    if waiting.is_given_up {
        let is_over = money.end_challenge(waiting, reference).await?;
        return Ok(if is_over { Step::Moved } else { Step::Waits });
    }
    if waiting.due().is_none_or(|due| due > now) {
        return Ok(Step::Waits);
    }
    if !money.settle_if_known(waiting, reference).await? {
        money.look(&due.id).await?;
    }
    Ok(Step::Moved)
}
