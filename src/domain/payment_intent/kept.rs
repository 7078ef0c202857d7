//! The `internal` of an intent.

use serde::{Deserialize, Serialize};

use super::{CancellationReason, PaymentIntent, Returning};
use crate::contract;
use crate::domain::attempt::{Attempt, Closed, Opening, Operation, Waiting};
use crate::domain::ledger::Postings;
use crate::domain::{Objects, Stop};
use crate::id::Id;

/// The JSON that an intent keeps to itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The number of attempts so far.
    #[serde(default)]
    pub attempts: u32,
    /// The open attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// The aim of the open attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) aim: Option<Aim>,
    /// The operation that waits for a challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// The processor's name of the authorisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    /// The instant at which the hold lapses, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held_until: Option<u64>,
    /// The instant at which a challenge that was given up is looked at, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) closing_due: Option<u64>,
    /// The time at which time changes the intent, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) due: Option<u64>,
    /// The key of the attempt that its event opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<String>,
    /// The end of the attempt that its event closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// Money that moved for an attempt that was closed as failed, and is being given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returning: Option<Returning>,
    /// The keys of attempts whose money was given back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) returned: Vec<String>,
    /// The movement for such an attempt that its event tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) suspense: Option<Closed>,
    /// The postings of its event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) postings: Option<Postings>,
}

/// The aim of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub(super) enum Aim {
    /// To take or hold the amount.
    Pay,
    /// To take the held amount.
    Capture,
    /// To release the held amount.
    Cancel {
        /// The reason.
        reason: Option<CancellationReason>,
    },
    /// To release a hold that has lasted for too long.
    Lapse,
}

impl Kept {
    /// The `internal` of the intent of that id.
    pub fn of(objects: &mut Objects, id: Id<contract::PaymentIntent>) -> Result<Self, Stop> {
        let kept = objects.internal(id)?.map(serde_json::from_value::<Self>).transpose()?;
        let kept = kept.unwrap_or_default();
        Ok(Self { opened: None, closed: None, suspense: None, postings: None, ..kept })
    }

    /// The same with an attempt that is open.
    pub(super) fn opened(
        self,
        intent: &PaymentIntent,
        (aim, operation): (Aim, Operation),
        opening: &Opening,
    ) -> Self {
        let (kept, attempt) = self.next(intent, operation, opening);
        Self { attempt: Some(attempt), aim: Some(aim), ..kept }
    }

    /// The same with one attempt more, which its event opens.
    pub(super) fn next(
        self,
        intent: &PaymentIntent,
        operation: Operation,
        opening: &Opening,
    ) -> (Self, Attempt) {
        let attempts = self.attempts.saturating_add(1);
        let attempt = Attempt::new(&intent.id, attempts, operation, opening.clone());
        (Self { attempts, opened: Some(attempt.key.clone()), ..self }, attempt)
    }

    /// The same with the attempt closed.
    pub(super) fn closed(self, closed: Closed) -> Self {
        Self { attempt: None, aim: None, closed: Some(closed), ..self }
    }

    /// The same with an amount that is held until then.
    pub(super) fn holding(self, reference: Option<String>, held_until: Option<u64>) -> Self {
        Self { reference, held_until, waiting: None, closing_due: None, ..self }
    }

    /// Keeps it, with the next fact of that intent.
    pub(super) fn keep(self, objects: &mut Objects, intent: &PaymentIntent) -> Result<(), Stop> {
        let attempt = self.attempt.as_ref().map(|attempt| attempt.opening.deadline);
        let look = self.waiting.as_ref().and_then(Waiting::due);
        let next = attempt.or(self.closing_due).or(look).or(self.held_until);
        let returning = self.returning.as_ref().map(|returning| returning.attempt.opening.deadline);
        let due = [next, returning].into_iter().flatten().min();
        let kept = Self { due, ..self };
        objects.keep(intent.id, Some(&serde_json::to_value(&kept)?));
        Ok(())
    }
}
