//! The condition of an endpoint.

use std::time::SystemTime;

use super::Reader;
use crate::clock::Timestamp;
use crate::contract::WebhookEndpoint;
use crate::database::DatabaseError;
use crate::id::Id;

/// The number of attempts that are looked at, those of the newest events.
pub const ATTEMPTS: i64 = 200;

/// An endpoint's condition.
#[derive(Debug, Clone, Copy)]
pub struct EndpointHealth {
    /// The time since which it has taken nothing; `None` if its last attempt was a success.
    pub failing_since: Option<Timestamp>,
    /// The earliest time at which a delivery was or will be due.
    pub oldest_due: Option<Timestamp>,
    /// Deliveries that wait for a retry or their turn, up to ten thousand.
    pub owed: i64,
    /// Deliveries that wait for the endpoint to be enabled or resumed, up to ten thousand.
    pub parked: i64,
    /// Deliveries that were given up, among the oldest ten thousand.
    pub exhausted: i64,
    /// The number of attempts that were looked at.
    pub attempts: i64,
    /// The number of them that were taken.
    pub taken: i64,
    /// The start of the last of them that was taken.
    pub last_success: Option<Timestamp>,
    /// The start of the last of them that failed.
    pub last_failure: Option<Timestamp>,
    /// The median of their durations, in microseconds.
    pub p50_us: Option<i32>,
    /// The 95th percentile of their durations, in microseconds.
    pub p95_us: Option<i32>,
}

impl Reader {
    /// The condition of an endpoint of that account.
    pub async fn endpoint_health(
        &self,
        account: i64,
        endpoint: Id<WebhookEndpoint>,
    ) -> Result<EndpointHealth, DatabaseError> {
        let client = self.client_behind(&self.pool).await?;
        let row = client
            .query_one(include_str!("sql/endpoint_health.sql"), &[&account, &endpoint.to_string(), &ATTEMPTS])
            .await?;
        let time = |name: &str| row.get::<_, Option<SystemTime>>(name).map(Timestamp::from);
        Ok(EndpointHealth {
            failing_since: time("failing_since"),
            oldest_due: time("oldest_due"),
            owed: row.get("owed"),
            parked: row.get("parked"),
            exhausted: row.get("exhausted"),
            attempts: row.get("attempts"),
            taken: row.get("taken"),
            last_success: time("last_success"),
            last_failure: time("last_failure"),
            p50_us: row.get("p50_us"),
            p95_us: row.get("p95_us"),
        })
    }
}
