//! Refusals of commands, as data. Status codes and sentences are made of them in `http/error/`.

use crate::contract::Kind;

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
    /// A parameter is wrong.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
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
