//! The statements that append, which are one text: `sql/append.sql`.

use tokio_postgres::{Client, Statement};

use crate::database::{DatabaseError, rewritten};

/// As they are prepared: for one event or for many, and for events of which some have an idempotency key or for those that have none.
pub(super) struct Statements {
    one: Kind,
    many: Kind,
}

struct Kind {
    keyed: Statement,
    keyless: Statement,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, DatabaseError> {
        Ok(Self { one: Kind::prepare(client, true).await?, many: Kind::prepare(client, false).await? })
    }

    /// The one for so many events.
    pub(super) fn choose(&self, events: usize, is_any_keyed: bool) -> &Statement {
        let kind = if events == 1 { &self.one } else { &self.many };
        if is_any_keyed { &kind.keyed } else { &kind.keyless }
    }
}

impl Kind {
    async fn prepare(client: &Client, is_one: bool) -> Result<Self, DatabaseError> {
        let keyed = client.prepare(&append_sql(is_one, true)).await?;
        Ok(Self { keyed, keyless: client.prepare(&append_sql(is_one, false)).await? })
    }
}

/// The text for one event or for many, with an idempotency key among them or with none. The arrays of a single event needn't be made
/// rows: a few hundredths of its append (docs/BENCHMARKS.md); what has no key needs no look at the keys.
#[must_use]
pub fn append_sql(is_one: bool, is_keyed: bool) -> String {
    let mut sql = include_str!("sql/append.sql").to_owned();
    if is_one {
        sql = rewritten(&rewritten(&sql, "unnest(", "(select "), "[])", "[])[1]");
    }
    if is_keyed { sql } else { rewritten(&sql, "$17", "false") }
}
