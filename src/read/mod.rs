//! The only reader for the API, under a role that can do nothing else.

pub mod deliveries;
pub mod events;
pub mod feed;
mod fence;
pub mod keys;
pub mod objects;
pub mod page;
pub mod replays;
pub mod search;

use deadpool_postgres::{Client, Pool};

use crate::database::{DatabaseError, DatabaseUrl, Role};
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

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        self.client().await?.execute("select", &[]).await?;
        Ok(())
    }

    async fn client(&self) -> Result<Client, DatabaseError> {
        Ok(self.pool.get().await?)
    }
}
