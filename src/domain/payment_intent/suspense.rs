//! Money that moved for an attempt that was closed as failed: it is posted to suspense, and given back by an
//! attempt of its own.
//!
//! No processor that keeps to the protocol gets here. The intent stays as it is: nobody paid for it.

use serde::{Deserialize, Serialize};

use super::{Kept, PaymentIntent};
use crate::contract::{self, EventType};
use crate::domain::attempt::{Attempt, Opening, Operation, Word};
use crate::domain::ledger::Postings;
use crate::domain::{Command, Objects, Stop};
use crate::id::Id;

/// The time after which a return that was declined is asked for again.
const AGAIN_SECONDS: u64 = 3_600;

/// An amount that is being given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returning {
    /// The key of the attempt that was closed as failed.
    pub of: String,
    /// The amount.
    pub amount: i64,
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

/// Close the attempt that gives money back. One that was declined is followed by another.
#[derive(Debug, Clone)]
pub struct Return {
    /// The intent's id.
    pub id: Id<contract::PaymentIntent>,
    /// The attempt's key.
    pub key: String,
    /// The processor's word.
    pub word: Word,
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
        let takes = match &self.failed.operation {
            Operation::Authorize { capture, .. } if kept.returning.is_none() && !is_known => *capture,
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
            postings: Some(Postings::suspended(intent.currency, self.amount)),
            ..kept
        };
        let of = (self.failed.key.clone(), self.amount);
        kept.returning(&intent, of, operation, &self.opening).keep(objects, &intent)?;
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
        let Returning { of, amount, attempt } = returning;
        kept.closed = Some(attempt.closed(&self.word, false));
        if matches!(self.word, Word::Approved { .. }) {
            kept.returned.push(of);
            kept.postings = Some(Postings::returned(intent.currency, amount));
        } else {
            let deadline = self.opening.at.saturating_add(AGAIN_SECONDS);
            let opening = Opening { deadline, ..self.opening.clone() };
            kept = kept.returning(&intent, (of, amount), attempt.operation, &opening);
        }
        kept.keep(objects, &intent)?;
        objects.put(EventType::PaymentIntentUpdated, &intent)
    }
}

impl Kept {
    /// The same with an attempt that gives an amount back.
    fn returning(
        self,
        intent: &PaymentIntent,
        (of, amount): (String, i64),
        operation: Operation,
        opening: &Opening,
    ) -> Self {
        let attempts = self.attempts.saturating_add(1);
        let attempt = Attempt::new(&intent.id, attempts, operation, opening.clone());
        let opened = Some(attempt.key.clone());
        Self { attempts, opened, returning: Some(Returning { of, amount, attempt }), ..self }
    }
}
