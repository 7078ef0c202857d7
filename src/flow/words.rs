//! The processor's answers, in the words of attempts; and the requests of attempts, in those of the
//! processor.

use crate::contract;
use crate::domain::attempt::{Attempt, Operation, Waiting, Word};
use crate::domain::types::decline::Decline;
use crate::id::Id;
use crate::log::Cause;
use crate::processor::{self, Outcome, Request, Void, Voided};

/// The objects that attempts are for.
pub(super) enum Target {
    Payment(Id<contract::PaymentIntent>),
    Setup(Id<contract::SetupIntent>),
    Refund(Id<contract::Refund>),
}

impl Target {
    /// The object of that id.
    pub(super) fn of(object: &str) -> Option<Self> {
        let payment = object.parse().map(Self::Payment);
        payment
            .or_else(|_| object.parse().map(Self::Setup))
            .or_else(|_| object.parse().map(Self::Refund))
            .ok()
    }
}

/// The words of an attempt for an operation.
pub(super) enum Told {
    /// The word that closes it.
    Word(Word),
    /// A challenge that nobody will pass.
    Unwanted,
    /// It isn't done yet.
    Later,
    /// Nothing that can be believed.
    Doubtful,
}

/// The outcome of a void by key.
pub(super) enum Undo {
    /// The operation was never seen, and is refused from now on.
    Never,
    /// It was performed, and is undone.
    Undone { by: String, amount: i64 },
    /// There was nothing to undo, or it can't be undone.
    Nothing,
    /// The processor doesn't say.
    Unknown,
}

/// The word about an attempt that an operation is.
pub(super) fn told(attempt: &Attempt, operation: processor::Operation) -> Told {
    let reference = operation.reference;
    match operation.outcome {
        Outcome::Approved { amount } if fits(attempt, amount, reference.as_deref()) => {
            Told::Word(Word::Approved { amount, reference })
        }
        Outcome::Approved { amount } => {
            tracing::error!(
                key = attempt.key,
                amount,
                "the processor moved another amount, or names nothing"
            );
            Told::Doubtful
        }
        Outcome::Declined { decline } => Told::Word(Word::Declined(decline)),
        Outcome::ActionRequired { .. } if has_unwanted_challenge(attempt) => Told::Unwanted,
        Outcome::ActionRequired { url } => Told::Word(Word::ActionRequired { url, reference }),
        Outcome::Pending => Told::Later,
        Outcome::Never => Told::Word(Word::Never),
    }
}

/// True where a challenge counts as a decline.
pub(super) const fn has_unwanted_challenge(attempt: &Attempt) -> bool {
    matches!(attempt.operation, Operation::Authorize { challenge_is_an_error: true, .. })
}

/// The word that settles a challenge; `None` while it waits, or where it can't be believed. `reference` is
/// the name of the authorisation, if the processor has told it before.
pub(super) fn settled(waiting: &Waiting, outcome: Outcome, reference: Option<String>) -> Option<Word> {
    match outcome {
        Outcome::Approved { amount } if amount == waiting.amount && (amount == 0 || reference.is_some()) => {
            Some(Word::Approved { amount, reference })
        }
        Outcome::Approved { amount } => {
            tracing::error!(
                key = waiting.key,
                amount,
                "the processor moved another amount, or names nothing"
            );
            None
        }
        Outcome::Declined { decline } => Some(Word::Declined(decline)),
        Outcome::Never => Some(Word::Never),
        Outcome::ActionRequired { .. } | Outcome::Pending => None,
    }
}

/// True if the call with that cause opened the attempt.
pub(super) fn is_of(cause: &Cause, attempt: &Attempt) -> bool {
    attempt.opening.request == cause.request_id
}

/// True if the amount is the one that was asked for. An authorisation has a name, too: without it, it
/// could neither be taken nor given back.
fn fits(attempt: &Attempt, moved: i64, reference: Option<&str>) -> bool {
    match &attempt.operation {
        Operation::Authorize { amount, .. } => *amount == moved && reference.is_some(),
        Operation::Capture { amount, .. } | Operation::Refund { amount, .. } => *amount == moved,
        Operation::Void { .. } | Operation::SetUp { .. } => true,
    }
}

/// The decline of a payment whose challenge counts as one.
pub(super) fn challenge_declined() -> Decline {
    let code = contract::ErrorCode::AuthenticationRequired;
    Decline { decline_code: Some(code.as_str().to_owned()), ..Decline::plain(code) }
}

/// The request for an attempt's operation.
pub(super) fn request(attempt: &Attempt) -> Request {
    let key = attempt.key.clone();
    match attempt.operation.clone() {
        Operation::Authorize { method, amount, currency, capture, off_session, return_url, .. } => {
            let currency = currency.code().to_owned();
            Request::Authorize(processor::Authorize {
                key,
                method,
                amount,
                currency,
                capture,
                off_session,
                return_url,
            })
        }
        Operation::Capture { reference, amount } => {
            Request::Capture(processor::Capture { key, reference, amount })
        }
        Operation::Void { reference } => Request::Void(Void { key, of: Voided::Reference(reference) }),
        Operation::Refund { reference, amount } => {
            Request::Refund(processor::Refund { key, reference, amount })
        }
        Operation::SetUp { method, on_session, return_url } => {
            Request::Attach(processor::Attach { key, method, on_session, return_url })
        }
    }
}
