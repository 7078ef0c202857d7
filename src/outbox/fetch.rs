//! Reading what is owed: new events straight from the outbox, and deliveries whose time has come.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::secrets::Learnt;
use super::{EndpointKey, EventKey, Gaps, Session};
use crate::clock::Timestamp;
use crate::database::DatabaseError;
use crate::domain::envelope::StoredEvent;
use crate::secret::SigningSecret;
use crate::trace::TraceContext;

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
    pub secrets: Arc<[SigningSecret]>,
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
    /// Where its cause stands in a distributed trace.
    pub trace: Option<TraceContext>,
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
    /// Where its cause stands in a distributed trace.
    pub trace: Option<TraceContext>,
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

/// The bytes after which a read has no more rows: what it brings is kept in memory, however large events are.
pub const PORTION_BYTES: usize = 8 * 1024 * 1024;

/// What a read brought.
#[derive(Debug)]
pub struct Portion<W> {
    /// The work.
    pub work: W,
    /// There may be more behind it: it has as many rows as were asked for, or as many bytes as a read may have.
    pub is_part: bool,
    /// It has as many bytes as a read may have.
    pub ends_early: bool,
    /// The bytes of a row, on average.
    pub row_bytes: usize,
}

/// What was passed over, of accounts that are behind.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    /// The first event of each account that is read now, and how many at the most.
    pub events: Vec<(EventKey, i64)>,
    /// The buckets of which they are read.
    pub buckets: Vec<i16>,
    /// Another worker may have begun with some of them.
    pub begun: bool,
}

/// What a read of the outbox brought.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Events of the session's own buckets, oldest first.
    pub fresh: Vec<Fresh>,
    /// The positions that were read, in rising order: of all buckets after the cursor, of the own ones in a scan.
    pub positions: Vec<i64>,
    /// The positions that have turned up in the gaps, each with its bucket.
    pub late: Vec<(i64, i16)>,
    /// What came without its event: of other workers' buckets, or of accounts that are behind. Each with its bucket.
    pub passed: Vec<(EventKey, i16)>,
}

