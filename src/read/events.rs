//! Events: one by its id, and lists, newest first, by position in the log.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::columns::column;
use super::lists::{EVENTS, EVENTS_OF_OBJECT, EVENTS_UNDELIVERED};
use super::page::{BYTES_MAX, Listed};
use super::{Page, Reader};
use crate::clock::Timestamp;
use crate::contract::Event;
use crate::database::{DatabaseError, Parameters};
use crate::domain::envelope::StoredEvent;
use crate::id::Id;

/// The events that a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// The types that are shown; `None` means all.
    pub types: Option<Vec<&'static str>>,
    /// The instant from which on events are shown.
    pub created_from: Option<Timestamp>,
    /// The instant before which events are shown.
    pub created_until: Option<Timestamp>,
    /// The object whose events are shown; `None` means all.
    pub object: Option<String>,
    /// True for the events that every endpoint has taken, false for those that at least one hasn't. `None`
    /// means all.
    pub delivered: Option<bool>,
}

/// The most milliseconds between a call and its event: the API's deadline of a call (`REQUEST_TIMEOUT`) and a
/// second.
const CALL_MAX_MS: u64 = 31_000;
/// The most milliseconds by which an event is earlier than its call, after a clock was set back.
const CLOCK_STEP_MS: u64 = 1_000;

/// An event, and the number of endpoints that it is still owed to.
#[derive(Debug, Clone)]
pub struct ListedEvent {
    /// The event.
    pub event: StoredEvent,
    /// The number of endpoints that it is still owed to.
    pub pending_webhooks: i64,
}

/// The most events that are shown of one call.
const OF_A_CALL_MAX: i64 = 100;

impl Reader {
    /// The event of that id; `None` if this account has none.
    pub async fn event(
        &self,
        account: i64,
        livemode: bool,
        id: Id<Event>,
    ) -> Result<Option<ListedEvent>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_opt(include_str!("sql/event.sql"), &[&account, &id.to_string()]).await?;
        Ok(row.map(|row| EventColumns::of(&row).listed(&row, livemode)))
    }

    /// The events of this account that an API call caused, in the order of the log, by the call's id and the
    /// time at which it came in. At most a hundred.
    pub async fn events_of_request(
        &self,
        account: i64,
        livemode: bool,
        request: &str,
        came: Timestamp,
    ) -> Result<Vec<ListedEvent>, DatabaseError> {
        let millis = came.millis();
        let [first, end] = [millis.saturating_sub(CLOCK_STEP_MS), millis.saturating_add(CALL_MAX_MS)]
            .map(|millis| Id::<Event>::first_at(Timestamp::from_millis(millis)).to_string());
        let client = self.client().await?;
        let parameters: &Parameters<'_> = &[&account, &first, &end, &request, &OF_A_CALL_MAX];
        let rows = client.query(include_str!("sql/events_of_request.sql"), parameters).await?;
        Ok(shown(&rows, livemode).flatten().collect())
    }

    /// A page of events; `None` if the cursor names no event of this account. A page that goes forwards ends
    /// before the first position that may still be filled.
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
        Ok(Some(page.listed(shown(&rows, livemode))))
    }

    async fn events_between(
        &self,
        account: i64,
        filter: &EventFilter,
        (after, before): (i64, i64),
        page: &Page,
    ) -> Result<Vec<Row>, DatabaseError> {
        let list = match filter.delivered {
            _ if filter.object.is_some() => &EVENTS_OF_OBJECT,
            Some(false) => &EVENTS_UNDELIVERED,
            _ => &EVENTS,
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
        client.query(page.statement(list), &parameters).await
    }

    /// The events of these ids, in their order; `None` for those that are past [`BYTES_MAX`]. Ids that the
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
        Ok(rows.iter().zip(shown(&rows, livemode)).map(|(row, event)| (row.get("id"), event)).collect())
    }

    /// The position of an event in the log.
    pub(super) async fn position(&self, account: i64, id: &str) -> Result<Option<i64>, DatabaseError> {
        let client = self.client().await?;
        Ok(client
            .query_opt(include_str!("sql/event_position.sql"), &[&account, &id])
            .await?
            .map(|row| row.get("position")))
    }
}

/// The events of rows; `None` for a row that came without its data.
pub(super) fn shown(rows: &[Row], livemode: bool) -> impl ExactSizeIterator<Item = Option<ListedEvent>> {
    let columns = rows.first().map(EventColumns::of);
    rows.iter().map(move |row| columns.as_ref()?.shown(row, livemode))
}

/// The columns of an event, looked up once: followers of the log read thousands of rows a second.
struct EventColumns {
    id: usize,
    event_type: usize,
    created_at: usize,
    version: usize,
    data: usize,
    previous: usize,
    request_id: usize,
    idempotency_key: usize,
    pending_webhooks: usize,
}

impl EventColumns {
    fn of(row: &Row) -> Self {
        let at = |name| column(row, name);
        Self {
            id: at("id"),
            event_type: at("type"),
            created_at: at("created_at"),
            version: at("version"),
            data: at("data"),
            previous: at("previous"),
            request_id: at("request_id"),
            idempotency_key: at("idempotency_key"),
            pending_webhooks: at("pending_webhooks"),
        }
    }

    fn shown(&self, row: &Row, livemode: bool) -> Option<ListedEvent> {
        row.get::<_, Option<&str>>(self.data).map(|_| self.listed(row, livemode))
    }

    fn listed(&self, row: &Row, livemode: bool) -> ListedEvent {
        let event = StoredEvent {
            id: row.get(self.id),
            event_type: row.get(self.event_type),
            created: Timestamp::from(row.get::<_, SystemTime>(self.created_at)).seconds(),
            version: row.get(self.version),
            data: row.get(self.data),
            previous: row.get(self.previous),
            request_id: row.get(self.request_id),
            idempotency_key: row.get(self.idempotency_key),
            livemode,
        };
        ListedEvent { event, pending_webhooks: row.get(self.pending_webhooks) }
    }
}
