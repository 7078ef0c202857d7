//! Notes on an operation while nobody knows its end: it is given up, or was asked about.

use super::{Kept, PaymentIntent};
use crate::clock::Timestamp;
use crate::contract::{self, EventType};
use crate::domain::attempt::give_up;
use crate::domain::{Command, Objects, Stop};
use crate::id::Id;

type IntentId = Id<contract::PaymentIntent>;

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

impl Command for GiveUp {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let mut kept = Kept::of(objects, self.id)?;
        if !give_up(&self.key, kept.attempt.as_mut(), kept.waiting.as_mut()) {
            return Ok(self.id.to_string());
        }
        // An open attempt is due at its own deadline.
        kept.closing_due = kept.waiting.as_ref().filter(|waiting| waiting.is_given_up).map(|_| self.deadline);
        kept.keep(objects, &intent)?;
        objects.put(EventType::PaymentIntentUpdated, &intent)
    }
}

impl Command for Look {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let Some(waiting) = kept.waiting.clone() else { return Ok(self.id.to_string()) };
        let waiting = Some(waiting.looked_at(self.now.seconds()));
        Kept { waiting, ..kept }.keep(objects, &intent)?;
        objects.put(EventType::PaymentIntentUpdated, &intent)
    }
}
