//! An object that is due, and the question for such objects.

use std::time::SystemTime;

use tokio_postgres::Row;

use crate::clock::Timestamp;

/// The kinds of objects that time changes, by the prefixes of their ids.
pub const KINDS: [&str; 3] = ["pi", "re", "seti"];

/// An object that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The tenant whose object it is.
    pub account: i64,
    /// True in live mode.
    pub livemode: bool,
    /// Its id.
    pub id: String,
    /// The instant since which it has been due.
    pub due: Timestamp,
}

/// The kind of an object: the prefix of its id.
#[must_use]
pub fn kind_of(id: &str) -> &str {
    id.split('_').next().unwrap_or_default()
}

/// An object that is due, and its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The object.
    pub due: Due,
    /// Its bucket.
    pub bucket: i16,
}

impl From<&Row> for Found {
    fn from(row: &Row) -> Self {
        let due = Due {
            account: row.get("account"),
            livemode: row.get("livemode"),
            id: row.get("id"),
            due: row.get::<_, SystemTime>("due").into(),
        };
        Self { due, bucket: row.get("bucket") }
    }
}

/// The objects that are asked for: those of these buckets that have been due longest.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The buckets.
    pub buckets: Vec<i16>,
    /// The most objects.
    pub rows: i64,
    /// Accounts to pass over.
    pub but_accounts: Vec<i64>,
    /// Objects to pass over.
    pub but_objects: Vec<String>,
    /// Kinds to pass over.
    pub but_kinds: Vec<String>,
    /// Live mode, too.
    pub live: bool,
}

#[cfg(test)]
mod tests {
    use super::kind_of;

    #[test]
    fn a_kind_is_what_stands_before_the_ulid() {
        assert_eq!(kind_of("seti_01J9ZW6QAPZK9N3FBJ0WB5K7TX"), "seti");
        assert_eq!(kind_of(""), "");
    }
}
