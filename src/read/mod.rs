//! The only reader for the API, under a role that can do nothing else.

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

use deadpool_postgres::Client;
use prometheus_client::registry::Registry;

use crate::database::{DatabaseError, DatabaseUrl, Pool, Role};
use feed::Decided;
use keys::KnownKeys;
pub use page::{Direction, Page};

/// Connections for reading.
const CONNECTIONS: usize = 8;

/// The log and what is derived from it, for reading.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Pool,
    decided: Decided,
    known_keys: KnownKeys,
}

impl Reader {
    /// Opens the database for reading. Connections are made when they are first needed.
    pub fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let pool = url.pool(Role::Reader, CONNECTIONS)?;
        Ok(Self { pool, decided: Decided::new(url), known_keys: KnownKeys::default() })
    }

    /// Registers what reading counts.
    pub fn register(&self, registry: &mut Registry) {
        self.pool.register(registry, "calmony_read_pool_wait_seconds");
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        self.client().await?.execute("select", &[]).await?;
        Ok(())
    }

    /// The last migration that was applied.
    pub async fn schema_version(&self) -> Result<i64, DatabaseError> {
        Ok(self.client().await?.query_one(include_str!("sql/schema_version.sql"), &[]).await?.get(0))
    }

    async fn client(&self) -> Result<Client, DatabaseError> {
        self.pool.get().await
    }
}
