//! The last minutes of an account, for the dashboard.

use std::time::SystemTime;

use tokio_postgres::Row;

use super::Reader;
use crate::clock::Timestamp;
use crate::contract::Event;
use crate::database::DatabaseError;
use crate::id::Id;

/// The pages of the record of attempts that are looked at, of all accounts: some 70 attempts fit on a page.
const ATTEMPT_PAGES: i64 = 1_000;
/// Seconds that are counted together.
const SLICE: i64 = 5;
/// The greatest age of an event, in seconds.
const PAST: u32 = 600;

/// An account now, and its last minutes.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Overview {
    /// The seconds since the longest overdue delivery was due.
    pub oldest_due: f64,
    /// Deliveries that wait for a retry or their turn, up to a hundred thousand together with the next two.
    pub owed: i64,
    /// Deliveries that wait for their endpoint.
    pub parked: i64,
    /// Deliveries that were given up.
    pub exhausted: i64,
    /// Endpoints that are enabled.
    pub enabled: i64,
    /// Endpoints that have taken nothing since their last success.
    pub failing: i64,
    /// PostgreSQL's time, in seconds.
    pub now: i64,
    /// The newest event, after which the next call can go on. Its place in the log would tell how much other
    /// accounts do.
    pub after: Option<String>,
    /// Events by five seconds: the beginning and how many.
    pub events: Vec<(i64, i64)>,
    /// Attempts by five seconds.
    pub attempts: Vec<AttemptSlice>,
}

/// Attempts of five seconds.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct AttemptSlice {
    /// The beginning of the five seconds, in Unix seconds.
    pub at: i64,
    /// The number of attempts. It is an estimate if not all of them were looked at.
    pub count: i64,
    /// Those that were taken, likewise.
    pub taken: i64,
    /// The median duration, in microseconds.
    pub p50_us: i32,
    /// The 95th percentile of the durations, in microseconds.
    pub p95_us: i32,
}

impl Reader {
    /// The account now, its events after that one (the newest twenty thousand), and its attempts of the last
    /// `seconds`. The attempts are of fewer seconds if there are very many, or a day (UTC) has just begun.
    pub async fn overview(
        &self,
        account: i64,
        after: Option<Id<Event>>,
        seconds: u32,
    ) -> Result<Overview, DatabaseError> {
        let after = after.map(|id| id.to_string());
        let position = match &after {
            Some(id) => self.position(account, id).await?.unwrap_or_default(),
            None => 0,
        };
        let _turn = self.heavy_turn(account).await?;
        let client = self.client_behind(&self.heavy).await?;
        let now = client.query_one(include_str!("sql/overview_now.sql"), &[&account]).await?;
        let (up_to, clock): (i64, i64) = (now.get("position"), now.get("now"));
        // Whole slices, as they are shown.
        let since = |seconds: u32| {
            let at = u64::try_from(clock / SLICE * SLICE - i64::from(seconds)).unwrap_or_default();
            Timestamp::from_seconds(at).system_time()
        };
        let events = client
            .query(include_str!("sql/overview_events.sql"), &[&account, &position, &since(PAST), &up_to])
            .await?;
        drop(client);
        let attempts = self.attempts_since(account, since(seconds)).await?;
        Ok(Overview {
            oldest_due: now.get("oldest_due"),
            owed: now.get("owed"),
            parked: now.get("parked"),
            exhausted: now.get("exhausted"),
            enabled: now.get("enabled"),
            failing: now.get("failing"),
            now: clock,
            // Of two standbys one may be behind the other.
            after: if up_to < position { after } else { now.get("newest") },
            events: events.iter().map(|row| (row.get("at"), row.get("count"))).collect(),
            attempts,
        })
    }

    /// Attempts since then, among the last that were written down.
    async fn attempts_since(
        &self,
        account: i64,
        not_before: SystemTime,
    ) -> Result<Vec<AttemptSlice>, DatabaseError> {
        let mut client = self.client_behind(&self.heavy).await?;
        // By the pages' numbers, however cheap an index may look.
        let moment = client
            .moment(Some(
                "set local enable_seqscan = off; set local enable_indexscan = off; \
                 set local enable_bitmapscan = off",
            ))
            .await?;
        let rows = moment
            .query(include_str!("sql/overview_attempts.sql"), &[&account, &not_before, &ATTEMPT_PAGES])
            .await?;
        Ok(rows.iter().map(slice).collect())
    }

    /// Ids of the account's objects and events that begin so, at most `count_max`.
    pub async fn ids_beginning(
        &self,
        account: i64,
        beginning: &str,
        count_max: i64,
    ) -> Result<Vec<String>, DatabaseError> {
        let client = self.client().await?;
        // Ids are ASCII, so that nothing sorts between ids that begin so and this.
        let end = format!("{beginning}\u{7f}");
        let rows = client
            .query(include_str!("sql/ids_beginning.sql"), &[&account, &beginning, &end, &count_max])
            .await?;
        Ok(rows.iter().map(|row| row.get("id")).collect())
    }
}

fn slice(row: &Row) -> AttemptSlice {
    AttemptSlice {
        at: row.get("at"),
        count: row.get("count"),
        taken: row.get("taken"),
        p50_us: row.get("p50_us"),
        p95_us: row.get("p95_us"),
    }
}
