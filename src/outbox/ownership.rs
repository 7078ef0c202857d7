//! Sharing buckets out among workers, by advisory locks of their sessions and nothing else.
//!
//! Every worker holds a shared lock that announces it, and an exclusive one for each bucket. The number of
//! shared locks is the number of workers. Each worker then holds its fair share and releases the buckets
//! beyond it.

use std::sync::atomic::Ordering;

use super::Session;
use crate::database::DatabaseError;

/// Announces this worker. The class and the lock's number are those of the migrations.
pub(super) const ANNOUNCE: &str = include_str!("sql/announce.sql");

impl Session {
    /// The number of workers, this one included.
    pub async fn workers(&self) -> Result<usize, DatabaseError> {
        let row = self.client.query_one(include_str!("sql/workers.sql"), &[]).await?;
        self.note_stranger(row.get("stranger"));
        Ok(usize::try_from(row.get::<_, i64>("workers")).unwrap_or(1))
    }

    /// Warns once of a session that is no worker's and holds a worker's lock. It can keep buckets from
    /// being owned, and only PostgreSQL's administrator can end it.
    fn note_stranger(&self, process: Option<i32>) {
        let told = self.stranger.swap(process.unwrap_or_default(), Ordering::Relaxed);
        if let Some(process) = process.filter(|process| *process != told) {
            tracing::warn!(
                process,
                "a session that is no worker's holds a worker's lock; what is in that bucket waits until \
                 `select pg_terminate_backend({process})` ends it"
            );
        }
    }

    /// Takes up to `count_max` buckets that no worker owns.
    pub async fn take_buckets(&self, count_max: usize) -> Result<Vec<i16>, DatabaseError> {
        let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
        let rows = self.client.query(include_str!("sql/take_buckets.sql"), &[&count_max]).await?;
        Ok(rows.iter().map(|row| row.get("bucket")).collect())
    }

    /// Releases buckets. None of their requests may be in flight, and none of their outcomes unwritten.
    pub async fn release_buckets(&self, buckets: &[i16]) -> Result<(), DatabaseError> {
        self.client.execute(include_str!("sql/release_buckets.sql"), &[&buckets]).await?;
        Ok(())
    }
}
