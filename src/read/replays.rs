//! Replays: how far they are, and how much one would be.

use super::Reader;
use crate::clock::Timestamp;
use crate::contract::{Replay, WebhookEndpoint};
use crate::database::DatabaseError;
use crate::domain::replay::ReplayFilter;
use crate::id::Id;

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Deliveries it has owed to the endpoint so far.
    pub owed: i64,
    /// Deliveries that wait for the endpoint, whatever for; at most 100,000 are counted.
    pub waiting: i64,
    /// How much of its part of the log it has gone through, 0 to 1.
    pub fraction: f64,
}

impl Reader {
    /// How many replays of the account run.
    pub async fn replay_count(&self, account: i64) -> Result<i64, DatabaseError> {
        let client = self.client().await?;
        Ok(client.query_one(include_str!("sql/replay_count.sql"), &[&account]).await?.get(0))
    }

    /// How far a replay is.
    pub async fn replay_progress(
        &self,
        account: i64,
        id: Id<Replay>,
    ) -> Result<Option<Progress>, DatabaseError> {
        let _turn = self.heavy_turn(account).await?;
        let client = self.heavy.get().await?;
        let row =
            client.query_opt(include_str!("sql/replay_progress.sql"), &[&account, &id.to_string()]).await?;
        Ok(row.map(|row| Progress { owed: row.get(0), waiting: row.get(1), fraction: row.get(2) }))
    }

    /// How many of the account's newest 250,000 events a replay would be for, and whether these are all.
    pub async fn replay_dry_run(
        &self,
        account: i64,
        endpoint: Id<WebhookEndpoint>,
        filter: &ReplayFilter,
    ) -> Result<(i64, bool), DatabaseError> {
        let time = |second: Option<u64>| second.map(|at| Timestamp::from_millis(at * 1000).system_time());
        let (from, until) = (time(filter.created_from), time(filter.created_until));
        let _turn = self.heavy_turn(account).await?;
        let client = self.heavy.get().await?;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 7] = [
            &account,
            &endpoint.to_string(),
            &filter.types,
            &filter.related_object,
            &from,
            &until,
            &filter.only_failed,
        ];
        let row = client.query_one(include_str!("sql/replay_dry_run.sql"), &parameters).await?;
        Ok((row.get(0), row.get(1)))
    }
}