impl Session {
    /// Reads up to that many rows of the outbox after the cursor, and those that have turned up in the
    /// gaps. Those of accounts that are behind come without their events. Of events that were there before
    /// this session, whoever has taken them isn't asked again.
    pub async fn fresh(
        &self,
        cursor: i64,
        rows: i64,
        own: &[i16],
        (gaps, behind): (&Gaps, &[i64]),
    ) -> Result<Portion<Fetched>, DatabaseError> {
        let (first, last) = gaps.bounds();
        let none = [0_i64; 0].as_slice();
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&cursor, &rows, &own, &first, &last, &true, &behind, &none, &none, &own, &none];
        let statement = self.reading.choose(cursor < self.head, &mut parameters);
        self.read((&self.reader, statement), &parameters, rows).await
    }

    /// Reads what was passed over up to the cursor.
    pub async fn passed(&self, cursor: i64, passed: &Passed) -> Result<Portion<Fetched>, DatabaseError> {
        let Passed { events, buckets, begun } = passed;
        let columns = events.iter().map(|(event, rows)| (event.account, (event.position, *rows)));
        let (of, (from, of_each)): (Vec<i64>, (Vec<i64>, Vec<i64>)) = columns.unzip();
        let none = [0_i64; 0].as_slice();
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&cursor, &0_i64, buckets, &none, &none, &true, &none, &of, &from, buckets, &of_each];
        let statement = self.statements.passed.choose(*begun, &mut parameters);
        self.read((&self.client, statement), &parameters, 0).await
    }

    /// Reads up to that many rows of the session's own buckets after a position, and none of the others'. Those of accounts that
    /// are behind come without their events.
    pub async fn scan(
        &self,
        from: i64,
        rows: i64,
        own: &[i16],
        behind: &[i64],
    ) -> Result<Portion<Fetched>, DatabaseError> {
        let none = [0_i64; 0].as_slice();
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&from, &rows, &own, &none, &none, &false, &behind, &none, &none, &own, &none];
        let statement = self.reading.choose(true, &mut parameters);
        self.read((&self.reader, statement), &parameters, rows).await
    }

    /// Reads up to that many deliveries that are due, of each endpoint at most `of_each`, the longest due first, but none of
    /// those endpoints' and accounts'.
    pub async fn due(
        &self,
        rows: i64,
        of_each: i64,
        own: &[i16],
        (endpoints, accounts): (&[String], &[i64]),
    ) -> Result<Portion<Vec<Due>>, DatabaseError> {
        self.read((&self.beside, &self.statements.due), &[&own, &rows, &endpoints, &of_each, &accounts], rows)
            .await
    }

    /// Reads up to that many deliveries that wait for one endpoint, due or not, in the order of the log after a position.
    pub async fn walk(
        &self,
        rows: i64,
        own: &[i16],
        of: &EndpointKey,
        after: i64,
    ) -> Result<Portion<Vec<Due>>, DatabaseError> {
        let parameters: [&(dyn ToSql + Sync); 5] = [&own, &rows, &of.account, &of.endpoint, &after];
        self.read((&self.beside, &self.statements.walk), &parameters, rows).await
    }

    /// Reads work, and the secrets that sign for it where they aren't known. The rows are thrown away then and read again: nothing
    /// may come between the last row and its use, because an outcome that is written meanwhile is forgotten, and what it settled
    /// would be begun again.
    async fn read<W: Work>(
        &self,
        statement: (&Client, &Statement),
        parameters: &[&(dyn ToSql + Sync)],
        most: i64,
    ) -> Result<Portion<W>, DatabaseError> {
        let mut learnt = Learnt::new();
        loop {
            let (rows, bytes) = rows_of(statement, parameters).await?;
            let (ends_early, row_bytes) = (bytes >= PORTION_BYTES, bytes / rows.len().max(1));
            let mut work = W::of(&rows);
            let is_part = ends_early || i64::try_from(work.rows()).unwrap_or(i64::MAX) >= most;
            let unknown = self.secrets.sign(work.targets(), &learnt);
            if unknown.is_empty() || !learnt.is_empty() && work.can_do_without(&unknown) {
                return Ok(Portion { work, is_part, ends_early, row_bytes });
            }
            self.learn(unknown, &mut learnt).await?;
        }
    }
}

