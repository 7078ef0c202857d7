//! The statements that append.

use tokio_postgres::{Client, Statement};

use crate::database::{DatabaseError, rewritten};

/// As they are prepared: for an event that comes alone, for those that have no idempotency key, and
/// where some have one.
pub(super) struct Statements {
    one: Statement,
    keyless: Statement,
    keyed: Statement,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, DatabaseError> {
        Ok(Self {
            one: client.prepare(APPEND_ONE).await?,
            keyless: client.prepare(&append_keyless()).await?,
            keyed: client.prepare(APPEND).await?,
        })
    }

    /// The one for so many events.
    pub(super) fn choose(&self, events: usize, is_any_keyed: bool) -> &Statement {
        match (events, is_any_keyed) {
            (_, true) => &self.keyed,
            (1, false) => &self.one,
            (_, false) => &self.keyless,
        }
    }
}

const APPEND: &str = include_str!("sql/append.sql");

/// The text for one event without an idempotency key.
pub const APPEND_ONE: &str = include_str!("sql/append_one.sql");

/// The text for any number of them: what has no key needs no look at the keys.
#[must_use]
pub fn append_keyless() -> String {
    rewritten(APPEND, "$17", "false")
}
