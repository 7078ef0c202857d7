//! The processor's word about a setup intent.

use serde::{Deserialize, Serialize};

use super::{SetupIntent, Status};
use crate::clock::Timestamp;
use crate::contract::{self, EventType};
use crate::domain::attempt::{Attempt, Closed, Heard, Operation, Waiting, Word, give_up};
use crate::domain::customer::Customer;
use crate::domain::payment_method::{self, PaymentError, PaymentMethod};
use crate::domain::types::decline::Decline;
use crate::domain::types::next_action::NextAction;
use crate::domain::{Command, Objects, Stop};
use crate::id::Id;

type IntentId = Id<contract::SetupIntent>;

/// The JSON that a setup intent keeps to itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The number of attempts so far.
    #[serde(default)]
    pub attempts: u32,
    /// The open attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// The operation that waits for a challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
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
}

/// Close an attempt by the processor's word. Nothing comes of it where somebody was faster.
#[derive(Debug, Clone)]
pub struct Close {
    /// The intent's id.
    pub id: IntentId,
    /// The attempt's key.
    pub key: String,
    /// The processor's word.
    pub heard: Heard,
}

/// Settle a challenge by the processor's word. Nothing comes of it where it doesn't wait any more.
#[derive(Debug, Clone)]
pub struct SettleChallenge {
    /// The intent's id.
    pub id: IntentId,
    /// The key of the operation that waits.
    pub key: String,
    /// The processor's word. `Never` and `Undone` say that the challenge can't be passed any more.
    pub heard: Heard,
}

/// Give an operation up: its key is about to be voided, and the word of the void alone counts from now on.
#[derive(Debug, Clone)]
pub struct GiveUp {
    /// The intent's id.
    pub id: IntentId,
    /// The key of the attempt, or of the operation that waits for a challenge.
    pub key: String,
    /// The instant after which another process asks for its outcome, in seconds.
    pub deadline: u64,
}

/// Note that the processor was asked about a challenge, which still waits.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The intent's id.
    pub id: IntentId,
    /// The present instant.
    pub now: Timestamp,
}

impl Kept {
    /// The `internal` of the intent of that id.
    pub fn of(objects: &mut Objects, id: IntentId) -> Result<Self, Stop> {
        let kept = objects.internal(id)?.map(serde_json::from_value::<Self>).transpose()?;
        Ok(Self { opened: None, closed: None, ..kept.unwrap_or_default() })
    }

    /// Keeps it, with the next fact of that intent.
    pub(super) fn keep(self, objects: &mut Objects, intent: &SetupIntent) -> Result<(), Stop> {
        let attempt = self.attempt.as_ref().map(|attempt| attempt.opening.deadline);
        let due = attempt.or(self.closing_due).or(self.waiting.as_ref().and_then(Waiting::due));
        objects.keep(intent.id, Some(&serde_json::to_value(Self { due, ..self })?));
        Ok(())
    }

    /// The same with nothing that is open or waits.
    fn over(self, closed: Closed) -> Self {
        Self { attempt: None, waiting: None, closing_due: None, closed: Some(closed), ..self }
    }
}

impl Command for Close {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: SetupIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let closes = |attempt: &Attempt| attempt.key == self.key && attempt.is_closed_by(&self.heard);
        let Some(attempt) = kept.attempt.clone().filter(closes) else { return Ok(self.id.to_string()) };
        let word = &self.heard.word;
        match word {
            Word::Approved { .. } => succeed(objects, intent, kept.over(attempt.closed(word, false))),
            Word::Declined(decline) => {
                decline_it(objects, intent, kept.over(attempt.closed(word, true)), decline)
            }
            Word::Never | Word::Undone { .. } => {
                let decline = Decline::processing_error();
                decline_it(objects, intent, kept.over(attempt.closed(word, true)), &decline)
            }
            Word::ActionRequired { url, .. } => act(objects, (intent, kept), &attempt, (url, word)),
        }
    }
}

