//! The events that each endpoint asked for, over time: from its own events.

use std::time::SystemTime;

use tokio_postgres::{Client, Row};

use crate::database::DatabaseError;

/// A time in which an endpoint asked for the same events all along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) account: i64,
    pub(super) endpoint: String,
    /// The position of the change that began it, and its time.
    pub(super) after: i64,
    pub(super) since: SystemTime,
    /// The position of the change that ended it, and its time; `None` while it lasts.
    pub(super) end: Option<(i64, SystemTime)>,
    pub(super) enabled_events: Vec<String>,
}

struct Change {
    account: i64,
    endpoint: String,
    position: i64,
    at: SystemTime,
    deleted: bool,
    enabled: bool,
    enabled_events: Vec<String>,
}

impl Change {
    fn read(row: &Row) -> Self {
        Self {
            account: row.get("account"),
            endpoint: row.get("endpoint"),
            position: row.get("position"),
            at: row.get("created_at"),
            deleted: row.get("deleted"),
            enabled: row.get("enabled"),
            enabled_events: row.get("enabled_events"),
        }
    }

    fn asks(&self) -> bool {
        self.enabled && !self.deleted
    }

    fn begins(&self) -> Interval {
        Interval {
            account: self.account,
            endpoint: self.endpoint.clone(),
            after: self.position,
            since: self.at,
            end: None,
            enabled_events: self.enabled_events.clone(),
        }
    }
}

/// The intervals of all endpoints that haven't been deleted. The deliveries owed to a deleted one have gone
/// with it.
pub(super) async fn intervals(client: &Client) -> Result<Vec<Interval>, DatabaseError> {
    let rows = client.query(include_str!("../sql/verify_history.sql"), &[]).await?;
    let changes: Vec<Change> = rows.iter().map(Change::read).collect();
    let of_one = changes.chunk_by(|a, b| a.account == b.account && a.endpoint == b.endpoint);
    Ok(of_one
        .filter(|changes| !changes.last().is_some_and(|last| last.deleted))
        .flat_map(intervals_of)
        .collect())
}

/// The intervals of one endpoint. A change that asks for the same events extends the last one.
fn intervals_of(changes: &[Change]) -> Vec<Interval> {
    let mut intervals: Vec<Interval> = Vec::new();
    for change in changes {
        let open = intervals.last_mut().filter(|last| last.end.is_none());
        let same = open.as_ref().is_some_and(|open| open.enabled_events == change.enabled_events);
        if same && change.asks() {
            continue;
        }
        if let Some(open) = open {
            open.end = Some((change.position, change.at));
        }
        if change.asks() {
            intervals.push(change.begins());
        }
    }
    intervals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(position: i64, enabled: bool, events: &[&str]) -> Change {
        Change {
            account: 1,
            endpoint: "we_1".to_owned(),
            position,
            at: SystemTime::UNIX_EPOCH,
            deleted: false,
            enabled,
            enabled_events: events.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn an_interval_lasts_while_the_same_is_asked_for() {
        let changes = [
            change(1, true, &["a"]),
            change(5, true, &["a"]),
            change(9, false, &["a"]),
            change(12, true, &["a"]),
            change(20, true, &["a", "b"]),
        ];
        let found: Vec<_> = intervals_of(&changes)
            .into_iter()
            .map(|interval| {
                (interval.after, interval.end.map(|(position, _)| position), interval.enabled_events.len())
            })
            .collect();
        assert_eq!(found, [(1, Some(9), 1), (12, Some(20), 1), (20, None, 2)]);
    }
}
