//! Operations as they are kept, and the rows that a decision writes.

use super::cards::Fault;
use super::holding::{Entry, Journaled, Kind, Written};
use super::methods::Kept;
use crate::clock::Timestamp;
use crate::processor::{Decline, Operation, Outcome, Request};

/// An operation, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) key: String,
    /// `None` for a key that was voided before it was seen.
    pub(super) request: Option<Request>,
    /// The token of its method, where it has one.
    pub(super) method: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) state: State,
    /// The token of the challenge that it had or has.
    pub(super) challenge: Option<String>,
}

/// The outcome of an operation so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Approved(i64),
    Declined(Decline),
    ActionRequired,
    /// It is done at that time.
    Pending(Timestamp),
    Never,
}

impl State {
    /// Its name in the database.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Approved(_) => "approved",
            Self::Declined(_) => "declined",
            Self::ActionRequired => "action_required",
            Self::Pending(_) => "pending",
            Self::Never => "never",
        }
    }
}

impl Stored {
    /// The operation in the words of the protocol. Challenges are below `url`.
    pub(super) fn operation(&self, url: &str) -> Operation {
        let outcome = match &self.state {
            State::Approved(amount) => Outcome::Approved { amount: *amount },
            State::Declined(decline) => Outcome::Declined { decline: decline.clone() },
            State::ActionRequired => Outcome::ActionRequired {
                url: format!("{url}/challenge/{}", self.challenge.as_deref().unwrap_or_default()),
            },
            State::Pending(_) => Outcome::Pending,
            State::Never => Outcome::Never,
        };
        Operation { key: self.key.clone(), reference: self.reference.clone(), outcome }
    }

    /// The same operation with another outcome.
    pub(super) fn now(&self, state: State) -> Self {
        Self { state, ..self.clone() }
    }
}

/// The kind of the journal's rows of a request; `None` if it has none, because it moves no money.
pub(super) const fn kind(request: &Request) -> Option<Kind> {
    match request {
        Request::Authorize(_) => Some(Kind::Authorize),
        Request::Capture(_) => Some(Kind::Capture),
        Request::Void(_) => Some(Kind::Void),
        Request::Refund(_) => Some(Kind::Refund),
        Request::Attach(_) => None,
    }
}

/// The state that a decision is made from. Nothing of it changes until the decision is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The operation of the request's own key.
    pub(super) own: Option<Stored>,
    /// The operation that the request is about: the authorisation, or the one whose key is voided.
    pub(super) of: Option<Stored>,
    /// The method of the request, or of the authorisation.
    pub(super) method: Option<Kept>,
    /// The rows of the authorisation in the journal.
    pub(super) rows: Vec<Written>,
    /// Its currency.
    pub(super) currency: Option<String>,
}

/// Random names for the things that a decision makes.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) reference: String,
    pub(super) challenge: String,
}

/// A decision: the operation that it is about, and the rows that are to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    /// The operation as it is answered; `None` if the request is lost before anything is done.
    pub(super) answer: Option<Stored>,
    /// Operations that are new or have another outcome.
    pub(super) writes: Vec<Stored>,
    /// New rows of the journal.
    pub(super) entries: Vec<Entry>,
    /// The token of a method whose holder has passed a challenge.
    pub(super) set_up: Option<String>,
    /// Operations that are told of in a notice, and the number of its copies.
    pub(super) notices: Vec<(Stored, i16)>,
    /// The fault of the answer.
    pub(super) fault: Option<Fault>,
}

impl Decision {
    /// Nothing is written.
    pub(super) const fn nothing(answer: Option<Stored>, fault: Option<Fault>) -> Self {
        Self { answer, writes: Vec::new(), entries: Vec::new(), set_up: None, notices: Vec::new(), fault }
    }

    /// That operation is new or has another outcome.
    pub(super) fn of(operation: Stored) -> Self {
        Self { writes: vec![operation.clone()], ..Self::nothing(Some(operation), None) }
    }

    /// The same, with that row in the journal.
    pub(super) fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// The same, and another operation changes with it, which is told.
    pub(super) fn and_closes(mut self, other: Stored) -> Self {
        self.notices.push((other.clone(), 1));
        self.writes.push(other);
        self
    }
}

/// The reason that a request is refused. Nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A parameter is wrong, for people.
    Invalid(&'static str),
    /// The key was used with other parameters.
    KeyConflict,
    NoSuchMethod,
    NoSuchReference,
}

/// The decline of a charge whose challenge wasn't passed.
pub(super) fn not_passed() -> Decline {
    plain("payment_intent_authentication_failure")
}

/// A decline with a code and nothing else.
pub(super) fn plain(code: &str) -> Decline {
    Decline { code: code.to_owned(), decline_code: None, advice_code: None, param: None }
}

/// The operation of a request, before anything is known of it.
pub(super) fn new(request: &Request) -> Stored {
    Stored {
        key: request.key().to_owned(),
        request: Some(request.clone()),
        method: None,
        reference: None,
        state: State::Never,
        challenge: None,
    }
}

/// A row of the journal for that operation.
pub(super) fn row(
    operation: &Stored,
    kind: Kind,
    result: Journaled,
    amount: i64,
    currency: Option<String>,
) -> Entry {
    let (key, reference) = (operation.key.clone(), operation.reference.clone());
    Entry { key, kind, result, amount, currency, reference }
}
