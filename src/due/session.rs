//! A biller's session: it holds the locks of the biller's buckets, and reads the due objects in them.
//! Steps don't use it.

use std::sync::atomic::{AtomicI32, Ordering};

use tokio_postgres::{Client, Statement};
use tokio_util::sync::CancellationToken;

use super::work::{Ask, Found};
use crate::database::listen::Attended;
use crate::database::{DatabaseError, DatabaseUrl, Role, WORKER_SILENCE_MS};

/// A biller's session. When it ends, PostgreSQL frees the biller's buckets.
#[derive(Debug)]
pub struct Session {
    client: Client,
    due: Statement,
    /// The process of a session that was said to hold a biller's lock without being one; 0 for none.
    stranger: AtomicI32,
    ended: CancellationToken,
}

impl Session {
    /// Connects, and announces this biller to the others.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let Attended { client, ended, .. } = url.attend(Role::Biller).await?;
        // PostgreSQL then frees the buckets of a machine that vanished or a biller that stopped. A read that
        // passes over much takes milliseconds, and needs no other processes for that.
        let silence = format!(
            "set idle_session_timeout = {WORKER_SILENCE_MS}; set tcp_keepalives_idle = 5; \
             set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3; set tcp_user_timeout = 20000; \
             set max_parallel_workers_per_gather = 0"
        );
        client.batch_execute(&silence).await?;
        client.execute(include_str!("sql/announce.sql"), &[]).await?;
        let due = client.prepare(include_str!("sql/due.sql")).await?;
        Ok(Self { client, due, stranger: AtomicI32::default(), ended })
    }

    /// Waits until the session has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// The objects that are due, those that have been due longest first.
    pub async fn due(&self, ask: &Ask) -> Result<Vec<Found>, DatabaseError> {
        let Ask { buckets, rows, but_accounts, but_objects, but_kinds, live } = ask;
        let rows = self
            .client
            .query(&self.due, &[buckets, rows, but_accounts, but_objects, but_kinds, live])
            .await?;
        Ok(rows.iter().map(Found::from).collect())
    }

    /// The number of billers, this one included.
    pub async fn billers(&self) -> Result<usize, DatabaseError> {
        let row = self.client.query_one(include_str!("sql/billers.sql"), &[]).await?;
        self.note_stranger(row.get("stranger"));
        Ok(usize::try_from(row.get::<_, i64>("billers")).unwrap_or(1))
    }

    /// Warns once of a session that is no biller's and holds a biller's lock. It can keep buckets from being
    /// owned, and only PostgreSQL's administrator can end it.
    fn note_stranger(&self, process: Option<i32>) {
        let told = self.stranger.swap(process.unwrap_or_default(), Ordering::Relaxed);
        if let Some(process) = process.filter(|process| *process != told) {
            tracing::warn!(
                process,
                "a session that is no biller's holds a biller's lock; what is in that bucket waits until \
                 `select pg_terminate_backend({process})` ends it"
            );
        }
    }

    /// Takes up to `count_max` buckets that no biller owns.
    pub async fn take_buckets(&self, count_max: usize) -> Result<Vec<i16>, DatabaseError> {
        let count_max = i32::try_from(count_max).unwrap_or(i32::MAX);
        let rows = self.client.query(include_str!("sql/take_buckets.sql"), &[&count_max]).await?;
        Ok(rows.iter().map(|row| row.get("bucket")).collect())
    }

    /// Releases buckets.
    pub async fn release_buckets(&self, buckets: &[i16]) -> Result<(), DatabaseError> {
        self.client.execute(include_str!("sql/release_buckets.sql"), &[&buckets]).await?;
        Ok(())
    }

    /// True if live mode is billed in this database.
    pub async fn is_adopted(&self) -> Result<bool, DatabaseError> {
        Ok(self.client.query_one(include_str!("sql/adopted.sql"), &[]).await?.get("adopted"))
    }

    /// The number of objects of live mode that are due, up to a thousand.
    pub async fn held_back(&self) -> Result<i64, DatabaseError> {
        Ok(self.client.query_one(include_str!("sql/held_back.sql"), &[]).await?.get("objects"))
    }
}
