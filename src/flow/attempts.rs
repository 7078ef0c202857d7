//! Attempts at the processor: appended before it is called, closed by its word.
//!
//! After any crash on the way, the attempt is on record. A process that finds it open asks for the
//! outcome of its key; a key that was never seen is voided first, so that it can't come later. A timeout
//! is no answer: the attempt stays open until the processor has said something.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::oneshot;

use super::words::{Told, Undo, challenge_declined, has_unwanted_challenge, is_of, request, settled, told};
use super::{FlowError, Processors};
use crate::clock;
use crate::domain::attempt::{Attempt, Closed, Opening, Waiting, Word, undo_of};
use crate::domain::payment_intent::Returning;
use crate::domain::{Command, Rejection, Seen, Snapshot};
use crate::log::idempotency::Closing;
use crate::log::{AppendError, Cause, Log};
use crate::processor::{self, Answer, Inquiry, Outcome, Processor, Request, Void, Voided};

/// The time after the processor's deadline in which the caller still hears the outcome.
const GRACE: Duration = Duration::from_secs(2);
/// The most times that a challenge is closed for one call.
const CHALLENGES_MAX: usize = 3;

/// The log, and the processor of one account.
#[derive(Debug, Clone)]
pub struct Money {
    pub(super) log: Log,
    pub(super) processor: Processor,
    pub(super) account: i64,
}

/// The attempts in the `internal` of an object of any kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Open {
    pub(super) attempt: Option<Attempt>,
    pub(super) waiting: Option<Waiting>,
    pub(super) held_until: Option<u64>,
    pub(super) reference: Option<String>,
    pub(super) closed: Option<Closed>,
    pub(super) returning: Option<Returning>,
}

impl Open {
    /// The object's `internal`.
    pub(super) fn of(object: &Snapshot) -> Result<Self, AppendError> {
        let kept = object.internal.as_deref().map(serde_json::from_str).transpose();
        Ok(kept.map_err(AppendError::Snapshot)?.unwrap_or_default())
    }
}

impl Money {
    /// The log and the processor of an account of that mode.
    pub fn of(log: &Log, processors: &Processors, account: i64, livemode: bool) -> Result<Self, FlowError> {
        let processor = processors.of(livemode)?.on_behalf_of(account);
        Ok(Self { log: log.clone(), processor, account })
    }

    /// The parts of an attempt that come from outside, for a call.
    #[must_use]
    pub fn opening(&self, cause: &Cause) -> Opening {
        let now = clock::now();
        // Whole seconds, rounded up: nobody else looks at the attempt while the call may still be answered.
        let deadline = now.seconds() + self.processor.deadline().as_secs() + GRACE.as_secs() + 1;
        Opening {
            account: self.account,
            at: now.seconds(),
            deadline,
            request: cause.request_id.clone(),
            idempotency_key: cause.idempotency_key.clone(),
        }
    }