impl Command for SettleChallenge {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: SetupIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let settles = |waiting: &Waiting| waiting.key == self.key && waiting.is_settled_by(&self.heard);
        let Some(waiting) = kept.waiting.clone().filter(settles) else { return Ok(self.id.to_string()) };
        let kept = kept.over(waiting.settled(Vec::new()));
        match &self.heard.word {
            Word::Approved { .. } => succeed(objects, intent, kept),
            Word::Declined(decline) => decline_it(objects, intent, kept, decline),
            Word::Never | Word::Undone { .. } => {
                let method = intent.payment_method;
                let intent = SetupIntent { status: Status::RequiresConfirmation, ..intent };
                let intent = intent.with_method(method);
                kept.keep(objects, &intent)?;
                objects.put(EventType::SetupIntentUpdated, &intent)
            }
            Word::ActionRequired { .. } => Ok(self.id.to_string()),
        }
    }
}

impl Command for GiveUp {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: SetupIntent = objects.get(self.id)?;
        let mut kept = Kept::of(objects, self.id)?;
        if !give_up(&self.key, kept.attempt.as_mut(), kept.waiting.as_mut()) {
            return Ok(self.id.to_string());
        }
        // An open attempt is due at its own deadline.
        kept.closing_due = kept.waiting.as_ref().filter(|waiting| waiting.is_given_up).map(|_| self.deadline);
        kept.keep(objects, &intent)?;
        objects.put(EventType::SetupIntentUpdated, &intent)
    }
}

impl Command for Look {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: SetupIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let Some(waiting) = kept.waiting.clone() else { return Ok(self.id.to_string()) };
        let waiting = Some(waiting.looked_at(self.now.seconds()));
        Kept { waiting, ..kept }.keep(objects, &intent)?;
        objects.put(EventType::SetupIntentUpdated, &intent)
    }
}

/// The buyer has to pass a challenge.
fn act(
    objects: &mut Objects,
    (intent, kept): (SetupIntent, Kept),
    attempt: &Attempt,
    (url, word): (&str, &Word),
) -> Result<String, Stop> {
    let return_url = match &attempt.operation {
        Operation::SetUp { return_url, .. } => return_url.clone(),
        _ => None,
    };
    let waiting = Waiting::of(attempt);
    let intent = intent.acting(NextAction::redirect(url.to_owned(), return_url));
    let kept = Kept { waiting: Some(waiting), ..kept.over(attempt.closed(word, false)) };
    kept.keep(objects, &intent)?;
    objects.put(EventType::SetupIntentRequiresAction, &intent)
}

/// The method can be charged. It is attached to the customer.
fn succeed(objects: &mut Objects, intent: SetupIntent, kept: Kept) -> Result<String, Stop> {
    if let (Some(customer), Some(id)) = (intent.customer, intent.payment_method) {
        let method = objects.get::<PaymentMethod>(id)?;
        // One that was deleted meanwhile gets nothing any more.
        let is_there = objects.find::<Customer>(customer)?.is_some();
        if is_there && method.customer().is_none() && !payment_method::Kept::of(objects, id)?.is_used_up() {
            objects.put(EventType::PaymentMethodAttached, &method.attached(customer, true))?;
        }
    }
    let intent = intent.succeeded();
    kept.keep(objects, &intent)?;
    objects.put(EventType::SetupIntentSucceeded, &intent)
}

/// The card was declined, or the processor never did it.
fn decline_it(
    objects: &mut Objects,
    intent: SetupIntent,
    kept: Kept,
    decline: &Decline,
) -> Result<String, Stop> {
    let method = match intent.payment_method {
        Some(id) => objects.find::<PaymentMethod>(id)?,
        None => None,
    };
    let intent = intent.declined(PaymentError::new(decline, method, None));
    kept.keep(objects, &intent)?;
    objects.put(EventType::SetupIntentSetupFailed, &intent)
}
