//! Reading owed deliveries: new events straight from the outbox, and deliveries whose time has come.

use std::collections::BTreeSet;
use std::pin::pin;

use futures_util::StreamExt as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::rows::{due_row, event_key, fresh_row};
use super::secrets::Learnt;
use super::work::{Due, EndpointStatus, Fresh, Target};
use super::{EndpointKey, EventKey, Gaps, Session};
use crate::database::DatabaseError;

/// The bytes after which a read has no more rows: its rows are kept in memory, however large events are.
pub const PORTION_BYTES: usize = 8 * 1024 * 1024;

/// The result of a read.
#[derive(Debug)]
pub struct Portion<W> {
    /// The work.
    pub work: W,
    /// There may be more behind it: it has as many rows as were asked for, or as many bytes as a read
    /// may have.
    pub is_part: bool,
    /// It has as many bytes as a read may have.
    pub ends_early: bool,
    /// The bytes of a row, on average.
    pub row_bytes: usize,
}

/// The events to read of accounts that are behind, which were passed over.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    /// The first event of each account that is read now, and how many at the most.
    pub events: Vec<(EventKey, i64)>,
    /// The buckets of which they are read.
    pub buckets: Vec<i16>,
    /// Another worker may have begun with some of them.
    pub begun: bool,
}

/// The result of a read of the outbox.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Events of the session's own buckets, oldest first.
    pub fresh: Vec<Fresh>,
    /// The positions that were read, in rising order: of all buckets after the cursor, of the own ones
    /// in a scan.
    pub positions: Vec<i64>,
    /// The positions that have turned up in the gaps, each with its bucket.
    pub late: Vec<(i64, i16)>,
    /// The rows that came without their events: of other workers' buckets, or of accounts that are behind.
    /// Each has its bucket.
    pub passed: Vec<(EventKey, i16)>,
}

impl Session {
    /// Reads up to that many rows of the outbox after the cursor, and those that have turned up in the
    /// gaps. Those of accounts that are behind come without their events. Of events that were there
    /// before this session, endpoints that have taken them aren't asked again.
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

    /// Reads the events that were passed over up to the cursor.
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

    /// Reads up to that many rows of the session's own buckets after a position, and none of the
    /// others'. Those of accounts that are behind come without their events.
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

    /// Reads up to that many deliveries that are due, of each endpoint at most `of_each`, the longest
    /// due first, but none of those endpoints' and accounts'.
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

    /// Reads up to that many deliveries that wait for one endpoint, due or not, in the order of the log
    /// after a position.
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

    /// Reads work, and the secrets that sign for it where they aren't known. The rows are thrown away
    /// then and read again: nothing may come between the last row and its use, because an outcome that
    /// is written meanwhile is forgotten, and the delivery that it settled would be begun again.
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

/// Work that a read brings.
trait Work {
    fn of(rows: &[Row]) -> Self;

    /// The rows that its limit counts.
    fn rows(&self) -> usize;

    /// The targets that have to be signed for, each with its account.
    fn targets(&mut self) -> Vec<(i64, &mut Target)>;

    /// Leaves out the work for these endpoints, if it is found again by another read. Work that is read
    /// in a fixed order isn't, and needs no such end: the next read brings the same endpoints.
    fn can_do_without(&mut self, endpoints: &BTreeSet<EndpointKey>) -> bool;
}

impl Work for Fetched {
    fn of(rows: &[Row]) -> Self {
        let mut fetched = Self::default();
        for row in rows {
            if row.get("is_late") {
                fetched.late.push((row.get("position"), row.get("bucket")));
            } else {
                fetched.positions.push(row.get("position"));
            }
            if row.get::<_, Option<&str>>("event").is_some() {
                fetched.fresh.push(fresh_row(row));
            } else {
                fetched.passed.push((event_key(row), row.get("bucket")));
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
