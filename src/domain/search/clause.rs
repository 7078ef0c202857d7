//! The parts of a query.

use std::ops::Range;

use crate::contract::{self, Kind as _};

/// The longest query, in characters.
pub const QUERY_MAX: usize = 2_000;
/// The most clauses of a query.
pub const CLAUSES_MAX: usize = 10;
/// The fewest characters that can be searched for within a text.
pub const SUBSTRING_MIN: usize = 3;

/// The resources that can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searched {
    /// Customers.
    Customers,
    /// Payment intents.
    PaymentIntents,
}

impl Searched {
    /// The prefix of its ids.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Customers => contract::Customer::RESOURCE.prefix,
            Self::PaymentIntents => contract::PaymentIntent::RESOURCE.prefix,
        }
    }

    /// The field of that name.
    pub(super) fn field(self, name: &str) -> Option<Field> {
        match (self, name) {
            (_, "created") => Some(Field::Created),
            (_, "metadata") => Some(Field::Metadata),
            (Self::Customers, "email") => Some(Field::Text(TextField::Email)),
            (Self::Customers, "name") => Some(Field::Text(TextField::Name)),
            (Self::Customers, "phone") => Some(Field::Text(TextField::Phone)),
            (Self::PaymentIntents, "amount") => Some(Field::Amount),
            (Self::PaymentIntents, "currency") => Some(Field::Word(WordField::Currency)),
            (Self::PaymentIntents, "customer") => Some(Field::Word(WordField::Customer)),
            (Self::PaymentIntents, "status") => Some(Field::Word(WordField::Status)),
            _ => None,
        }
    }

    /// The names of its fields, for people.
    pub(super) const fn fields(self) -> &'static str {
        match self {
            Self::Customers => "created, email, metadata, name, phone",
            Self::PaymentIntents => "amount, created, currency, customer, metadata, status",
        }
    }

    /// A clause, for people.
    pub(super) const fn example(self) -> &'static str {
        match self {
            Self::Customers => "email:'ada@example.com'",
            Self::PaymentIntents => "status:'succeeded'",
        }
    }

    /// The letter of its metadata in terms. No resource has a letter of another one, so that a document is
    /// found by the queries of its own resource alone.
    pub(super) const fn metadata_letter(self) -> &'static str {
        match self {
            Self::Customers => "m",
            Self::PaymentIntents => "i",
        }
    }
}

/// A field of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Text(TextField),
    Word(WordField),
    Metadata,
    Created,
    Amount,
}

/// A word that a payment intent is found by, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordField {
    /// The currency.
    Currency,
    /// The customer's id.
    Customer,
    /// The status.
    Status,
}

impl WordField {
    /// Its letter in terms.
    pub(super) const fn letter(self) -> &'static str {
        match self {
            Self::Currency => "u",
            Self::Customer => "c",
            Self::Status => "s",
        }
    }
}

/// A text that a customer is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    /// The email address.
    Email,
    /// The name.
    Name,
    /// The phone number.
    Phone,
}

impl TextField {
    /// Its letter: in terms, which are many and had better be short, and in `read/sql/search.sql`.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Email => "e",
            Self::Name => "n",
            Self::Phone => "p",
        }
    }
}

/// The test that one clause makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Is(TextField, String),
    Contains(TextField, String),
    IsNull(TextField),
    WordIs(WordField, String),
    WordIsNull(WordField),
    MetadataIs(String, String),
    MetadataIsNull(String),
    /// Created within these seconds.
    Created(Range<u64>),
    /// An amount within these.
    Amount(Range<i64>),
}

/// One clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) test: Test,
    pub(super) negated: bool,
}
