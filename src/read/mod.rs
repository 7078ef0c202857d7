//! The only reader for the API, under a role that can do nothing else.

mod believed;
mod columns;
pub mod deliveries;
pub mod diagnosis;
pub mod events;
pub mod feed;
mod fence;
pub mod health;
pub mod keys;
mod lag;
pub mod ledger;
mod lists;
pub mod objects;
pub mod overview;
pub mod page;
pub mod replays;
pub mod search;
pub mod sessions;
pub mod vitals;
pub mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;

use crate::database::migrate::newest;
use crate::database::{DatabaseError, Databases, POOL_WAIT, Pool, PooledClient, Replica, Role};
use crate::shares::{Place, Shares};
use believed::Believed;
use feed::Decided;
use keys::Key;
pub use page::{Direction, Page};
use watch::WatchedKeys;

/// Connections for reading.
const CONNECTIONS: usize = 8;
/// Connections for keys alone, so that no other read delays the look-up of a caller's key.
const KEY_CONNECTIONS: usize = 2;
/// The most reads at once that may go through much of the log, and as many portions for followers of it.
/// They have connections of their own. An account may have as many of each as are free.
const HEAVY_MAX: usize = 4;
/// The longest wait for a turn to read much. If reads are short, as most are, calls of one account follow
/// each other. If they go through much, the rest are refused after [`HEAVY_STILL`].
const HEAVY_PATIENCE: Duration = Duration::from_secs(2);
/// The longest part of that wait in which no turn ends.
const HEAVY_STILL: Duration = Duration::from_secs(1);

/// The time for a statement of a person's command that goes through the whole log.
const FOLD_LIMIT: &str = "set statement_timeout = '10min'";

/// The log and the state that is derived from it, for reading.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Pool,
    keys: Pool,
    heavy: Pool,
    list_turns: Shares<i64>,
    heavy_turns: Shares<i64>,
    feed_turns: Shares<i64>,
    /// A standby, for answers that may be a little behind: lists, deliveries, an endpoint's health, the
    /// dashboard's figures.
    replica: Option<Replica>,
    decided: Decided,
    /// Keys that were looked up a moment ago, by their hashes.
    known_keys: Believed<Key>,
    watched_keys: WatchedKeys,
    /// The sessions of the dashboard, by the hashes of their tokens: true for one that was ended.
    known_sessions: Believed<bool>,
    /// True once the schema was found to be new enough. It never gets older.
    has_schema: Arc<AtomicBool>,
}

impl Reader {
    /// Opens the database for reading. Connections are made when they are first needed.
    pub fn open(databases: &Databases) -> Result<Self, DatabaseError> {
        let pool = databases.pool(Role::Reader, CONNECTIONS)?;
        let replica =
            databases.replica(Role::Reader, CONNECTIONS)?.map(|replica| replica.counted_with(&pool));
        let counted =
            |connections| databases.pool(Role::Reader, connections).map(|own| own.counted_with(&pool));
        Ok(Self {
            keys: counted(KEY_CONNECTIONS)?,
            heavy: counted(2 * HEAVY_MAX)?,
            list_turns: Shares::new(CONNECTIONS, 1),
            heavy_turns: Shares::new(HEAVY_MAX, 1),
            feed_turns: Shares::new(HEAVY_MAX, 1),
            pool,
            replica,
            decided: Decided::new(&databases.primary),
            known_keys: Believed::default(),
            watched_keys: WatchedKeys::default(),
            known_sessions: Believed::default(),
            has_schema: Arc::default(),
        })
    }

    /// Registers the metrics of reading.
    pub fn register(&self, registry: &mut Registry) {
        self.pool.register(registry, "calmony_read_pool_wait_seconds");
    }

    /// True if the database answers, and its schema has everything that this version needs.
    pub async fn is_ready(&self) -> bool {
        if self.has_schema.load(Ordering::Relaxed) {
            return self.ping().await.is_ok();
        }
        let has_schema = self.schema_version().await.is_ok_and(|version| version >= newest());
        self.has_schema.store(has_schema, Ordering::Relaxed);
        has_schema
    }

    async fn ping(&self) -> Result<(), DatabaseError> {
        self.client().await?.execute("select", &[]).await?;
        Ok(())
    }

    /// The last migration that was applied.
    pub async fn schema_version(&self) -> Result<i64, DatabaseError> {
        Ok(self.client().await?.query_one(include_str!("sql/schema_version.sql"), &[]).await?.get("version"))
    }

    async fn client(&self) -> Result<PooledClient, DatabaseError> {
        self.pool.get().await
    }

    /// A connection to the standby if there is one that answers, else one of that pool to the primary.
    async fn client_behind(&self, primary: &Pool) -> Result<PooledClient, DatabaseError> {
        if let Some(replica) = &self.replica
            && let Some(client) = replica.get().await
        {
            return Ok(client);
        }
        primary.get().await
    }

    /// A turn of that account to read a page, which may be large: a connection of those that all share.
    async fn list_turn(&self, account: i64) -> Result<Place<i64>, DatabaseError> {
        let turn = self.list_turns.enter(&account, 1, POOL_WAIT, POOL_WAIT).await;
        turn.map_err(|_| DatabaseError::TooManyReads)
    }

    /// A turn of that account to read much.
    async fn heavy_turn(&self, account: i64) -> Result<Place<i64>, DatabaseError> {
        let turn = self.heavy_turns.enter(&account, 1, HEAVY_PATIENCE, HEAVY_STILL).await;
        turn.map_err(|_| DatabaseError::TooManyReads)
    }

    /// The same for a page of a list. A page that goes forwards must leave nothing out. Neither may a page
    /// after an entry that the standby hasn't received, because it lacks more than that entry.
    async fn client_for(
        &self,
        account: i64,
        page: &Page,
        primary: &Pool,
    ) -> Result<PooledClient, DatabaseError> {
        let cursor = match &page.direction {
            _ if self.replica.is_none() => return primary.get().await,
            Direction::Before(_) => return primary.get().await,
            Direction::Newest => return self.client_behind(primary).await,
            Direction::After(cursor) => cursor,
        };
        let client = self.client_behind(primary).await?;
        let row = client.query_one(include_str!("sql/knows_id.sql"), &[&account, cursor]).await?;
        if row.get("is_known") {
            return Ok(client);
        }
        // It may be one of the connections that are waited for.
        drop(client);
        primary.get().await
    }
}
