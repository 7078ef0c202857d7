//! Reading what is owed: new events straight from the outbox, and deliveries whose time has come.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{EventKey, Gaps, Session};
use crate::clock::Timestamp;
use crate::database::DatabaseError;
use crate::domain::envelope::StoredEvent;
use crate::secret::{SigningSecret, SigningSecretError};

/// An endpoint to send to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its id.
    pub endpoint: String,
    /// Where to.
    pub url: String,
    /// Its live signing secrets, the newest first.
    pub secrets: Vec<SigningSecret>,
}

/// An event that is not yet fanned out.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// Where it stands.
    pub key: EventKey,
    /// The bucket of its object.
    pub bucket: i16,
    /// The event.
    pub event: StoredEvent,
    /// The endpoints that ask for it.
    pub targets: Vec<Target>,
}

/// A delivery whose time has come.
#[derive(Debug, Clone)]
pub struct Due {
    /// Where its event stands.
    pub key: EventKey,
    /// The bucket of its object.
    pub bucket: i16,
    /// How many attempts there were.
    pub attempts: u32,
    /// The event.
    pub event: StoredEvent,
    /// Whether the endpoint wants it now.
    pub status: EndpointStatus,
    /// The endpoint.
    pub target: Target,
    /// Endpoints the event is still owed to, this one included.
    pub pending_webhooks: i64,
}

/// Whether an endpoint is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointStatus {
    /// Yes.
    Enabled,
    /// Not now: what is owed waits.
    Disabled,
    /// Never again.
    Deleted,
}

/// What a read of the outbox brought.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Events of the session's own buckets, oldest first.
    pub fresh: Vec<Fresh>,
    /// The positions that were read, in rising order: of all buckets after the cursor, of the own ones in a scan.
    pub positions: Vec<i64>,
}

impl Session {
    /// Reads up to that many rows of the outbox after the cursor, and those that have turned up in the gaps.
    pub async fn fresh(
        &self,
        cursor: i64,
        rows: i64,
        own: &[i16],
        gaps: &Gaps,
    ) -> Result<Fetched, DatabaseError> {
        let (first, last) = gaps.bounds();
        let parameters: [&(dyn ToSql + Sync); 6] = [&cursor, &rows, &own, &first, &last, &true];
        Ok(fetched(&self.client.query(&self.statements.fresh, &parameters).await?))
    }

    /// Reads up to that many rows of the session's own buckets after a position, and none of the others'.
    pub async fn scan(&self, from: i64, rows: i64, own: &[i16]) -> Result<Fetched, DatabaseError> {
        let none: [i64; 0] = [];
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&from, &rows, &own, &none.as_slice(), &none.as_slice(), &false];
        Ok(fetched(&self.client.query(&self.statements.fresh, &parameters).await?))
    }

    /// Reads up to that many deliveries that are due, the longest due first, but none of those endpoints'.
    pub async fn due(&self, rows: i64, own: &[i16], but: &[String]) -> Result<Vec<Due>, DatabaseError> {
        let rows = self.client.query(&self.statements.due, &[&own, &rows, &but]).await?;
        Ok(rows.iter().map(due).collect())
    }
}

fn fetched(rows: &[Row]) -> Fetched {
    let mut fetched = Fetched::default();
    for row in rows {
        if !row.get::<_, bool>(3) {
            fetched.positions.push(row.get(1));
        }
        if row.get::<_, Option<&str>>(4).is_some() {
            fetched.fresh.push(fresh(row));
        }
    }
    fetched
}

fn fresh(row: &Row) -> Fresh {
    let list = |column: usize| row.get::<_, Option<Vec<String>>>(column).unwrap_or_default();
    let targets = list(13)
        .into_iter()
        .zip(list(14))
        .zip(row.get::<_, Option<Vec<Option<String>>>>(15).unwrap_or_default());
    Fresh {
        key: EventKey { account: row.get(0), position: row.get(1) },
        bucket: row.get(2),
        event: event(row),
        targets: targets
            .map(|((endpoint, url), secrets)| target(endpoint, url, secrets.as_deref()))
            .collect(),
    }
}

fn due(row: &Row) -> Due {
    Due {
        key: EventKey { account: row.get(0), position: row.get(1) },
        bucket: row.get(2),
        attempts: u32::try_from(row.get::<_, i32>(3)).unwrap_or(0),
        event: event(row),
        target: target(row.get(13), row.get(14), row.get(16)),
        status: match row.get(15) {
            "enabled" => EndpointStatus::Enabled,
            "disabled" => EndpointStatus::Disabled,
            _ => EndpointStatus::Deleted,
        },
        pending_webhooks: row.get(17),
    }
}

/// Both statements have the event in the columns 4 to 12.
fn event(row: &Row) -> StoredEvent {
    StoredEvent {
        id: row.get(4),
        event_type: row.get(5),
        created: Timestamp::from(row.get::<_, SystemTime>(6)).seconds(),
        version: row.get(7),
        data: row.get(8),
        previous: row.get(9),
        request_id: row.get(10),
        idempotency_key: row.get(11),
        livemode: row.get(12),
    }
}

fn target(endpoint: String, url: String, secrets: Option<&str>) -> Target {
    let parsed: Result<Vec<_>, SigningSecretError> =
        secrets.unwrap_or_default().split_whitespace().map(SigningSecret::parse).collect();
    let secrets = parsed.unwrap_or_else(|error| {
        // The table's constraint and the only writer make this impossible; the receiver refuses what is unsigned.
        tracing::error!(endpoint, %error, "a stored signing secret can't be read");
        Vec::new()
    });
    Target { endpoint, url, secrets }
}
