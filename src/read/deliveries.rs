//! Deliveries and their attempts: who has got an event, who hasn't, and why not.

use std::collections::HashMap;
use std::convert::identity;
use std::time::SystemTime;

use tokio_postgres::Row;

use super::page::{BYTES_MAX, Listed};
use super::{Direction, Page, Reader};
use crate::clock::Timestamp;
use crate::contract::{Event, WebhookEndpoint};
use crate::database::{DatabaseError, Moment, Parameters};
use crate::id::Id;

/// How many attempts of a delivery are shown, the last ones: fewer where all that is shown of answers would
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
    /// When the next attempt is due.
    pub due_at: Option<Timestamp>,
    /// The last attempts, newest first.
    pub attempts: Vec<Attempt>,
    /// Whether there were more.
    pub has_more_attempts: bool,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The how-manieth of its delivery, from 1; one ahead of its time doesn't count.
    pub number: i32,
    /// When it began; the signature's timestamp is its second.
    pub started_at: Timestamp,
    /// Microseconds in all.
    pub duration_us: i32,
    /// The HTTP status, when an answer came.
    pub status: Option<i16>,
    /// The class of the failure; none when it was taken.
    pub error: Option<String>,
    /// The first bytes of the answer.
    pub response: Option<String>,
    /// Whether the answer had more.
    pub truncated: bool,
    /// Microseconds of the phases: name look-up, connection, TLS, and until the first byte.
    pub phases_us: [Option<i32>; 4],
    /// Whether it was made ahead of its time, because the endpoint may be or is back.
    pub early: bool,
    /// Whether an earlier event of the object was given up, where the endpoint asks for order.
    pub order_gap: bool,
}

impl Reader {
    /// The deliveries of an event; none when this account has no such event or nobody asks for it.
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

    /// A page of the deliveries of an endpoint, by the place of their events in the log; `None` when the cursor names no event
    /// of this account.
    pub async fn deliveries_of_endpoint(
        &self,
        account: i64,
        endpoint: Id<WebhookEndpoint>,
        state: Option<&str>,
        page: &Page,
    ) -> Result<Option<Listed<Delivery>>, DatabaseError> {
        let Some((after, before)) = self.range(account, page).await? else { return Ok(None) };
        let sql = if page.reads_forwards() {
            include_str!("sql/deliveries_newer.sql")
        } else {
            include_str!("sql/deliveries_older.sql")
        };
        let _turn = self.heavy_turn(account).await?;
        let mut client = self.client_for(account, page, &self.heavy).await?;
        // A worker writes both at once.
        let moment = client.moment(None).await?;
        let rows = moment
            .query(sql, &[&account, &after, &before, &page.rows(), &endpoint.to_string(), &state])
            .await?;
        let listed = page.listed(rows.iter().map(|row| Some(delivery(row))));
        let entries = with_attempts(&moment, account, listed.entries).await?;
        Ok(Some(Listed { entries, has_more: listed.has_more }))
    }

    /// The positions that a page of events lies between; `None` when its cursor names no event of this account.
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
    for row in &rows {
        let fits: bool = row.get(15);
        attempts.entry((row.get(0), row.get(1))).or_default().push(fits.then(|| attempt(row)));
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
        position: row.get(0),
        event: row.get(1),
        endpoint: row.get(2),
        state: row.get(3),
        due_at: row.get::<_, Option<SystemTime>>(4).map(Timestamp::from),
        attempts: Vec::new(),
        has_more_attempts: false,
    }
}

fn attempt(row: &Row) -> Attempt {
    Attempt {
        number: row.get(2),
        started_at: Timestamp::from(row.get::<_, SystemTime>(3)),
        duration_us: row.get(4),
        status: row.get(5),
        error: row.get(6),
        response: row.get(7),
        truncated: row.get(8),
        phases_us: [row.get(9), row.get(10), row.get(11), row.get(12)],
        early: row.get(13),
        order_gap: row.get(14),
    }
}
