//! Money that moved for an attempt that was closed as failed: it is posted to suspense, and given back by an
//! attempt of its own.
//!
//! No processor that keeps to the protocol gets here. The intent stays as it is: nobody paid for it.

use serde::{Deserialize, Serialize};

use super::attempts::NOTHING_HELD;
use super::{Kept, PaymentIntent};
use crate::contract::{self, EventType};
use crate::domain::attempt::{Attempt, Opening, Operation, Word};
use crate::domain::ledger::Postings;
use crate::domain::types::money::Currency;
use crate::domain::{Command, Objects, Stop};
use crate::id::Id;

/// The least time after which a return that was declined, or of which nobody knows, is asked for again. Later
/// it is as long as the return has been waited for.
const AGAIN_SECONDS: u64 = 60;

/// An amount that is being given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returning {
    /// The key of the attempt that was closed as failed.
    pub of: String,
    /// The amount.
    pub amount: i64,
    /// Its currency, which needn't be the intent's any more.
    pub currency: Currency,
    /// The instant since when it is given back, in seconds.
    pub since: u64,
    /// The attempt that gives it back.
    pub attempt: Attempt,
}

/// Note that money moved for an attempt that is over without it, and open the attempt that gives it back.
/// Nothing comes of it where that was noted, or while another amount is being given back.
#[derive(Debug, Clone)]
pub struct Suspend {
    /// The intent's id.
    pub id: Id<contract::PaymentIntent>,
    /// The attempt that was closed as failed.
    pub failed: Attempt,
    /// The amount that moved.
    pub amount: i64,
    /// The processor's name of the authorisation.
    pub reference: String,
    /// The parts of the new attempt that come from outside.
    pub opening: Opening,
}

/// Close the attempt that gives money back. One that was declined is followed by another, unless there is
/// nothing to give back any more.
#[derive(Debug, Clone)]
pub struct Return {
    /// The intent's id.
    pub id: Id<contract::PaymentIntent>,
    /// The attempt's key.
    pub key: String,
    /// The processor's word; `None` where nobody knows yet, and it is asked for again later.
    pub word: Option<Word>,
    /// The parts of the next attempt that come from outside.
    pub opening: Opening,
}

impl Command for Suspend {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let is_known = kept.returned.contains(&self.failed.key);
        let (takes, currency) = match &self.failed.operation {
            Operation::Authorize { capture, currency, .. } if kept.returning.is_none() && !is_known => {
                (*capture, *currency)
            }
            _ => return Ok(self.id.to_string()),
        };
        let reference = self.reference.clone();
        let operation = if takes {
            Operation::Refund { reference, amount: self.amount }
        } else {
            Operation::Void { reference }
        };
        let word = Word::Approved { amount: self.amount, reference: Some(self.reference.clone()) };
        let kept = Kept {
            suspense: Some(self.failed.closed(&word, false)),
            postings: Some(Postings::suspended(currency, self.amount)),
            ..kept
        };
        let (kept, attempt) = kept.next(&intent, operation, &self.opening);
        let (of, amount, since) = (self.failed.key.clone(), self.amount, self.opening.at);
        let returning = Some(Returning { of, amount, currency, since, attempt });
        Kept { returning, ..kept }.keep(objects, &intent)?;
        objects.put(EventType::PaymentIntentUpdated, &intent)
    }
}

impl Command for Return {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let mut kept = Kept::of(objects, self.id)?;
        let Some(returning) = kept.returning.take_if(|returning| returning.attempt.key == self.key) else {
            return Ok(self.id.to_string());
        };
        let now = self.opening.at;
        let later = AGAIN_SECONDS.max(now.saturating_sub(returning.since));
        let opening = Opening { deadline: now.saturating_add(later), ..self.opening.clone() };
        match &self.word {
            None => {
                let attempt = Attempt { opening, ..returning.attempt };
                kept.returning = Some(Returning { attempt, ..returning });
            }
            Some(word) => {
                kept.closed = Some(returning.attempt.closed(word, false));
                if is_over(word) {
                    kept.postings = Some(Postings::returned(returning.currency, returning.amount));
                    kept.returned.push(returning.of);
                } else {
                    let (next, attempt) = kept.next(&intent, returning.attempt.operation.clone(), &opening);
                    kept = Kept { returning: Some(Returning { attempt, ..returning }), ..next };
                }
            }
        }
        kept.keep(objects, &intent)?;
        objects.put(EventType::PaymentIntentUpdated, &intent)
    }
}

/// True if there is nothing to give back any more: it was done, or somebody else has done it.
fn is_over(word: &Word) -> bool {
    match word {
        Word::Approved { .. } => true,
        Word::Declined(decline) => NOTHING_HELD.contains(&decline.code.as_str()),
        Word::ActionRequired { .. } | Word::Never | Word::Undone { .. } => false,
    }
}
