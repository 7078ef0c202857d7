//! Work as the statements bring it, row by row.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_postgres::Row;

use super::EventKey;
use super::work::{Due, EndpointStatus, Fresh, FreshTarget, Target};
use crate::clock::Timestamp;
use crate::domain::envelope::StoredEvent;
use crate::trace::TraceContext;

pub(super) fn fresh_row(row: &Row) -> Fresh {
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

pub(super) fn due_row(row: &Row) -> Due {
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
