//! The worker's session: it holds the locks, listens for wake-ups, reads what is new and writes what became of it. What is due is read on
//! a connection beside it: that may take long where much is owed, and nobody's new event waits behind it.

use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::{Client, Statement};
use tokio_util::sync::CancellationToken;

use super::EndpointKey;
use super::ownership::ANNOUNCE;
use super::secrets::SecretCache;
use crate::database::listen::Listening;
use crate::database::{DatabaseError, DatabaseUrl, Role, rewritten};
use crate::seal::Keyring;

/// A worker's session. When it ends, PostgreSQL frees the worker's buckets.
#[derive(Debug)]
pub struct Session {
    pub(super) client: Client,
    /// For reading what is due.
    pub(super) beside: Client,
    pub(super) statements: Statements,
    pub(super) secrets: SecretCache,
    /// The last position of the outbox when the session began.
    pub(super) head: i64,
    /// The process of a session that was said to hold a worker's lock without being one; 0 for none.
    pub(super) stranger: AtomicI32,
    wake: Arc<Notify>,
    ended: CancellationToken,
}

/// The statements of the hot path, prepared once a session.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) fresh: Statement,
    /// The same for events that nobody else can have begun with.
    pub(super) new: Statement,
    pub(super) due: Statement,
    pub(super) settle: Statement,
    pub(super) settle_all_taken: Statement,
    pub(super) walk: Statement,
    pub(super) secrets: Statement,
    unpark: Statement,
    pull_in: Statement,
    health: Statement,
    versions: Statement,
    pub(super) any_replay: Statement,
    pub(super) resend: Statement,
    pub(super) replay: Statement,
    pub(super) replays_over: Statement,
}

impl Session {
    /// The place in the log where its first read may begin: what is before it was there when the session began.
    #[must_use]
    pub const fn head(&self) -> i64 {
        self.head
    }

    /// Connects, announces this worker to the others, and listens. The keyring opens signing secrets.
    pub async fn open(url: &DatabaseUrl, keyring: Keyring) -> Result<Self, DatabaseError> {
        let Listening { client, wake, ended } = url.listen(Role::Worker).await?;
        client.execute(ANNOUNCE, &[]).await?;
        let beside = url.client(Role::Worker).await?;
        // It holds nothing that its silence would keep from others.
        beside.batch_execute("set idle_session_timeout = 0").await?;
        let fresh = include_str!("sql/fresh.sql");
        let statements = Statements {
            fresh: client.prepare(fresh).await?,
            new: client.prepare(&rewritten(fresh, "$12", "false")).await?,
            due: beside.prepare(include_str!("sql/due.sql")).await?,
            settle: client.prepare(include_str!("sql/settle.sql")).await?,
            settle_all_taken: client.prepare(include_str!("sql/settle_all_taken.sql")).await?,
            walk: beside.prepare(include_str!("sql/walk.sql")).await?,
            secrets: client.prepare(include_str!("sql/secrets.sql")).await?,
            unpark: client.prepare(include_str!("sql/unpark.sql")).await?,
            pull_in: client.prepare(include_str!("sql/pull_in.sql")).await?,
            health: client.prepare(include_str!("sql/health.sql")).await?,
            versions: client.prepare(include_str!("sql/versions.sql")).await?,
            any_replay: client.prepare(include_str!("sql/any_replay.sql")).await?,
            resend: client.prepare(include_str!("sql/resend.sql")).await?,
            replay: client.prepare(include_str!("sql/replay.sql")).await?,
            replays_over: client.prepare(include_str!("sql/replays_over.sql")).await?,
        };
        let head = client.query_one(include_str!("sql/head.sql"), &[]).await?.get(0);
        let (secrets, stranger) = (SecretCache::new(keyring), AtomicI32::default());
        Ok(Self { client, beside, statements, secrets, head, stranger, wake, ended })
    }

    /// Waits until somebody appended.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Whether the session has ended.
    pub fn has_ended(&self) -> bool {
        self.client.is_closed() || self.beside.is_closed()
    }

    /// Waits until the session has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Makes the partitions of the attempts' history for today and a week ahead, drops those of more than so many days ago,
    /// and forgets old idempotency keys. What can't be done now, because somebody reads the table, is done another time: a week is in stock, and there
    /// is a default partition.
    pub async fn keep_partitions(&self, retention_days: i32) {
        let make = self.client.execute(include_str!("sql/make_partitions.sql"), &[]).await;
        let drop = self.client.execute(include_str!("sql/drop_partitions.sql"), &[&retention_days]).await;
        let forget = self.client.execute(include_str!("sql/forget_keys.sql"), &[]).await;
        for error in [make, drop, forget].into_iter().filter_map(Result::err) {
            let error = DatabaseError::from(error);
            tracing::warn!(%error, "the partitions can't be looked after now");
        }
    }

    /// Writes down which endpoints have failed and which have succeeded of late. Returns those of the failing that have had no
    /// success for `too_long`.
    pub async fn record_health(
        &self,
        failing: &[EndpointKey],
        succeeded: &[EndpointKey],
        too_long: Duration,
    ) -> Result<Vec<EndpointKey>, DatabaseError> {
        let ((a, b), (c, d)) = (columns(failing), columns(succeeded));
        let too_long = i64::try_from(too_long.as_millis()).unwrap_or(i64::MAX);
        let rows = self.client.query(&self.statements.health, &[&a, &b, &c, &d, &too_long]).await?;
        Ok(rows.iter().map(|row| EndpointKey { account: row.get(0), endpoint: row.get(1) }).collect())
    }

    /// The versions of these endpoints.
    pub async fn endpoint_versions(
        &self,
        endpoints: &[EndpointKey],
    ) -> Result<Vec<(String, i64)>, DatabaseError> {
        let (accounts, ids) = columns(endpoints);
        let rows = self.client.query(&self.statements.versions, &[&accounts, &ids]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Makes what is parked due again where its endpoint has been enabled or resumed, or deleted; returns how many deliveries.
    pub async fn unpark(&self, own: &[i16]) -> Result<u64, DatabaseError> {
        Ok(self.client.execute(&self.statements.unpark, &[&own]).await?)
    }

    /// Makes due what is due later than any delay reaches, because PostgreSQL's clock has been set back; returns how many
    /// deliveries.
    pub async fn pull_in(&self, own: &[i16], longest_delay: Duration) -> Result<u64, DatabaseError> {
        let longest_delay = i64::try_from(longest_delay.as_millis()).unwrap_or(i64::MAX);
        Ok(self.client.execute(&self.statements.pull_in, &[&own, &longest_delay]).await?)
    }
}

/// Accounts and ids of endpoints, as parameters.
fn columns(keys: &[EndpointKey]) -> (Vec<i64>, Vec<String>) {
    keys.iter().map(|key| (key.account, key.endpoint.clone())).unzip()
}
