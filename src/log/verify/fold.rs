//! The state is the fold of the log: versions count 1, 2, 3 … without gaps, each event tells its change
//! truly, nothing follows a deletion, and the object stands as its last event left it.

use std::time::SystemTime;

use serde_json::Map;
use tokio_postgres::{Client, Row};

use super::estimate;
use super::report::{Report, Watch};
use crate::database::DatabaseError;
use crate::domain::diff::{previous_attributes, tells_of};

/// The most events of one portion.
const PORTION: i64 = 5_000;

/// The last event of an object that was read.
struct Last {
    account: i64,
    stream: String,
    version: i64,
    deleted: bool,
    data: String,
    /// The JSON that the object keeps to itself.
    internal: Option<String>,
    /// The time of its first event.
    born: SystemTime,
    /// True if the object stood as after this event when it was read.
    is_state: bool,
}

/// Folds the log, object by object.
pub(super) async fn check(
    client: &Client,
    report: &mut Report,
    watch: &mut impl Watch,
) -> Result<(), DatabaseError> {
    watch.stage("events", estimate(client, "event").await?);
    let statement = client.prepare(include_str!("../sql/verify_fold.sql")).await?;
    let mut last: Option<Last> = None;
    loop {
        let (account, stream, version) = last
            .as_ref()
            .map_or((i64::MIN, "", 0), |last| (last.account, last.stream.as_str(), last.version));
        let rows = client.query(&statement, &[&account, &stream, &version, &PORTION]).await?;
        for row in &rows {
            last = Some(fold(last.take(), row, report));
        }
        let count = u64::try_from(rows.len()).unwrap_or(0);
        report.events += count;
        watch.done(count);
        if rows.is_empty() {
            if let Some(last) = last {
                check_state(&last, report);
            }
            return Ok(());
        }
    }
}

fn fold(last: Option<Last>, row: &Row, report: &mut Report) -> Last {
    let happened: SystemTime = row.get("happened_at");
    let mut now = Last {
        account: row.get("account"),
        stream: row.get("stream"),
        version: row.get("version"),
        deleted: row.get("deleted"),
        data: row.get("data"),
        internal: row.get("internal"),
        born: happened,
        is_state: row.get::<_, Option<bool>>("is_state").unwrap_or(false),
    };
    let event: &str = row.get("event");
    let before = match last {
        Some(last) if last.account == now.account && last.stream == now.stream => Some(last),
        Some(last) => {
            check_state(&last, report);
            None
        }
        None => None,
    };
    now.born = before.as_ref().map_or(happened, |before| before.born);
    now.is_state &= row.get::<_, Option<SystemTime>>("born_at") == Some(now.born);
    let expected = before.as_ref().map_or(1, |before| before.version + 1);
    if now.version != expected {
        report.state_problem(format!("{} lacks version {expected} (before {event})", now.stream));
    }
    if before.as_ref().is_some_and(|before| before.deleted) {
        report.state_problem(format!("{event} follows the deletion of {}", now.stream));
    }
    if !says_what_changed(before.as_ref(), &now, row.get("previous")) {
        report.state_problem(format!("{event} doesn't say what it changed"));
    }
    now
}

/// True if `previous_attributes` has the event's change: of an update, and of nothing else. It is empty
/// where the event changed only the object's `internal`.
fn says_what_changed(before: Option<&Last>, now: &Last, previous: Option<&str>) -> bool {
    let expected = match before {
        Some(before) if !now.deleted => {
            let differs = before.internal != now.internal;
            previous_attributes(&before.data, &now.data)
                .map(|changed| changed.or_else(|| differs.then(Map::new)))
        }
        _ => Ok(None),
    };
    match (previous, expected) {
        (Some(told), Ok(change)) => tells_of(told, change.as_ref(), &now.data).unwrap_or_default(),
        (None, Ok(change)) => change.is_none(),
        (_, Err(_)) => false,
    }
}

fn check_state(last: &Last, report: &mut Report) {
    report.objects += 1;
    if !last.is_state {
        report.state_problem(format!("{} doesn't stand as its last event left it", last.stream));
    }
}

/// Finds objects without an event, and derived rows that differ from their objects.
pub(super) async fn check_orphans(
    client: &Client,
    report: &mut Report,
    watch: &mut impl Watch,
) -> Result<(), DatabaseError> {
    watch.stage("objects", report.objects);
    let statement = client.prepare(include_str!("../sql/verify_orphans.sql")).await?;
    let (mut account, mut object) = (i64::MIN, String::new());
    loop {
        let rows = client.query(&statement, &[&account, &object, &PORTION]).await?;
        for row in &rows {
            if row.get("is_orphan") {
                report.state_problem(format!("{} is an object without an event", row.get::<_, &str>("id")));
            }
        }
        watch.done(u64::try_from(rows.len()).unwrap_or(0));
        let Some(last) = rows.last() else { break };
        (account, object) = (last.get("account"), last.get("id"));
    }
    for row in client.query(include_str!("../sql/verify_derived.sql"), &[]).await? {
        report.state_problem(format!("{} is not as the log says", row.get::<_, &str>("what")));
    }
    Ok(())
}
