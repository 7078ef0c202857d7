//! The appends for attempts and challenges of any object once the processor has said something.

use super::FlowError;
use super::attempts::{Money, Open};
use super::words::Target;
use crate::clock;
use crate::domain::attempt::{Attempt, Heard, Word};
use crate::domain::{Seen, Snapshot, payment_intent, refund, setup_intent};
use crate::id::Id;
use crate::log::Cause;

impl Money {
    /// Puts it on record that a key is about to be voided. False if somebody was faster: then it must not be.
    pub(super) async fn note_giving_up(&self, key: &str) -> Result<bool, FlowError> {
        let Some((_, object)) = Attempt::owner_of(key) else { return Ok(false) };
        let cause = Cause::service(self.account);
        let (deadline, of) = (self.opening(&cause).deadline, key.to_owned());
        let noted = match Target::of(object) {
            Some(Target::Payment(id)) => {
                self.log.append(&cause, &payment_intent::GiveUp { id, key: of, deadline }).await?
            }
            Some(Target::Setup(id)) => {
                self.log.append(&cause, &setup_intent::GiveUp { id, key: of, deadline }).await?
            }
            Some(Target::Refund(id)) => self.log.append(&cause, &refund::GiveUp { id, key: of }).await?,
            None => return Ok(false),
        };
        let open = Open::of(&noted)?;
        let attempt = open.attempt.filter(|attempt| attempt.key == key && attempt.is_given_up);
        let waiting = open.waiting.filter(|waiting| waiting.key == key && waiting.is_given_up);
        Ok(attempt.is_some() || waiting.is_some())
    }

    /// Notes that the processor was asked about a challenge, which still waits.
    pub(super) async fn look(&self, object: &str) -> Result<(), FlowError> {
        let (cause, now) = (Cause::service(self.account), clock::now());
        match Target::of(object) {
            Some(Target::Payment(id)) => {
                drop(self.log.append(&cause, &payment_intent::Look { id, now }).await?);
            }
            Some(Target::Setup(id)) => {
                drop(self.log.append(&cause, &setup_intent::Look { id, now }).await?);
            }
            Some(Target::Refund(_)) | None => {}
        }
        Ok(())
    }

    /// Closes an attempt by a word, with its object as it is now.
    pub(super) async fn close_now(
        &self,
        attempt: &Attempt,
        word: Word,
        is_after_void: bool,
    ) -> Result<(), FlowError> {
        self.close(attempt, (word, is_after_void), &mut Seen::default()).await.map(drop)
    }

    /// Closes an attempt by a word. Returns its object after it, unless somebody was faster.
    pub(super) async fn close(
        &self,
        attempt: &Attempt,
        (word, is_after_void): (Word, bool),
        seen: &mut Seen,
    ) -> Result<Option<Snapshot>, FlowError> {
        let Some((_, object)) = Attempt::owner_of(&attempt.key) else { return Ok(None) };
        let (key, now, heard) = (attempt.key.clone(), clock::now(), Heard { word, is_after_void });
        let cause = Cause {
            request_id: attempt.opening.request.clone(),
            idempotency_key: attempt.opening.idempotency_key.clone(),
            ..Cause::service(self.account)
        };
        let after = match Target::of(object) {
            Some(Target::Payment(id)) => {
                let close = payment_intent::Close { id, key, heard, charge: Id::generate(now), now };
                self.log.append(&cause, &close).knowing(seen).await?
            }
            Some(Target::Setup(id)) => {
                let close = setup_intent::Close { id, key, heard };
                self.log.append(&cause, &close).knowing(seen).await?
            }
            Some(Target::Refund(id)) => {
                let close = refund::Close { id, key, heard };
                self.log.append(&cause, &close).knowing(seen).await?
            }
            None => return Ok(None),
        };
        // Nothing is left where somebody was faster.
        Ok((!seen.is_empty()).then_some(after))
    }

    /// Settles a challenge by a word.
    pub(super) async fn settle(&self, key: &str, word: Word, is_after_void: bool) -> Result<(), FlowError> {
        let Some((_, object)) = Attempt::owner_of(key) else { return Ok(()) };
        let (cause, now, key) = (Cause::service(self.account), clock::now(), key.to_owned());
        let heard = Heard { word, is_after_void };
        match Target::of(object) {
            Some(Target::Payment(id)) => {
                let charge = Id::generate(now);
                let settle = payment_intent::SettleChallenge { id, key, heard, charge, now };
                self.log.append(&cause, &settle).await?;
            }
            Some(Target::Setup(id)) => {
                self.log.append(&cause, &setup_intent::SettleChallenge { id, key, heard }).await?;
            }
            Some(Target::Refund(_)) | None => {}
        }
        Ok(())
    }
}
