//! The only reader for the API, under a role that can do nothing else.

mod believed;
pub mod condition;
pub mod deliveries;
pub mod diagnosis;
pub mod events;
pub mod feed;
mod fence;
pub mod health;
pub mod keys;
pub mod objects;
pub mod overview;
pub mod page;
pub mod replays;
pub mod search;
pub mod sessions;
pub mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::registry::Registry;

use crate::database::migrate::newest;
use crate::database::{DatabaseError, Databases, Pool, PooledClient, Replica, Role};
use believed::Believed;
use feed::Decided;
use keys::Key;
pub use page::{Direction, Page};
use watch::WatchedKeys;

/// Connections for reading.
const CONNECTIONS: usize = 8;

/// The log and what is derived from it, for reading.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Pool,
    /// A standby, for what may be a little behind: lists, deliveries, an endpoint's health, the dashboard's figures.
    replica: Option<Replica>,
    decided: Decided,
    /// Keys that were looked up a moment ago, by their hashes.
    known_keys: Believed<Key>,
    watched_keys: WatchedKeys,
    /// Whether sessions of the dashboard were ended, by the hashes of their tokens.
    known_sessions: Believed<bool>,
    /// Whether the schema was found to be new enough; it never gets older.
    has_schema: Arc<AtomicBool>,
}

impl Reader {
    /// Opens the database for reading. Connections are made when they are first needed.
    pub fn open(databases: &Databases) -> Result<Self, DatabaseError> {
        let pool = databases.pool(Role::Reader, CONNECTIONS)?;
        let replica =
            databases.replica(Role::Reader, CONNECTIONS)?.map(|replica| replica.counted_with(&pool));
        Ok(Self {
            pool,
            replica,
            decided: Decided::new(&databases.primary),
            known_keys: Believed::default(),
            watched_keys: WatchedKeys::default(),
            known_sessions: Believed::default(),
            has_schema: Arc::default(),
        })
    }

    /// Registers what reading counts.
    pub fn register(&self, registry: &mut Registry) {
        self.pool.register(registry, "calmony_read_pool_wait_seconds");
    }

    /// Whether the database answers, and has all that this version needs of it.
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
        Ok(self.client().await?.query_one(include_str!("sql/schema_version.sql"), &[]).await?.get(0))
    }

    async fn client(&self) -> Result<PooledClient, DatabaseError> {
        self.pool.get().await
    }

    /// A connection to the standby if there is one that answers, else to the primary.
    async fn client_behind(&self) -> Result<PooledClient, DatabaseError> {
        if let Some(replica) = &self.replica
            && let Some(client) = replica.get().await
        {
            return Ok(client);
        }
        self.client().await
    }

    /// The same for a page of a list. What goes forwards must leave nothing out; neither may what goes on after something that the standby
    /// hasn't heard of, because it lacks more than that.
    async fn client_for(&self, account: i64, page: &Page) -> Result<PooledClient, DatabaseError> {
        let cursor = match &page.direction {
            _ if self.replica.is_none() => return self.client().await,
            Direction::Before(_) => return self.client().await,
            Direction::Newest => return self.client_behind().await,
            Direction::After(cursor) => cursor,
        };
        let client = self.client_behind().await?;
        let is_known = client.query_one(include_str!("sql/knows_id.sql"), &[&account, cursor]).await?.get(0);
        if is_known { Ok(client) } else { self.client().await }
    }
}
