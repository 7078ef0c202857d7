//! Events: one by its id, and lists, newest first, by position in the log.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::page::{BYTES_MAX, Listed};
use super::{Page, Reader};
use crate::clock::Timestamp;
use crate::contract::Event;
use crate::database::{DatabaseError, Parameters};
use crate::domain::envelope::StoredEvent;
use crate::id::Id;

/// Which events a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of one of these types.
    pub types: Option<Vec<&'static str>>,
    /// From this instant on.
    pub created_from: Option<Timestamp>,
    /// Before this instant.
    pub created_until: Option<Timestamp>,
    /// Of this object.
    pub object: Option<String>,
    /// That every endpoint has taken, or that not every one has.
    pub delivered: Option<bool>,
}

/// How much later than a call its event may be made, in milliseconds: the API's deadline of a call (`REQUEST_TIMEOUT`) and a second.
const CALL_MAX_MS: u64 = 31_000;
/// How much earlier, by a clock that was set back meanwhile.
const CLOCK_STEP_MS: u64 = 1_000;

/// An event, and to how many endpoints it is still owed.
#[derive(Debug, Clone)]
pub struct ListedEvent {
    /// The event.
    pub event: StoredEvent,
    /// Endpoints it is still owed to.
    pub pending_webhooks: i64,
}

impl Reader {
    /// The event of that id; `None` when this account has none.
    pub async fn event(
        &self,
        account: i64,
        livemode: bool,
        id: Id<Event>,
    ) -> Result<Option<ListedEvent>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_opt(include_str!("sql/event.sql"), &[&account, &id.to_string()]).await?;
        Ok(row.map(|row| listed(&row, livemode)))
    }

    /// The event that the API call of that id caused, which came in then; `None` when it caused none of this account's.
    pub async fn event_of_request(
        &self,
        account: i64,
        livemode: bool,
        request: &str,
        came: Timestamp,
    ) -> Result<Option<ListedEvent>, DatabaseError> {
        let millis = came.millis();
        let [first, end] = [millis.saturating_sub(CLOCK_STEP_MS), millis.saturating_add(CALL_MAX_MS)]
            .map(|millis| Id::<Event>::first_at(Timestamp::from_millis(millis)).to_string());
        let client = self.client().await?;
        let parameters: &Parameters<'_> = &[&account, &first, &end, &request];
        let row = client.query_opt(include_str!("sql/event_of_request.sql"), parameters).await?;
        Ok(row.map(|row| listed(&row, livemode)))
    }

    /// A page of events; `None` when the cursor names no event of this account. A page that goes forwards ends before whatever may
    /// still be stepped over.
    pub async fn events(
        &self,
        account: i64,
        livemode: bool,
        filter: &EventFilter,
        page: &Page,
    ) -> Result<Option<Listed<ListedEvent>>, DatabaseError> {
        let Some((after, mut before)) = self.range(account, page).await? else { return Ok(None) };
        if page.reads_forwards() {
            before = self.decided_position().await?.saturating_add(1);
        }
        let rows = self.events_between(account, filter, (after, before), page).await?;
        Ok(Some(page.listed(rows.iter().map(|row| shown(row, livemode)))))
    }

    async fn events_between(
        &self,
        account: i64,
        filter: &EventFilter,
        (after, before): (i64, i64),
        page: &Page,
    ) -> Result<Vec<Row>, DatabaseError> {
        let sql = match (filter.delivered, page.reads_forwards()) {
            _ if filter.object.is_some() && page.reads_forwards() => {
                include_str!("sql/events_of_object_newer.sql")
            }
            _ if filter.object.is_some() => include_str!("sql/events_of_object_older.sql"),
            (Some(false), true) => include_str!("sql/events_undelivered_newer.sql"),
            (Some(false), false) => include_str!("sql/events_undelivered_older.sql"),
            (_, true) => include_str!("sql/events_newer.sql"),
            (_, false) => include_str!("sql/events_older.sql"),
        };
        let time = |at: Option<Timestamp>| at.map(Timestamp::system_time);
        let (from, until) = (time(filter.created_from), time(filter.created_until));
        let may_pass_over =
            filter.types.is_some() || filter.delivered.is_some() || from.is_some() || until.is_some();
        let (primary, _turn) = if may_pass_over {
            (&self.heavy, self.heavy_turn(account).await?)
        } else {
            (&self.pool, self.list_turn(account).await?)
        };
        // An object's history goes with the object, which is never behind.
        let client = if filter.object.is_some() {
            primary.get().await?
        } else {
            self.client_for(account, page, primary).await?
        };
        let (rows, delivered) = (page.rows(), filter.delivered == Some(true));
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&account, &after, &before, &rows, &filter.types, &from, &until];
        if filter.object.is_some() {
            parameters.push(&filter.delivered);
            parameters.push(&filter.object);
        } else if filter.delivered != Some(false) {
            parameters.push(&delivered);
        }
        parameters.push(&BYTES_MAX);
        client.query(sql, &parameters).await
    }

    /// The events of these ids, in their order; `None` for those that are past [`BYTES_MAX`]. Those that the
    /// account doesn't have are left out.
    pub async fn events_of_ids(
        &self,
        account: i64,
        livemode: bool,
        ids: &[String],
    ) -> Result<Vec<(String, Option<ListedEvent>)>, DatabaseError> {
        let _turn = self.list_turn(account).await?;
        let client = self.client().await?;
        let sql = include_str!("sql/events_of_ids.sql");
        let rows = client.query(sql, &[&account, &ids, &BYTES_MAX]).await?;
        Ok(rows.iter().map(|row| (row.get(0), shown(row, livemode))).collect())
    }

    /// Where an event stands in the log.
    pub(super) async fn position(&self, account: i64, id: &str) -> Result<Option<i64>, DatabaseError> {
        let client = self.client().await?;
        Ok(client
            .query_opt(include_str!("sql/event_position.sql"), &[&account, &id])
            .await?
            .map(|row| row.get(0)))
    }
}

/// The event of a row; `None` where it came without its data.
pub(super) fn shown(row: &Row, livemode: bool) -> Option<ListedEvent> {
    row.get::<_, Option<&str>>(4).map(|_| listed(row, livemode))
}

fn listed(row: &Row, livemode: bool) -> ListedEvent {
    let event = StoredEvent {
        id: row.get(0),
        event_type: row.get(1),
        created: Timestamp::from(row.get::<_, SystemTime>(2)).seconds(),
        version: row.get(3),
        data: row.get(4),
        previous: row.get(5),
        request_id: row.get(6),
        idempotency_key: row.get(7),
        livemode,
    };
    ListedEvent { event, pending_webhooks: row.get(8) }
}