    /// Runs a command, and the attempt that it opens. The answer is the object after it: closed, or as it is
    /// once the caller's time is over. A caller that goes away takes nothing with it.
    pub async fn run<C, F>(&self, cause: &Cause, command: F) -> Result<Snapshot, FlowError>
    where
        C: Command,
        F: Fn(Opening) -> C + Send + Sync + 'static,
    {
        let place = self.processor.place().ok_or(FlowError::TooMany)?;
        let (money, of) = (self.clone(), cause.clone());
        let (tell, opened) = oneshot::channel();
        let driven = tokio::spawn(async move {
            let _place = place;
            let mut seen = Seen::default();
            let opened = money.opened(&of, command, &mut seen).await;
            let attempt = opened.as_ref().ok().and_then(|opened| Open::of(opened).ok()?.attempt);
            // The caller may have gone away.
            let _ = tell.send(opened);
            let Some(attempt) = attempt.filter(|attempt| is_of(&of, attempt)) else { return Ok(None) };
            let closed = money.drive(&attempt, &mut seen).await?;
            Ok::<_, FlowError>(Some((attempt.key, closed)))
        });
        // Only a defect ends the task without a word.
        let opened = opened.await.map_err(|_| AppendError::Conflict)??;
        let patience = self.processor.deadline() + GRACE;
        match tokio::time::timeout(patience, driven).await {
            Ok(Ok(Ok(Some((key, closed))))) => self.answer(opened, &key, closed).await,
            // It is on record. A process that finds it open does the rest.
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, "an attempt stays open");
                Ok(opened)
            }
            Ok(Ok(Ok(None)) | Err(_)) | Err(_) => Ok(opened),
        }
    }

    /// Appends a command. A challenge that stands in its way is closed before.
    async fn opened<C: Command>(
        &self,
        cause: &Cause,
        command: impl Fn(Opening) -> C,
        seen: &mut Seen,
    ) -> Result<Snapshot, FlowError> {
        for _ in 0..CHALLENGES_MAX {
            // The time runs from here: closing a challenge takes some.
            let command = command(self.opening(cause));
            match self.log.append(cause, &command).knowing(seen).await {
                Err(AppendError::Rejected(Rejection::ChallengeWaits)) => {
                    // A call that is sent again has been answered, by that very challenge perhaps.
                    if self.log.has_answered(cause).await.map_err(AppendError::from)? {
                        return Err(AppendError::KeyUsed.into());
                    }
                    for id in command.reads() {
                        self.close_challenge(&id).await?;
                    }
                }
                other => return Ok(other?),
            }
        }
        Err(AppendError::Conflict.into())
    }

    /// The answer to the call that opened an attempt, which was perhaps closed here.
    async fn answer(
        &self,
        opened: Snapshot,
        key: &str,
        closed: Option<Snapshot>,
    ) -> Result<Snapshot, FlowError> {
        if let Some(object) = closed
            && let Some(closed) = Open::of(&object)?.closed.filter(|closed| closed.key == key)
        {
            return if closed.declined { Err(FlowError::PaymentDeclined(object.data)) } else { Ok(object) };
        }
        let Some((_, object)) = Attempt::owner_of(key) else { return Ok(opened) };
        match self.log.closing(self.account, (object, key)).await {
            Ok(Some(Closing { data, is_declined: true })) => Err(FlowError::PaymentDeclined(data)),
            Ok(Some(Closing { data, .. })) => Ok(Snapshot { data, ..opened }),
            Ok(None) | Err(_) => Ok(opened),
        }
    }

    /// Asks the processor for an operation, and closes its attempt. Returns the object after it, where
    /// its own word closed it. `Ok` where nobody knows the outcome, too: it stays open.
    async fn drive(&self, attempt: &Attempt, seen: &mut Seen) -> Result<Option<Snapshot>, FlowError> {
        match self.processor.perform(&request(attempt)).await {
            Answer::Known(operation) => match told(attempt, operation) {
                Told::Word(word) => return self.close(attempt, (word, false), seen).await,
                Told::Unwanted => return self.give_up(attempt).await.map(|_| None),
                // A notice tells when it is done.
                Told::Later => return Ok(None),
                Told::Doubtful => {}
            },
            Answer::Refused(reason) => {
                tracing::error!(key = attempt.key, reason, "the processor refused an operation");
            }
            Answer::Unknown(_) => {}
        }
        self.resolve(attempt).await.map(|_| None)
    }

    /// Asks for the outcome of an attempt, and closes it if that is known. Returns true if it is closed.
    pub(super) async fn resolve(&self, attempt: &Attempt) -> Result<bool, FlowError> {
        if attempt.is_given_up {
            return self.void(attempt).await;
        }
        match self.processor.inquire(&attempt.key).await {
            Inquiry::Known(operation) => match told(attempt, operation) {
                Told::Word(word) => self.close_now(attempt, word, false).await.map(|()| true),
                Told::Unwanted => self.give_up(attempt).await,
                Told::Later | Told::Doubtful => Ok(false),
            },
            Inquiry::NeverSeen => self.give_up(attempt).await,
            Inquiry::CantTell(_) => Ok(false),
        }
    }

    /// Voids the key of an attempt. It is on record before, so that no other word closes it meanwhile.
    async fn give_up(&self, attempt: &Attempt) -> Result<bool, FlowError> {
        if self.note_giving_up(&attempt.key).await? { self.void(attempt).await } else { Ok(true) }
    }

    /// Closes an attempt by the word of a void of its key. Returns true if it is closed.
    async fn void(&self, attempt: &Attempt) -> Result<bool, FlowError> {
        let word = match self.undo(&attempt.key).await {
            Undo::Never => Word::Never,
            Undo::Undone { by, amount } => Word::Undone { by, amount },
            // It was there: declined, waiting, or impossible to undo.
            Undo::Nothing => match self.processor.inquire(&attempt.key).await {
                Inquiry::Known(operation) => match told(attempt, operation) {
                    Told::Word(Word::Declined(_)) if has_unwanted_challenge(attempt) => {
                        Word::Declined(challenge_declined())
                    }
                    Told::Word(word) => word,
                    Told::Unwanted | Told::Later | Told::Doubtful => return Ok(false),
                },
                Inquiry::NeverSeen | Inquiry::CantTell(_) => return Ok(false),
            },
            Undo::Unknown => return Ok(false),
        };
        self.close_now(attempt, word, true).await.map(|()| true)
    }

    /// Voids a key: after it the operation can't be performed, and if it was, it is undone.
    async fn undo(&self, key: &str) -> Undo {
        let by = undo_of(key);
        let void = Void { key: by.clone(), of: Voided::OfKey(key.to_owned()) };
        match self.processor.perform(&Request::Void(void)).await {
            Answer::Known(operation) => match operation.outcome {
                Outcome::Never => Undo::Never,
                Outcome::Approved { amount } if amount > 0 => Undo::Undone { by, amount },
                Outcome::Approved { .. } | Outcome::Declined { .. } => Undo::Nothing,
                Outcome::ActionRequired { .. } | Outcome::Pending => Undo::Unknown,
            },
            Answer::Refused(_) | Answer::Unknown(_) => Undo::Unknown,
        }
    }

    /// Closes the challenge of an object, if one waits: by its outcome, or else for good.
    async fn close_challenge(&self, id: &str) -> Result<(), FlowError> {
        let Some(object) = self.log.object(self.account, id).await.map_err(AppendError::from)? else {
            return Ok(());
        };
        let open = Open::of(&object)?;
        let Some(waiting) = open.waiting else { return Ok(()) };
        if self.end_challenge(&waiting, open.reference).await? {
            return Ok(());
        }
        Err(FlowError::ProcessorAway("a challenge can't be closed".to_owned()))
    }

    /// Settles a challenge by its outcome. Returns false if it still waits, or if nobody knows.
    pub(super) async fn settle_if_known(
        &self,
        waiting: &Waiting,
        reference: Option<String>,
    ) -> Result<bool, FlowError> {
        match self.processor.inquire(&waiting.key).await {
            Inquiry::Known(operation) => {
                let reference = operation.reference.or(reference);
                match settled(waiting, operation.outcome, reference) {
                    Some(word) => self.settle(&waiting.key, word, false).await.map(|()| true),
                    None => Ok(false),
                }
            }
            Inquiry::NeverSeen => {
                tracing::error!(key = waiting.key, "the processor doesn't know a challenge of its own");
                Err(FlowError::ProcessorAway("a challenge isn't known".to_owned()))
            }
            Inquiry::CantTell(reason) => Err(FlowError::ProcessorAway(reason)),
        }
    }

    /// Settles a challenge by its outcome, or closes it for good. Returns true if it doesn't wait any more.
    pub(super) async fn end_challenge(
        &self,
        waiting: &Waiting,
        reference: Option<String>,
    ) -> Result<bool, FlowError> {
        if !waiting.is_given_up {
            if self.settle_if_known(waiting, reference).await? {
                return Ok(true);
            }
            if !self.note_giving_up(&waiting.key).await? {
                return Ok(true);
            }
        }
        let word = match self.undo(&waiting.key).await {
            Undo::Never | Undo::Nothing => Word::Never,
            Undo::Undone { by, amount } => Word::Undone { by, amount },
            Undo::Unknown => return Ok(false),
        };
        self.settle(&waiting.key, word, true).await.map(|()| true)
    }

    /// Takes in the processor's word on an operation. Nothing comes of a word that is known, or
    /// whose operation is over.
    pub async fn told(&self, object: &str, operation: processor::Operation) -> Result<(), FlowError> {
        let stored = self.log.object(self.account, object).await.map_err(AppendError::from)?;
        let Some(stored) = stored else { return Ok(()) };
        let open = Open::of(&stored)?;
        if let Some(attempt) = open.attempt.filter(|attempt| attempt.key == operation.key) {
            match told(&attempt, operation) {
                Told::Word(word) => self.close_now(&attempt, word, false).await?,
                Told::Unwanted => drop(self.give_up(&attempt).await?),
                Told::Later | Told::Doubtful => {}
            }
        } else if let Some(waiting) = open.waiting.filter(|waiting| waiting.key == operation.key) {
            let reference = operation.reference.or(open.reference);
            if let Some(word) = settled(&waiting, operation.outcome, reference) {
                self.settle(&waiting.key, word, false).await?;
            }
        } else if let Some(returning) = open.returning.filter(|one| one.attempt.key == operation.key) {
            if let Ok(id) = object.parse() {
                self.give_back(id, &returning.attempt).await?;
            }
        } else if matches!(operation.outcome, Outcome::Approved { amount: 1.. }) {
            self.suspend(object, operation).await?;
        }
        Ok(())
    }
}
