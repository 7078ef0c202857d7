//! The condition of the whole system, as the database tells it: the deliveries that are owed and their age,
//! the workers, and the rows that are kept.

use std::time::Duration;

use super::Reader;
use crate::database::DatabaseError;

/// Work of all accounts. Counts of deliveries and of the outbox end at a million.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Vitals {
    /// The time since the longest overdue delivery was due, of endpoints that take deliveries.
    #[serde(rename = "oldest_due_seconds", serialize_with = "seconds")]
    pub oldest_due: Duration,
    /// The same, of endpoints that have taken nothing lately: their breaker makes their deliveries wait.
    #[serde(rename = "oldest_due_of_failing_seconds", serialize_with = "seconds")]
    pub oldest_due_of_failing: Duration,
    /// Events that are not fanned out yet.
    pub outbox: i64,
    /// Deliveries that wait for a retry, or for their turn.
    pub owed: i64,
    /// Deliveries that wait for their endpoint to be enabled or resumed.
    pub parked: i64,
    /// Deliveries that were given up after their last attempt.
    pub exhausted: i64,
    /// Endpoints that are sent to.
    pub endpoints_enabled: i64,
    /// Endpoints that are paused.
    pub endpoints_paused: i64,
    /// Endpoints that are disabled.
    pub endpoints_disabled: i64,
    /// Endpoints that have taken nothing since their last success.
    pub endpoints_failing: i64,
    /// Attempts at a processor that are open and within their time, or were a minute ago.
    pub payment_attempts_open: i64,
    /// Attempts that are open for longer.
    pub payment_attempts_overdue: i64,
    /// Replays that are running.
    pub replays_running: i64,
    /// Positions of the log that are still before the running replays.
    pub replays_left: i64,
    /// Workers that are connected.
    pub workers: i64,
    /// Buckets, of 64, that a worker owns.
    pub buckets_owned: i64,
    /// The last position of the log that was drawn.
    pub log_position: i64,
    /// Dead rows in the outbox, as PostgreSQL's statistics have it.
    pub outbox_dead_rows: i64,
    /// Dead rows among deliveries.
    pub delivery_dead_rows: i64,
    /// Days from today on that have a partition for attempts.
    pub partition_days_ahead: i64,
    /// True if the partition for days without one of their own has attempts.
    pub has_strays: bool,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

impl Reader {
    /// The condition now.
    pub async fn vitals(&self) -> Result<Vitals, DatabaseError> {
        let mut client = self.client().await?;
        // The caller doesn't wait longer. `local`: the timeout ends with this moment, not with the
        // connection.
        let moment = client.moment(Some("set local statement_timeout = '3s'")).await?;
        let row = moment.query_one(include_str!("sql/vitals.sql"), &[]).await?;
        let number = |name: &str| row.get::<_, i64>(name);
        let age = |name: &str| Duration::try_from_secs_f64(row.get(name)).unwrap_or_default();
        Ok(Vitals {
            oldest_due: age("oldest_due"),
            oldest_due_of_failing: age("oldest_due_of_failing"),
            outbox: number("outbox"),
            owed: number("owed"),
            parked: number("parked"),
            exhausted: number("exhausted"),
            endpoints_enabled: number("enabled"),
            endpoints_paused: number("paused"),
            endpoints_disabled: number("disabled"),
            endpoints_failing: number("failing"),
            payment_attempts_open: number("attempts_open"),
            payment_attempts_overdue: number("attempts_overdue"),
            replays_running: number("replays_running"),
            replays_left: number("replays_left"),
            workers: number("workers"),
            buckets_owned: number("buckets_owned"),
            log_position: number("log_position"),
            outbox_dead_rows: number("outbox_dead"),
            delivery_dead_rows: number("delivery_dead"),
            partition_days_ahead: number("partition_days"),
            has_strays: row.get("has_strays"),
        })
    }
}
