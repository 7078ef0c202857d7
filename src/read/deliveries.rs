//! Deliveries and their attempts: the endpoints that have received an event, those that haven't, and the
//! reasons.

use std::collections::HashMap;
use std::convert::identity;
use std::time::SystemTime;

use tokio_postgres::Row;

use super::columns::column;
use super::lists::DELIVERIES_OF_ENDPOINT;
use super::page::{BYTES_MAX, Listed};
use super::{Direction, Page, Reader};
use crate::clock::Timestamp;
use crate::contract::{Event, WebhookEndpoint};
use crate::database::{DatabaseError, Moment, Parameters};
use crate::id::Id;

/// The number of a delivery's last attempts that are shown. Fewer are shown if all the bytes of answers would
/// be more than [`BYTES_MAX`], of which each delivery has an equal share.
pub const ATTEMPTS_SHOWN: i64 = 20;

/// An event and an endpoint that it is or was owed to.
#[derive(Debug, Clone)]
pub struct Delivery {
    position: i64,
    /// The event's id.
    pub event: String,
    /// The endpoint's id.
    pub endpoint: String,
    /// `pending`, `owed`, `parked`, `exhausted`, `delivered`, or `dropped` with its endpoint.
    pub state: String,
    /// The time at which the next attempt is due.
    pub due_at: Option<Timestamp>,
    /// The last attempts, newest first.
    pub attempts: Vec<Attempt>,
    /// True if there were more.
    pub has_more_attempts: bool,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The number of the attempt in its delivery, from 1. An attempt ahead of its time doesn't count.
    pub number: i32,
    /// The time at which it began. The signature's timestamp is its second.
    pub started_at: Timestamp,
    /// The microseconds that it took.
    pub duration_us: i32,
    /// The HTTP status; `None` without an answer.
    pub status: Option<i16>,
    /// The class of the failure; `None` after a success.
    pub error: Option<String>,
    /// The first bytes of the answer.
    pub response: Option<String>,
    /// True if the answer had more.
    pub truncated: bool,
    /// The microseconds of its phases: name look-up, connection, TLS, and until the first byte.
    pub phases_us: [Option<i32>; 4],
    /// True if it was made ahead of its time, because the endpoint may be or is back.
    pub early: bool,
    /// True if an earlier event of the object was given up, and the endpoint asks for order.
    pub order_gap: bool,
}

impl Reader {
    /// The deliveries of an event. There are none if this account has no such event or no endpoint asks for
    /// it.
    pub async fn deliveries_of_event(
        &self,
        account: i64,
        event: Id<Event>,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        let mut client = self.client().await?;
        // A worker writes both at once.
        let moment = client.moment(None).await?;
        let rows = moment
            .query(include_str!("sql/deliveries_of_event.sql"), &[&account, &event.to_string()])
            .await?;
        with_attempts(&moment, account, rows.iter().map(delivery).collect()).await
    }

    /// A page of the deliveries of an endpoint, by the place of their events in the log; `None` if the cursor
    /// names no event of this account.
    pub async fn deliveries_of_endpoint(
        &self,
        account: i64,
        endpoint: Id<WebhookEndpoint>,
        state: Option<&str>,
        page: &Page,
    ) -> Result<Option<Listed<Delivery>>, DatabaseError> {
        let Some((after, before)) = self.range(account, page).await? else { return Ok(None) };
        let _turn = self.heavy_turn(account).await?;
        let mut client = self.client_for(account, page, &self.heavy).await?;
        // A worker writes both at once.
        let moment = client.moment(None).await?;
        let (sql, rows, endpoint) =
            (page.statement(&DELIVERIES_OF_ENDPOINT), page.rows(), endpoint.to_string());
        let rows = moment.query(sql, &[&account, &after, &before, &rows, &endpoint, &state]).await?;
        let listed = page.listed(rows.iter().map(|row| Some(delivery(row))));
        let entries = with_attempts(&moment, account, listed.entries).await?;
        Ok(Some(Listed { entries, has_more: listed.has_more }))
    }

