//! The worker's session: it holds the locks and writes the outcomes of deliveries. Two connections stand
//! beside it: one listens for wake-ups and reads new events, one reads due deliveries. Nobody's new
//! event waits behind a write or behind owed deliveries.

use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, mpsc};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use tokio_util::sync::CancellationToken;

use super::EndpointKey;
use super::ownership::ANNOUNCE;
use super::secrets::SecretCache;
use crate::database::listen::Attended;
use crate::database::{DatabaseError, DatabaseUrl, Role, rewritten};
use crate::seal::Keyring;

/// The channel on which workers call the owners of a group's next event (`sql/call_owners.sql`).
const CHANNEL: &str = "calmony_group";

/// A worker's session. When it ends, PostgreSQL frees the worker's buckets.
#[derive(Debug)]
pub struct Session {
    pub(super) client: Client,
    /// The connection that reads new events.
    pub(super) reader: Client,
    pub(super) reading: FreshStatements,
    /// The connection that reads due deliveries.
    pub(super) beside: Client,
    pub(super) statements: Statements,
    pub(super) secrets: SecretCache,
    /// The last position of the outbox when the session began.
    pub(super) head: i64,
    /// The process of a session that was said to hold a worker's lock without being one; 0 for none.
    pub(super) stranger: AtomicI32,
    wake: Arc<Notify>,
    /// Calls of other workers.
    pub(super) messages: Mutex<mpsc::Receiver<String>>,
    ended: [CancellationToken; 2],
}

/// The statements of the hot path, prepared once a session.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) passed: FreshStatements,
    pub(super) due: Statement,
    pub(super) settle: Statement,
    pub(super) settle_all_taken: Statement,
    pub(super) walk: Statement,
    pub(super) call: Statement,
    pub(super) call_owners: Statement,
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

/// The statement that reads the outbox, prepared on one connection.
#[derive(Debug)]
pub(super) struct FreshStatements {
    /// The statement for events that another worker may have begun with.
    begun: Statement,
    /// The statement for all others.
    new: Statement,
}

impl FreshStatements {
    async fn prepare(client: &Client) -> Result<Self, DatabaseError> {
        let fresh = include_str!("sql/fresh.sql");
        let new = client.prepare(&rewritten(fresh, "$12", "false")).await?;
        Ok(Self { begun: client.prepare(fresh).await?, new })
    }

    /// The statement for events that may have been begun with or not, and its last parameter.
    pub(super) fn choose(&self, begun: bool, parameters: &mut Vec<&(dyn ToSql + Sync)>) -> &Statement {
        if !begun {
            return &self.new;
        }
        parameters.push(&true);
        &self.begun
    }
}

impl Session {
    /// The place in the log where its first read may begin: the events before it were there when the
    /// session began.
    #[must_use]
    pub const fn head(&self) -> i64 {
        self.head
    }

