//! Reading what is owed: new events straight from the outbox, and deliveries whose time has come.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{EndpointKey, EventKey, Gaps, Session};
use crate::clock::Timestamp;
use crate::database::DatabaseError;
use crate::domain::envelope::StoredEvent;
use crate::secret::SigningSecret;

/// An endpoint to send to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its id.
    pub endpoint: String,
    /// How often it has been changed.
    pub version: i64,
    /// Where to.
    pub url: String,
    /// Its live signing secrets, the newest first. None when they can't be opened: then nothing can be sent.
    pub secrets: Vec<SigningSecret>,
    /// How many requests a second it takes, where it says so.
    pub rate_limit: Option<u32>,
    /// Where it asks for order: an earlier event of the object was given up.
    pub order_gap: bool,
}

/// An endpoint that asks for an event which is not yet fanned out.
#[derive(Debug, Clone)]
pub struct FreshTarget {
    /// The endpoint.
    pub target: Target,
    /// Nothing is sent now: what is owed waits.
    pub paused: bool,
    /// It asks for order.
    pub ordered: bool,
    /// It asks for order, and an earlier event of the object waits for it.
    pub behind: bool,
}

/// An event that is not yet fanned out.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// Where it stands.
    pub key: EventKey,
    /// The bucket of its object.
    pub bucket: i16,
    /// The object.
    pub stream: String,
    /// The event.
    pub event: StoredEvent,
    /// The endpoints that ask for it.
    pub targets: Vec<FreshTarget>,
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
    /// It stands in line behind an earlier event of its object, for so long at least.
    pub behind: Option<Duration>,
    /// It isn't due yet.
    pub early: bool,
    /// The object it stands in line for, where its endpoint asks for order.
    pub line: Option<Arc<str>>,
}

/// Whether an endpoint is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointStatus {
    /// Yes.
    Enabled,
    /// Not now, because it is disabled or paused: what is owed waits.
    Waiting,
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
    /// Reads up to that many rows of the outbox after the cursor, and those that have turned up in the gaps. Of events that were
    /// there before this session, whoever has taken them isn't asked again.
    pub async fn fresh(
        &self,
        cursor: i64,
        rows: i64,
        own: &[i16],
        gaps: &Gaps,
    ) -> Result<Fetched, DatabaseError> {
        let (first, last) = gaps.bounds();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&cursor, &rows, &own, &first, &last, &true];
        let statement = if cursor < self.head {
            parameters.push(&true);
            &self.statements.fresh
        } else {
            &self.statements.new
        };
        Ok(self.fetched(&self.client.query(statement, &parameters).await?))
    }

    /// Reads up to that many rows of the session's own buckets after a position, and none of the others'.
    pub async fn scan(&self, from: i64, rows: i64, own: &[i16]) -> Result<Fetched, DatabaseError> {
        let none: [i64; 0] = [];
        let parameters: [&(dyn ToSql + Sync); 7] =
            [&from, &rows, &own, &none.as_slice(), &none.as_slice(), &false, &true];
        Ok(self.fetched(&self.client.query(&self.statements.fresh, &parameters).await?))
    }

    /// Reads up to that many deliveries that are due, of each endpoint at most `of_each`, the longest due first, but none of
    /// those endpoints'.
    pub async fn due(
        &self,
        rows: i64,
        of_each: i64,
        own: &[i16],
        but: &[String],
    ) -> Result<Vec<Due>, DatabaseError> {
        let rows = self.client.query(&self.statements.due, &[&own, &rows, &but, &of_each]).await?;
        Ok(rows.iter().map(|row| self.due_row(row)).collect())
    }

    /// Reads up to that many deliveries that wait for one endpoint, due or not, in the order of the log after a position.
    pub async fn walk(
        &self,
        rows: i64,
        own: &[i16],
        of: &EndpointKey,
        after: i64,
    ) -> Result<Vec<Due>, DatabaseError> {
        let parameters: [&(dyn ToSql + Sync); 5] = [&own, &rows, &of.account, &of.endpoint, &after];
        let rows = self.client.query(&self.statements.walk, &parameters).await?;
        Ok(rows.iter().map(|row| self.due_row(row)).collect())
    }

    fn fetched(&self, rows: &[Row]) -> Fetched {
        let mut fetched = Fetched::default();
        for row in rows {
            if !row.get::<_, bool>(3) {
                fetched.positions.push(row.get(1));
            }
            if row.get::<_, Option<&str>>(4).is_some() {
                fetched.fresh.push(self.fresh_row(row));
            }
        }
        fetched
    }

    fn fresh_row(&self, row: &Row) -> Fresh {
        let texts = |column: usize| row.get::<_, Option<Vec<String>>>(column).unwrap_or_default();
        let flags = |column: usize| row.get::<_, Option<Vec<bool>>>(column).unwrap_or_default();
        let secrets = row.get::<_, Option<Vec<Option<String>>>>(16).unwrap_or_default();
        let rate_limits = row.get::<_, Option<Vec<Option<i32>>>>(17).unwrap_or_default();
        let versions = row.get::<_, Option<Vec<i64>>>(22).unwrap_or_default();
        let names = texts(14).into_iter().zip(texts(15)).zip(versions);
        let limits = secrets.into_iter().zip(rate_limits);
        let modes = flags(18).into_iter().zip(flags(19)).zip(flags(20).into_iter().zip(flags(21)));
        let mut targets = Vec::new();
        for ((((endpoint, url), version), (secrets, rate_limit)), ((paused, ordered), (behind, order_gap))) in
            names.zip(limits).zip(modes)
        {
            let target = self.target(endpoint, url, secrets.as_deref(), rate_limit);
            targets.push(FreshTarget {
                target: Target { version, order_gap, ..target },
                paused,
                ordered,
                behind,
            });
        }
        Fresh {
            key: EventKey { account: row.get(0), position: row.get(1) },
            bucket: row.get(2),
            stream: row.get(13),
            event: event(row),
            targets,
        }
    }

    fn due_row(&self, row: &Row) -> Due {
        Due {
            key: EventKey { account: row.get(0), position: row.get(1) },
            bucket: row.get(2),
            attempts: u32::try_from(row.get::<_, i32>(3)).unwrap_or(0),
            event: event(row),
            target: Target {
                order_gap: row.get(20),
                version: row.get(23),
                ..self.target(row.get(13), row.get(14), row.get(16), row.get(18))
            },
            status: match row.get(15) {
                "enabled" => EndpointStatus::Enabled,
                "deleted" => EndpointStatus::Deleted,
                _ => EndpointStatus::Waiting,
            },
            pending_webhooks: row.get(17),
            behind: row.get::<_, Option<i64>>(19).map(|ms| Duration::from_millis(ms.unsigned_abs())),
            early: row.get(21),
            line: row.get::<_, Option<&str>>(22).map(Into::into),
        }
    }

    fn target(
        &self,
        endpoint: String,
        url: String,
        secrets: Option<&str>,
        rate_limit: Option<i32>,
    ) -> Target {
        let secrets = self.secrets.open(&endpoint, secrets.unwrap_or_default());
        let rate_limit = rate_limit.and_then(|rate| u32::try_from(rate).ok());
        Target { endpoint, version: 0, url, secrets, rate_limit, order_gap: false }
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
