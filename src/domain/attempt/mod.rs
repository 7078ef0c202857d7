//! Attempts: operations that are asked of the processor, and the state of each.
//!
//! An attempt is appended before the processor is called, so that any process that finds it open can ask
//! for its outcome. It is closed once, by the processor's word.

mod waiting;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::types::decline::Decline;
use super::types::money::Currency;
pub use waiting::Waiting;
pub(in crate::domain) use waiting::give_up;

/// For how long an authorised amount is held, in seconds: seven days.
pub const HOLD_SECONDS: u64 = 7 * 24 * 60 * 60;

/// The parts of an attempt that its command is given from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The account.
    pub account: i64,
    /// The present instant, in seconds.
    pub at: u64,
    /// The instant after which nobody waits for the processor's answer any more.
    pub deadline: u64,
    /// The API call, `req_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Its idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// An operation that was asked of the processor, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its key at the processor: the id of the object that it is for, its number, and the account, with
    /// dots between.
    pub key: String,
    /// The operation.
    pub operation: Operation,
    /// The time, the caller and the deadline.
    pub opening: Opening,
    /// True once its key is being voided: from then on the word of the void alone closes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_given_up: bool,
}

/// An operation of the processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Operation {
    /// Hold an amount, or take it at once.
    Authorize {
        /// The token of the method.
        method: String,
        /// The amount.
        amount: i64,
        /// Its currency.
        currency: Currency,
        /// True to take it at once.
        capture: bool,
        /// True when the buyer isn't there.
        off_session: bool,
        /// The page that the buyer comes back to.
        return_url: Option<String>,
        /// True where a challenge counts as a decline.
        #[serde(default)]
        challenge_is_an_error: bool,
    },
    /// Take the held amount, or a part of it.
    Capture {
        /// The reference of the authorisation.
        reference: String,
        /// The amount.
        amount: i64,
    },
    /// Release the held amount.
    Void {
        /// The reference of the authorisation.
        reference: String,
    },
    /// Give back a part of the taken amount.
    Refund {
        /// The reference of the authorisation.
        reference: String,
        /// The amount.
        amount: i64,
    },
    /// Check a method without money, so that it can be used later.
    SetUp {
        /// The token of the method.
        method: String,
        /// True when the buyer is there.
        on_session: bool,
        /// The page that the buyer comes back to.
        return_url: Option<String>,
    },
}

/// The key by which the operation of that key is voided.
#[must_use]
pub fn undo_of(key: &str) -> String {
    format!("{key}{UNDO}")
}

/// The key of the operation that is voided by that key; `None` if it is no key of a void.
#[must_use]
pub fn undone_by(key: &str) -> Option<&str> {
    key.strip_suffix(UNDO)
}

/// The end of the key of a void by key.
const UNDO: &str = ".undo";

/// A word, and whether it is that of a void by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The word.
    pub word: Word,
    /// True if the key was voided before.
    pub is_after_void: bool,
}

/// The processor's word about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It was performed.
    Approved {
        /// The amount that is held or moved.
        amount: i64,
        /// The processor's name of the authorisation.
        reference: Option<String>,
    },
    /// It was declined.
    Declined(Decline),
    /// The buyer has to pass a challenge.
    ActionRequired {
        /// The page of the challenge.
        url: String,
        /// The processor's name of the authorisation.
        reference: Option<String>,
    },
    /// It was not performed, and never will be.
    Never,
    /// It was performed after all, and undone by a void by key.
    Undone {
        /// The key of the void.
        by: String,
        /// The amount that moved, and moved back.
        amount: i64,
    },
}

/// A row of the processor's journal that an attempt accounts for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// The operation's key.
    pub key: String,
    /// The kind of movement.
    pub kind: MovementKind,
    /// The amount.
    pub amount: i64,
}

/// The kinds of rows in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    /// An amount is held.
    Authorize,
    /// It is taken.
    Capture,
    /// It is released.
    Void,
    /// It is given back.
    Refund,
}

/// The end of an attempt, as its event tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The attempt's key.
    pub key: String,
    /// True while its operation waits for a challenge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// True where the call that opened it is answered 402.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declined: bool,
    /// The rows of the journal that it accounts for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub movements: Vec<Movement>,
}

impl MovementKind {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }
}

impl Attempt {
    /// The attempt with that number for an object.
    #[must_use]
    pub fn new(object: &impl ToString, number: u32, operation: Operation, opening: Opening) -> Self {
        let key = format!("{}.{number}.{}", object.to_string(), opening.account);
        Self { key, operation, opening, is_given_up: false }
    }

    /// The account and the object that a key is for; `None` for a key that isn't ours.
    #[must_use]
    pub fn owner_of(key: &str) -> Option<(i64, &str)> {
        let mut parts = key.split('.');
        let (object, _number, account) = (parts.next()?, parts.next()?, parts.next()?);
        Some((account.parse().ok()?, object))
    }