    /// Connects, announces this worker to the others, and listens. The keyring opens signing secrets.
    pub async fn open(url: &DatabaseUrl, keyring: Keyring) -> Result<Self, DatabaseError> {
        let Attended { client, ended, .. } = url.attend(Role::Worker).await?;
        client.execute(ANNOUNCE, &[]).await?;
        let reader = url.listen(Role::Worker).await?;
        reader.client.batch_execute(&format!("listen {CHANNEL}")).await?;
        let beside = url.client(Role::Worker).await?;
        for holds_nothing in [&reader.client, &beside] {
            // Their silence keeps nothing from others.
            holds_nothing.batch_execute("set idle_session_timeout = 0").await?;
        }
        let statements = Statements {
            passed: FreshStatements::prepare(&client).await?,
            due: beside.prepare(include_str!("sql/due.sql")).await?,
            settle: client.prepare(include_str!("sql/settle.sql")).await?,
            settle_all_taken: client.prepare(include_str!("sql/settle_all_taken.sql")).await?,
            call: client.prepare(include_str!("sql/call.sql")).await?,
            call_owners: client.prepare(include_str!("sql/call_owners.sql")).await?,
            walk: beside.prepare(include_str!("sql/walk.sql")).await?,
            secrets: reader.client.prepare(include_str!("sql/secrets.sql")).await?,
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
        let reading = FreshStatements::prepare(&reader.client).await?;
        let (wake, messages, ended) = (reader.wake, Mutex::new(reader.messages), [ended, reader.ended]);
        let reader = reader.client;
        Ok(Self {
            client,
            reader,
            reading,
            beside,
            statements,
            secrets,
            head,
            stranger,
            wake,
            messages,
            ended,
        })
    }

    /// Waits until somebody appended.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// True if the session has ended.
    pub fn has_ended(&self) -> bool {
        [&self.client, &self.reader, &self.beside].iter().any(|client| client.is_closed())
    }

    /// Waits until the session has ended.
    pub async fn ended(&self) {
        let [session, reader] = &self.ended;
        tokio::select! {
            () = session.cancelled() => {}
            () = reader.cancelled() => {}
        }
    }

    /// Makes the partitions of the attempts' history for today and a week ahead, drops those of more than so
    /// many days ago, and forgets old idempotency keys. A task that can't be done now, because somebody reads
    /// the table, is done another time: a week is in stock, and there is a default partition.
    pub async fn keep_partitions(&self, retention_days: i32) {
        let make = self.client.execute(include_str!("sql/make_partitions.sql"), &[]).await;
        let drop = self.client.execute(include_str!("sql/drop_partitions.sql"), &[&retention_days]).await;
        let forget = self.client.execute(include_str!("sql/forget_keys.sql"), &[]).await;
        for error in [make, drop, forget].into_iter().filter_map(Result::err) {
            let error = DatabaseError::from(error);
            tracing::warn!(%error, "the partitions can't be looked after now");
        }
    }

    /// Writes down which endpoints have failed and which have succeeded of late. Returns those of the
    /// failing that have had no success for `too_long`.
    pub async fn record_health(
        &self,
        failing: &[EndpointKey],
        succeeded: &[EndpointKey],
        too_long: Duration,
    ) -> Result<Vec<EndpointKey>, DatabaseError> {
        let ((a, b), (c, d)) = (columns(failing), columns(succeeded));
        let too_long = i64::try_from(too_long.as_millis()).unwrap_or(i64::MAX);
        let rows = self.client.query(&self.statements.health, &[&a, &b, &c, &d, &too_long]).await?;
        let key = |row: &Row| EndpointKey { account: row.get("account"), endpoint: row.get("endpoint") };
        Ok(rows.iter().map(key).collect())
    }

    /// The versions of these endpoints.
    pub async fn endpoint_versions(
        &self,
        endpoints: &[EndpointKey],
    ) -> Result<Vec<(String, i64)>, DatabaseError> {
        let (accounts, ids) = columns(endpoints);
        let rows = self.client.query(&self.statements.versions, &[&accounts, &ids]).await?;
        Ok(rows.iter().map(|row| (row.get("id"), row.get("version"))).collect())
    }

    /// Makes parked deliveries due again where their endpoint has been enabled or resumed, or deleted;
    /// returns how many.
    pub async fn unpark(&self, own: &[i16]) -> Result<u64, DatabaseError> {
        Ok(self.client.execute(&self.statements.unpark, &[&own]).await?)
    }

    /// Makes deliveries due that are due later than any delay reaches, because PostgreSQL's clock has
    /// been set back; returns how many.
    pub async fn pull_in(&self, own: &[i16], longest_delay: Duration) -> Result<u64, DatabaseError> {
        let longest_delay = i64::try_from(longest_delay.as_millis()).unwrap_or(i64::MAX);
        Ok(self.client.execute(&self.statements.pull_in, &[&own, &longest_delay]).await?)
    }
}

/// Accounts and ids of endpoints, as parameters.
fn columns(keys: &[EndpointKey]) -> (Vec<i64>, Vec<String>) {
    keys.iter().map(|key| (key.account, key.endpoint.clone())).unzip()
}