/// The rows of a statement, up to the one that reaches [`PORTION_BYTES`], and their bytes.
async fn rows_of(
    (client, statement): (&Client, &Statement),
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<(Vec<Row>, usize), DatabaseError> {
    let mut stream = pin!(client.query_raw(statement, parameters.iter().copied()).await?);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = stream.next().await.transpose()? {
        bytes += row.raw_size_bytes();
        rows.push(row);
        if bytes >= PORTION_BYTES {
            break;
        }
    }
    Ok((rows, bytes))
}

/// What a read brings.
trait Work {
    fn of(rows: &[Row]) -> Self;

    /// The rows that its limit counts.
    fn rows(&self) -> usize;

    /// Whatever has to be signed for, each with its account.
    fn targets(&mut self) -> Vec<(i64, &mut Target)>;

    /// Leaves out whatever is for these endpoints, if it is found again by another read. What is read in a fixed order isn't, and
    /// needs no such end: the next read brings the same endpoints.
    fn can_do_without(&mut self, endpoints: &BTreeSet<EndpointKey>) -> bool;
}

impl Work for Fetched {
    fn of(rows: &[Row]) -> Self {
        let mut fetched = Self::default();
        for row in rows {
            if row.get(3) {
                fetched.late.push((row.get(1), row.get(2)));
            } else {
                fetched.positions.push(row.get(1));
            }
            if row.get::<_, Option<&str>>(4).is_some() {
                fetched.fresh.push(fresh_row(row));
            } else {
                let key = EventKey { account: row.get(0), position: row.get(1) };
                fetched.passed.push((key, row.get(2)));
            }
        }
        fetched
    }

    fn rows(&self) -> usize {
        self.positions.len()
    }

    fn targets(&mut self) -> Vec<(i64, &mut Target)> {
        let with_account = |fresh| {
            let Fresh { key, targets, .. }: &mut Fresh = fresh;
            let account = key.account;
            targets.iter_mut().map(move |fresh_target| (account, &mut fresh_target.target))
        };
        self.fresh.iter_mut().flat_map(with_account).collect()
    }

    fn can_do_without(&mut self, _: &BTreeSet<EndpointKey>) -> bool {
        false
    }
}

impl Work for Vec<Due> {
    fn of(rows: &[Row]) -> Self {
        rows.iter().map(due_row).collect()
    }

    fn rows(&self) -> usize {
        self.len()
    }

    fn targets(&mut self) -> Vec<(i64, &mut Target)> {
        let enabled = self.iter_mut().filter(|due| due.status == EndpointStatus::Enabled);
        enabled.map(|due| (due.key.account, &mut due.target)).collect()
    }

    fn can_do_without(&mut self, endpoints: &BTreeSet<EndpointKey>) -> bool {
        self.retain(|due| {
            let key = EndpointKey { account: due.key.account, endpoint: due.target.endpoint.clone() };
            !endpoints.contains(&key)
        });
        true
    }
}

fn fresh_row(row: &Row) -> Fresh {
    let texts = |column: usize| row.get::<_, Option<Vec<String>>>(column).unwrap_or_default();
    let flags = |column: usize| row.get::<_, Option<Vec<bool>>>(column).unwrap_or_default();
    let rate_limits = row.get::<_, Option<Vec<Option<i32>>>>(16).unwrap_or_default();
    let versions = row.get::<_, Option<Vec<i64>>>(21).unwrap_or_default();
    let names = texts(14).into_iter().zip(texts(15)).zip(versions.into_iter().zip(rate_limits));
    let modes = flags(17).into_iter().zip(flags(18)).zip(flags(19).into_iter().zip(flags(20)));
    let mut targets = Vec::new();
    for (((endpoint, url), (version, rate_limit)), ((paused, ordered), (behind, order_gap))) in
        names.zip(modes)
    {
        let target = Target { order_gap, ..target(endpoint, version, url, rate_limit) };
        targets.push(FreshTarget { target, paused, ordered, behind });
    }
    Fresh {
        key: EventKey { account: row.get(0), position: row.get(1) },
        bucket: row.get(2),
        stream: row.get(13),
        event: event(row),
        trace: trace(row, 22),
        targets,
    }
}

fn due_row(row: &Row) -> Due {
    Due {
        key: EventKey { account: row.get(0), position: row.get(1) },
        bucket: row.get(2),
        attempts: u32::try_from(row.get::<_, i32>(3)).unwrap_or(0),
        event: event(row),
        trace: trace(row, 23),
        target: Target {
            order_gap: row.get(19),
            ..target(row.get(13), row.get(22), row.get(14), row.get(17))
        },
        status: match row.get(15) {
            "enabled" => EndpointStatus::Enabled,
            "deleted" => EndpointStatus::Deleted,
            _ => EndpointStatus::Waiting,
        },
        pending_webhooks: row.get(16),
        behind: row.get::<_, Option<i64>>(18).map(|ms| Duration::from_millis(ms.unsigned_abs())),
        early: row.get(20),
        line: row.get::<_, Option<&str>>(21).map(Into::into),
    }
}

/// A target that is given its secrets later.
fn target(endpoint: String, version: i64, url: String, rate_limit: Option<i32>) -> Target {
    let rate_limit = rate_limit.and_then(|rate| u32::try_from(rate).ok());
    Target { endpoint, version, url, secrets: Arc::default(), rate_limit, order_gap: false }
}

fn trace(row: &Row, column: usize) -> Option<TraceContext> {
    row.get::<_, Option<&str>>(column)?.parse().ok()
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
