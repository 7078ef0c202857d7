//! The parts of a query.

use std::ops::Range;

/// The longest query, in characters.
pub const QUERY_MAX: usize = 2_000;
/// The most clauses of a query.
pub const CLAUSES_MAX: usize = 10;
/// The fewest characters that can be searched for within a text.
pub const SUBSTRING_MIN: usize = 3;

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
    MetadataIs(String, String),
    MetadataIsNull(String),
    /// Created within these seconds.
    Created(Range<u64>),
}

/// One clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) test: Test,
    pub(super) negated: bool,
}