    /// The rows of the journal that a word about it accounts for.
    #[must_use]
    pub fn movements(&self, word: &Word) -> Vec<Movement> {
        let own = |kind, amount| Movement { key: self.key.clone(), kind, amount };
        let (amount, undone_by) = match word {
            Word::Approved { amount, .. } => (*amount, None),
            Word::Undone { amount, by, .. } => (*amount, Some(by)),
            Word::Declined(_) | Word::ActionRequired { .. } | Word::Never => return Vec::new(),
        };
        let (kinds, is_taken): (&[_], _) = match &self.operation {
            Operation::Authorize { capture, .. } => (authorized(*capture), *capture),
            Operation::Capture { .. } => (&[MovementKind::Capture], true),
            Operation::Void { .. } => (&[MovementKind::Void], false),
            Operation::Refund { .. } => (&[MovementKind::Refund], false),
            Operation::SetUp { .. } => return Vec::new(),
        };
        let done = kinds.iter().map(|kind| own(*kind, amount));
        done.chain(undone_by.map(|by| back(by, is_taken, amount))).collect()
    }

    /// The end that its closing event tells of.
    #[must_use]
    pub fn closed(&self, word: &Word, declined: bool) -> Closed {
        let waits = matches!(word, Word::ActionRequired { .. });
        Closed { key: self.key.clone(), waits, declined, movements: self.movements(word) }
    }
}

impl Attempt {
    /// True if that word closes it.
    #[must_use]
    pub const fn is_closed_by(&self, heard: &Heard) -> bool {
        heard.is_after_void || !self.is_given_up
    }
}

/// The rows of an authorisation.
const fn authorized(captures: bool) -> &'static [MovementKind] {
    if captures { &[MovementKind::Authorize, MovementKind::Capture] } else { &[MovementKind::Authorize] }
}

/// The row of a void by key that found something to undo.
fn back(by: &str, is_taken: bool, amount: i64) -> Movement {
    let kind = if is_taken { MovementKind::Refund } else { MovementKind::Void };
    Movement { key: by.to_owned(), kind, amount }
}

/// The members of an object's `internal` that are for one event only: they tell of the event.
pub const OF_ONE_EVENT: [&str; 4] = ["opened", "closed", "suspense", "postings"];

/// The `internal` of an object, without the members that only told of its last event.
pub(in crate::domain) fn inherited(kept: &str) -> Result<Option<String>, serde_json::Error> {
    if !OF_ONE_EVENT.iter().any(|member| kept.contains(member)) {
        return Ok(Some(kept.to_owned()));
    }
    let mut members: Map<String, Value> = serde_json::from_str(kept)?;
    for member in OF_ONE_EVENT {
        members.remove(member);
    }
    if members.is_empty() { Ok(None) } else { serde_json::to_string(&members).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(operation: Operation) -> Attempt {
        let opening = Opening { account: 7, at: 1_000, deadline: 1_016, ..Opening::default() };
        Attempt::new(&"pi_1", 2, operation, opening)
    }

    pub(super) fn authorize(capture: bool) -> Attempt {
        attempt(Operation::Authorize {
            method: "card_1".to_owned(),
            amount: 900,
            currency: "usd".parse().expect("a currency"),
            capture,
            off_session: false,
            return_url: None,
            challenge_is_an_error: false,
        })
    }

    #[test]
    fn a_word_accounts_for_the_rows_that_the_processor_wrote() {
        use MovementKind::{Authorize, Capture, Refund, Void};
        let rows = |attempt: &Attempt, word: &Word| {
            let rows = attempt.movements(word).into_iter();
            rows.map(|row| (row.key, row.kind, row.amount)).collect::<Vec<_>>()
        };
        let key = || "pi_1.2.7".to_owned();
        assert_eq!(Attempt::owner_of(&key()), Some((7, "pi_1")));
        let approved = Word::Approved { amount: 900, reference: None };
        assert_eq!(rows(&authorize(true), &approved), [(key(), Authorize, 900), (key(), Capture, 900)]);
        assert_eq!(rows(&authorize(false), &approved), [(key(), Authorize, 900)]);
        let undone = Word::Undone { by: "v".to_owned(), amount: 900 };
        let back = |kind| ("v".to_owned(), kind, 900);
        assert_eq!(
            rows(&authorize(true), &undone),
            [(key(), Authorize, 900), (key(), Capture, 900), back(Refund)]
        );
        assert_eq!(rows(&authorize(false), &undone), [(key(), Authorize, 900), back(Void)]);
        let refund = attempt(Operation::Refund { reference: "r".to_owned(), amount: 900 });
        assert_eq!(rows(&refund, &approved), [(key(), Refund, 900)]);
        for nothing in [Word::Never, Word::Declined(Decline::processing_error())] {
            assert!(rows(&authorize(true), &nothing).is_empty());
        }
    }

    #[test]
    fn what_told_of_one_event_is_not_inherited() {
        let kept = r#"{"attempts":1,"closed":{"key":"k"},"postings":{}}"#;
        assert_eq!(inherited(kept).expect("JSON").as_deref(), Some(r#"{"attempts":1}"#));
        assert_eq!(inherited(r#"{"postings":{"usd":{}}}"#).expect("JSON"), None);
        assert_eq!(inherited(r#"{"token":"t"}"#).expect("JSON").as_deref(), Some(r#"{"token":"t"}"#));
    }
}
