//! How an endpoint is doing.

use std::time::SystemTime;

use super::Reader;
use crate::clock::Timestamp;
use crate::contract::WebhookEndpoint;
use crate::database::DatabaseError;
use crate::id::Id;

/// So many attempts are looked at, those of the newest events.
pub const ATTEMPTS: i64 = 200;

/// An endpoint's condition.
#[derive(Debug, Clone, Copy)]
pub struct EndpointHealth {
    /// Since when it has taken nothing; none when its last attempt was a success.
    pub failing_since: Option<Timestamp>,
    /// When the delivery was due that is due, or will be, first.
    pub oldest_due: Option<Timestamp>,
    /// Deliveries that wait for a retry or their turn, up to ten thousand.
    pub owed: i64,
    /// Deliveries that wait for the endpoint to be enabled or resumed, up to ten thousand.
    pub parked: i64,
    /// Deliveries that were given up, among the oldest ten thousand.
    pub exhausted: i64,
    /// Attempts that were looked at.
    pub attempts: i64,
    /// Those of them that were taken.
    pub taken: i64,
    /// When one of them was last taken.
    pub last_success: Option<Timestamp>,
    /// When one of them last failed.
    pub last_failure: Option<Timestamp>,
    /// How long the middle one of them took, in microseconds.
    pub p50_us: Option<i32>,
    /// How long all but a twentieth of them took at the most.
    pub p95_us: Option<i32>,
}

impl Reader {
    /// How an endpoint of that account is doing.
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
