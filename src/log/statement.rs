//! The statements that append.

use tokio_postgres::{Client, Statement};

use crate::database::{DatabaseError, rewritten};

/// The prepared forms: for an event that comes alone, for events without an idempotency key, for events of
/// which some have one, and for groups.
pub(super) struct Statements {
    one: Statement,
    keyless: Statement,
    keyed: Statement,
    pub(super) groups: Statement,
    /// Finds those of a batch that are too late.
    pub(super) weed: Statement,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, DatabaseError> {
        Ok(Self {
            one: client.prepare(APPEND_ONE).await?,
            keyless: client.prepare(&append_keyless()).await?,
            keyed: client.prepare(APPEND).await?,
            groups: client.prepare(APPEND_GROUPS).await?,
            weed: client.prepare(include_str!("sql/append_weed.sql")).await?,
        })
    }

    /// The form for so many lone events.
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

/// The text for the facts of some decisions.
pub const APPEND_GROUPS: &str = include_str!("sql/append_groups.sql");

/// The text for any number of events without a key: it doesn't look at the keys.
#[must_use]
pub fn append_keyless() -> String {
    rewritten(APPEND, "$18", "false")
}
