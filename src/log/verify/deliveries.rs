//! Every event was delivered, or is owed, parked or exhausted, for every endpoint that asked for it from
//! before the commit until the fan-out.
//!
//! The time of an event's fan-out isn't on record. If an endpoint was changed around the time of an event
//! that left no trace, the event is lost only if attempts prove that the fan-out of its bucket had gone
//! beyond it before the change.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use tokio_postgres::{Client, Row, Statement};

use super::history::{Interval, intervals};
use super::report::{Report, Watch};
use crate::database::{DatabaseError, STATEMENT_TIMEOUT_MS};

/// The number of positions of one portion.
const PORTION: i64 = 5_000;

/// An event that an endpoint asked for and of which there is no trace.
struct Missing {
    event: String,
    position: i64,
    created_at: SystemTime,
    bucket: i16,
}

/// Looks at every event for every endpoint.
pub(super) async fn check(
    client: &Client,
    report: &mut Report,
    watch: &mut impl Watch,
) -> Result<(), DatabaseError> {
    let (head, horizon) = horizon(client).await?;
    let statement = client.prepare(include_str!("../sql/verify_deliveries.sql")).await?;
    let intervals = intervals(client).await?;
    let end = |interval: &Interval| interval.end.map_or(head, |(position, _)| position - 1);
    let length = |interval: &Interval| u64::try_from(end(interval) - interval.after).unwrap_or(0);
    watch.stage("deliveries", intervals.iter().map(length).sum());
    let mut suspects = Vec::new();
    for (index, interval) in intervals.iter().enumerate() {
        let mut after = interval.after;
        while after < end(interval) {
            let until = end(interval).min(after + PORTION);
            let missing = portion(client, &statement, interval, (after, until, horizon), report).await?;
            let found = judge(client, interval, missing, report).await?;
            suspects.extend(found.into_iter().map(|missing| (index, missing)));
            watch.done(u64::try_from(until - after).unwrap_or(0));
            after = until;
        }
    }
    confirm(client, &intervals, suspects, report).await
}

/// The end of the log, and the time since which attempts are on record.
async fn horizon(client: &Client) -> Result<(i64, SystemTime), DatabaseError> {
    let row = client.query_one(include_str!("../sql/verify_horizon.sql"), &[]).await?;
    Ok((row.get("head"), row.get("horizon")))
}

/// Reads endpoints and history again. An endpoint that was deleted, or attempts that were dropped, since
/// the beginning are no loss.
async fn confirm(
    client: &Client,
    before: &[Interval],
    suspects: Vec<(usize, Missing)>,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    if suspects.is_empty() {
        return Ok(());
    }
    let (now, (_, horizon)) = (intervals(client).await?, horizon(client).await?);
    for (index, missing) in suspects {
        let Some(interval) = before.get(index) else { continue };
        if now.contains(interval) && missing.created_at >= horizon {
            report.lost_delivery(&missing.event, &interval.endpoint);
        } else {
            report.deliveries.undecided += 1;
        }
    }
    Ok(())
}

/// Counts the events of a part of the log by their deliveries; returns those that left no trace.
async fn portion(
    client: &Client,
    statement: &Statement,
    interval: &Interval,
    (after, until, horizon): (i64, i64, SystemTime),
    report: &mut Report,
) -> Result<Vec<Missing>, DatabaseError> {
    let Interval { account, endpoint, enabled_events, .. } = interval;
    let row =
        client.query_one(statement, &[account, endpoint, &after, &until, enabled_events, &horizon]).await?;
    let count = |state: &str| u64::try_from(row.get::<_, i64>(state)).unwrap_or(0);
    let found = &mut report.deliveries;
    found.delivered += count("delivered");
    found.owed += count("owed");
    found.parked += count("parked");
    found.exhausted += count("exhausted");
    found.pending += count("pending");
    Ok(missing(&row))
}

fn missing(row: &Row) -> Vec<Missing> {
    let (events, positions): (Vec<String>, Vec<i64>) = (row.get("events"), row.get("positions"));
    let (times, buckets): (Vec<SystemTime>, Vec<i16>) = (row.get("times"), row.get("buckets"));
    let missing = events.into_iter().zip(positions).zip(times.into_iter().zip(buckets));
    missing
        .map(|((event, position), (created_at, bucket))| Missing { event, position, created_at, bucket })
        .collect()
}

/// Tells events that must be lost from those that the endpoint may not have asked for at the time of their
/// fan-out.
async fn judge(
    client: &Client,
    interval: &Interval,
    missing: Vec<Missing>,
    report: &mut Report,
) -> Result<Vec<Missing>, DatabaseError> {
    if missing.is_empty() {
        return Ok(missing);
    }
    let fanned_out: Option<HashMap<i16, i64>> = match interval.end {
        None => None,
        Some((_, at)) => {
            let rows = client.query(include_str!("../sql/verify_fanned_out.sql"), &[&at]).await?;
            Some(rows.iter().map(|row| (row.get("bucket"), row.get("position"))).collect())
        }
    };
    // A later position may have been committed before the endpoint's own event was.
    let edge = interval.since + Duration::from_millis(u64::from(STATEMENT_TIMEOUT_MS));
    let (lost, undecided): (Vec<_>, Vec<_>) = missing.into_iter().partition(|missing| {
        let reached = |reached: &HashMap<i16, i64>| {
            reached.get(&missing.bucket).is_some_and(|reached| *reached >= missing.position)
        };
        missing.created_at > edge && fanned_out.as_ref().is_none_or(reached)
    });
    report.deliveries.undecided += u64::try_from(undecided.len()).unwrap_or(0);
    Ok(lost)
}
