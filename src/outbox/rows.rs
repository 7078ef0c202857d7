//! Work as the statements bring it, row by row.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

use super::EventKey;
use super::work::{Due, EndpointStatus, Fresh, FreshTarget, Order, Target};
use crate::clock::Timestamp;
use crate::domain::envelope::StoredEvent;
use crate::trace::TraceContext;

/// The place of a row's event in the log.
pub(super) fn event_key(row: &Row) -> EventKey {
    EventKey { account: row.get("account"), position: row.get("position") }
}

pub(super) fn fresh_row(row: &Row) -> Fresh {
    let names = list(row, "endpoints").into_iter().zip(list(row, "urls"));
    let numbers = list(row, "versions").into_iter().zip(list(row, "rate_limits"));
    let modes = list(row, "paused").into_iter().zip(list(row, "ordered"));
    let lines = list(row, "behind").into_iter().zip(list(row, "order_gaps"));
    let mut targets = Vec::new();
    for (((endpoint, url), (version, rate_limit)), ((paused, ordered), (behind, order_gap))) in
        names.zip(numbers).zip(modes.zip(lines))
    {
        let target = Target { order_gap, ..target(endpoint, version, url, rate_limit) };
        targets.push(FreshTarget { target, paused, ordered, behind });
    }
    Fresh {
        key: event_key(row),
        bucket: row.get("bucket"),
        order: order(row, row.get("stream")),
        group_before: list(row, "group_before"),
        event: event(row),
        trace: trace(row),
        targets,
    }
}

pub(super) fn due_row(row: &Row) -> Due {
    let milliseconds =
        |column| row.get::<_, Option<i64>>(column).map(|ms| Duration::from_millis(ms.unsigned_abs()));
    Due {
        key: event_key(row),
        bucket: row.get("bucket"),
        attempts: u32::try_from(row.get::<_, i32>("attempts")).unwrap_or(0),
        event: event(row),
        trace: trace(row),
        target: Target {
            order_gap: row.get("order_gap"),
            ..target(row.get("endpoint"), row.get("endpoint_version"), row.get("url"), row.get("rate_limit"))
        },
        status: match row.get("status") {
            "enabled" => EndpointStatus::Enabled,
            "deleted" => EndpointStatus::Deleted,
            _ => EndpointStatus::Waiting,
        },
        pending_webhooks: row.get("pending_webhooks"),
        behind: milliseconds("behind_ms"),
        group_wait: milliseconds("group_wait_ms"),
        early: row.get("early"),
        order: row.get::<_, Option<&str>>("stream").map(|object| order(row, object)),
    }
}

/// The values of an array. A null array has none.
fn list<T: FromSqlOwned>(row: &Row, column: &str) -> Vec<T> {
    row.get::<_, Option<Vec<T>>>(column).unwrap_or_default()
}

fn order(row: &Row, object: &str) -> Order {
    Order { object: object.into(), group: row.get::<_, Option<&str>>("group_id").map(Into::into) }
}

/// A target that is given its secrets later.
fn target(endpoint: String, version: i64, url: String, rate_limit: Option<i32>) -> Target {
    let rate_limit = rate_limit.and_then(|rate| u32::try_from(rate).ok());
    Target { endpoint, version, url, secrets: Arc::default(), rate_limit, order_gap: false }
}

fn trace(row: &Row) -> Option<TraceContext> {
    row.get::<_, Option<&str>>("trace")?.parse().ok()
}

fn event(row: &Row) -> StoredEvent {
    StoredEvent {
        id: row.get("event"),
        event_type: row.get("type"),
        created: Timestamp::from(row.get::<_, SystemTime>("created_at")).seconds(),
        version: row.get("version"),
        data: row.get("data"),
        previous: row.get("previous"),
        request_id: row.get("request_id"),
        idempotency_key: row.get("idempotency_key"),
        livemode: row.get("livemode"),
    }
}
