//! Connections that are shared, and how long is waited for one.

use std::fmt;

use deadpool_postgres::Client;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::DatabaseError;
use crate::metrics::durations;

/// A pool of connections under one role, made when they are first needed.
#[derive(Clone)]
pub struct Pool {
    connections: deadpool_postgres::Pool,
    waits: Histogram,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({:?})", self.connections.status())
    }
}

impl Pool {
    pub(super) fn new(connections: deadpool_postgres::Pool) -> Self {
        Self { connections, waits: durations() }
    }

    /// A connection, until it is dropped. Waits for [`super::POOL_WAIT`] at the most.
    pub async fn get(&self) -> Result<Client, DatabaseError> {
        let asked = Instant::now();
        let client = self.connections.get().await;
        self.waits.observe(asked.elapsed().as_secs_f64());
        Ok(client?)
    }

    /// Registers how long is waited for a connection, under that name.
    pub fn register(&self, registry: &mut Registry, name: &str) {
        registry.register(name, "How long is waited for a connection to PostgreSQL", self.waits.clone());
    }
}
