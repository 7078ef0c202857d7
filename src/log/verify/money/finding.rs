//! Disagreements about money.

use std::fmt;

/// A disagreement about money.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// The tenant; `None` for money that no tenant's log knows.
    pub tenant: Option<String>,
    /// The object or the processor's key.
    pub id: String,
    /// The difference, in words.
    pub what: String,
}

/// The kinds of disagreements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An object's amount differs from its postings or its charge.
    Amount,
    /// The postings of an event don't sum to zero, or are in another currency.
    Postings,
    /// An amount that is reserved for refunds isn't that of the pending ones.
    Refunding,
    /// An attempt isn't opened and closed once.
    Attempt,
    /// An attempt is open past its deadline.
    Overdue,
    /// The log and the processor's journal differ.
    Movement,
    /// The journal has money that the log doesn't know.
    Unknown,
    /// The journal can't be read.
    Unread,
}

/// The attempts that were seen, by their outcomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Attempts {
    /// Attempts that are closed.
    pub closed: u64,
    /// Attempts that are open.
    pub open: u64,
    /// Attempts whose buyer has a challenge to pass.
    pub waiting: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tenant) = &self.tenant {
            write!(f, "{tenant}: ")?;
        }
        write!(f, "{} {}", self.id, self.what)
    }
}