    /// The positions that a page of events lies between; `None` if its cursor names no event of this account.
    pub(super) async fn range(&self, account: i64, page: &Page) -> Result<Option<(i64, i64)>, DatabaseError> {
        let (Direction::After(cursor) | Direction::Before(cursor)) = &page.direction else {
            return Ok(Some((0, i64::MAX)));
        };
        let position = self.position(account, cursor).await?;
        Ok(position.map(|position| if page.reads_forwards() { (position, i64::MAX) } else { (0, position) }))
    }
}

async fn with_attempts(
    moment: &Moment<'_>,
    account: i64,
    mut deliveries: Vec<Delivery>,
) -> Result<Vec<Delivery>, DatabaseError> {
    let positions: Vec<i64> = deliveries.iter().map(|delivery| delivery.position).collect();
    let endpoints: Vec<&str> = deliveries.iter().map(|delivery| delivery.endpoint.as_str()).collect();
    let share = BYTES_MAX / i64::try_from(deliveries.len()).unwrap_or(i64::MAX).max(1);
    let parameters: &Parameters<'_> = &[&account, &positions, &endpoints, &(ATTEMPTS_SHOWN + 1), &share];
    let rows = moment.query(include_str!("sql/attempts.sql"), parameters).await?;
    let mut attempts: HashMap<(i64, String), Vec<Option<Attempt>>> = HashMap::new();
    if let Some(columns) = rows.first().map(AttemptColumns::of) {
        for row in &rows {
            let key = (row.get(columns.position), row.get(columns.endpoint));
            attempts.entry(key).or_default().push(columns.attempt(row));
        }
    }
    let shown = usize::try_from(ATTEMPTS_SHOWN).unwrap_or(usize::MAX);
    for delivery in &mut deliveries {
        let key = (delivery.position, delivery.endpoint.clone());
        let read = attempts.remove(&key).unwrap_or_default();
        let count = read.len();
        delivery.attempts = read.into_iter().take(shown).map_while(identity).collect();
        delivery.has_more_attempts = delivery.attempts.len() < count;
    }
    Ok(deliveries)
}

fn delivery(row: &Row) -> Delivery {
    Delivery {
        position: row.get("position"),
        event: row.get("event"),
        endpoint: row.get("endpoint"),
        state: row.get("state"),
        due_at: row.get::<_, Option<SystemTime>>("due_at").map(Timestamp::from),
        attempts: Vec::new(),
        has_more_attempts: false,
    }
}

/// The columns of attempts, looked up once: there are many, and up to two thousand rows.
struct AttemptColumns {
    position: usize,
    endpoint: usize,
    number: usize,
    started_at: usize,
    duration_us: usize,
    status: usize,
    error: usize,
    response: usize,
    truncated: usize,
    phases_us: [usize; 4],
    early: usize,
    order_gap: usize,
    fits: usize,
}

impl AttemptColumns {
    fn of(row: &Row) -> Self {
        let at = |name| column(row, name);
        Self {
            position: at("position"),
            endpoint: at("endpoint"),
            number: at("number"),
            started_at: at("started_at"),
            duration_us: at("duration_us"),
            status: at("status"),
            error: at("error"),
            response: at("response"),
            truncated: at("truncated"),
            phases_us: ["dns_us", "connect_us", "tls_us", "first_byte_us"].map(at),
            early: at("early"),
            order_gap: at("order_gap"),
            fits: at("fits"),
        }
    }

    /// The attempt of a row; `None` if it is past the bytes of its delivery.
    fn attempt(&self, row: &Row) -> Option<Attempt> {
        row.get::<_, bool>(self.fits).then(|| Attempt {
            number: row.get(self.number),
            started_at: Timestamp::from(row.get::<_, SystemTime>(self.started_at)),
            duration_us: row.get(self.duration_us),
            status: row.get(self.status),
            error: row.get(self.error),
            response: row.get(self.response),
            truncated: row.get(self.truncated),
            phases_us: self.phases_us.map(|phase| row.get(phase)),
            early: row.get(self.early),
            order_gap: row.get(self.order_gap),
        })
    }
}
