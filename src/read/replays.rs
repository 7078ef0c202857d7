//! Replays: their progress, and the size of one that isn't started yet.

use super::Reader;
use crate::clock::Timestamp;
use crate::contract::{Replay, WebhookEndpoint};
use crate::database::DatabaseError;
use crate::domain::replay::ReplayFilter;
use crate::id::Id;

/// The progress of a replay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The deliveries that it has owed to the endpoint so far.
    pub owed: i64,
    /// The deliveries that wait for the endpoint, for any reason. At most 100,000 are counted.
    pub waiting: i64,
    /// The fraction of its part of the log that it has gone through, 0 to 1.
    pub fraction: f64,
}

impl Reader {
    /// The number of the account's replays that run.
    pub async fn replay_count(&self, account: i64) -> Result<i64, DatabaseError> {
        let client = self.client().await?;
        Ok(client.query_one(include_str!("sql/replay_count.sql"), &[&account]).await?.get("count"))
    }

    /// The progress of a replay; `None` if the account has none of that id.
    pub async fn replay_progress(
        &self,
        account: i64,
        id: Id<Replay>,
    ) -> Result<Option<Progress>, DatabaseError> {
        let _turn = self.heavy_turn(account).await?;
        let client = self.heavy.get().await?;
        let row =
            client.query_opt(include_str!("sql/replay_progress.sql"), &[&account, &id.to_string()]).await?;
        Ok(row.map(|row| Progress {
            owed: row.get("owed"),
            waiting: row.get("waiting"),
            fraction: row.get("fraction"),
        }))
    }

    /// The number of events that a replay would be for, among the account's newest 250,000, and true if the
    /// account has no more.
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
        Ok((row.get("count"), row.get("is_all")))
    }
}
