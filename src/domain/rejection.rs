//! Refusals of commands, as data. Status codes and sentences are made of them in `http/error/`.

use crate::contract::{Kind, Resource};

/// A command that is refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The object doesn't exist for this account, or was deleted.
    #[error("no such {noun}: '{id}'")]
    NoSuchObject {
        /// The resource's name in messages.
        noun: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// The account has as many of these as it may have.
    #[error("no more than {max} {noun}s")]
    LimitReached {
        /// The resource's name in messages.
        noun: &'static str,
        /// The most that it may have.
        max: i64,
    },
    /// The payment method belongs to another customer.
    #[error("the payment method is attached to another customer")]
    AttachedElsewhere,
    /// The payment method belongs to no customer.
    #[error("the payment method '{id}' is not attached to a customer")]
    NotAttached {
        /// The method's id.
        id: String,
    },
    /// The payment method was detached, or used without a customer.
    #[error("the payment method may not be used again")]
    Burned,
    /// The status of a payment or setup intent doesn't allow it.
    #[error("its status is {}", .0.status)]
    UnexpectedState(Box<UnexpectedState>),
    /// A challenge waits for the buyer, and has to be closed before.
    #[error("a challenge waits for the buyer")]
    ChallengeWaits,
    /// Everything that was taken was given back, or is on its way back.
    #[error("the charge {charge} has already been refunded")]
    AlreadyRefunded {
        /// The charge's id.
        charge: String,
    },
    /// Nothing was taken that could be given back.
    #[error("nothing was taken for {id}")]
    NothingTaken {
        /// The id of the charge or the intent.
        id: String,
    },
    /// A parameter is wrong.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

/// A status that doesn't allow the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnexpectedState {
    /// The resource of the object.
    pub resource: Resource,
    /// Its status.
    pub status: &'static str,
    /// The refused request.
    pub refused: Refused,
    /// The object, as JSON.
    pub object: String,
}

/// A request that a status doesn't allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Confirming.
    Confirm,
    /// Confirming without a method.
    ConfirmWithoutMethod,
    /// Capturing.
    Capture,
    /// Canceling.
    Cancel,
    /// Changing that parameter.
    Update(&'static str),
}

/// A parameter that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{param}: {problem:?}")]
pub struct ParameterError {
    /// The parameter, with its path in brackets: `address[city]`.
    pub param: String,
    /// Its problem.
    pub problem: Problem,
}

/// The problem of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// There is no parameter of that name.
    Unknown,
    /// It is required.
    Missing,
    /// It is given twice, or as two things at once.
    Repeated,
    /// It must not be empty.
    Empty,
    /// It should be a text.
    NotAString,
    /// It should be a whole number.
    NotAnInteger,
    /// It should be true or false.
    NotABoolean,
    /// It should be a list.
    NotAList,
    /// It should be a hash.
    NotAHash,
    /// It is none of these.
    NotOneOf(Vec<&'static str>),
    /// It has more characters than this.
    TooLong(usize),
    /// It has more entries than this.
    TooMany(usize),
    /// It is outside these bounds, which are allowed themselves.
    OutOfRange(i64, i64),
    /// It has a NUL or a broken character.
    InvalidCharacters,
    /// It is no email address.
    NotAnEmail,
    /// It is no URL a webhook can be sent to, for this reason.
    NotAUrl(&'static str),
    /// It is wrong in another way, said in words.
    Malformed(String),
    /// It can't be given together with this one.
    ExclusiveWith(&'static str),
    /// It is no currency of the contract.
    NoSuchCurrency(String),
    /// It is nothing that can be charged: zero or less.
    NotACharge,
    /// It is less than this, for people.
    AmountTooSmall(String),
    /// It is more than this, for people.
    AmountTooLarge(String),
    /// It isn't positive.
    NotPositive,
    /// It is more than is left to give back; both for people.
    MoreThanIsLeft(String, String),
    /// The payment method has a customer, which has to be named.
    NeedsCustomer,
    /// The payment method belongs to another customer.
    OfAnotherCustomer,
    /// It holds the number of a card, which has no business there.
    CardNumber,
    /// It names an object that doesn't exist.
    NoSuchObject {
        /// The resource's name in messages.
        noun: &'static str,
        /// The id that was given.
        id: String,
    },
}

impl ParameterError {
    /// That parameter has that problem.
    pub fn new(param: impl Into<String>, problem: Problem) -> Self {
        Self { param: param.into(), problem }
    }

    /// That parameter names no `K` of the account.
    pub fn no_such<K: Kind>(param: impl Into<String>, id: &impl ToString) -> Self {
        Self::new(param, Problem::NoSuchObject { noun: K::RESOURCE.noun, id: id.to_string() })
    }

    /// The same, one level further down: `city` within `address` becomes `address[city]`.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        let param = match self.param.split_once('[') {
            _ if self.param.is_empty() => outer.to_owned(),
            Some((first, rest)) => format!("{outer}[{first}][{rest}"),
            None => format!("{outer}[{}]", self.param),
        };
        Self { param, ..self }
    }
}
