//! Shared connections, and the wait for one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, RecyclingMethod, Runtime};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::client::PooledClient;
use super::hosts::ToAnyHost;
use super::identity::SessionCheck;
use super::parameters::ParameterTypes;
use super::{CONNECT_TIMEOUT, DatabaseError, DatabaseUrl, POOL_WAIT, Role};
use crate::metrics::durations;

/// The address of a transaction pooler before the database (PgBouncer), and the login. The pooler has a
/// database for each role, named like it (deploy/pgbouncer), because it takes no options when a connection
/// begins.
#[derive(Clone)]
pub struct PoolerUrl(DatabaseUrl);

impl fmt::Debug for PoolerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolerUrl({:?})", self.0)
    }
}

impl FromStr for PoolerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: DatabaseUrl = text.parse()?;
        match url.config.get_dbname() {
            None => Ok(Self(url)),
            Some(name) => Err(format!(
                "expected postgresql://user:password@host:6432 and no database: \
                 the pooler has one for each role, not {name}"
            )),
        }
    }
}

impl PoolerUrl {
    /// The hosts that are reached in plain text over a network, although the URL doesn't ask for that.
    #[must_use]
    pub fn plain_text_hosts(&self) -> Vec<String> {
        self.0.plain_text_hosts()
    }

    fn config(&self, role: Role) -> Config {
        let mut config = self.0.bare_config(role);
        config.dbname(role.name());
        config
    }
}

/// A pool of connections under one role, made when they are first needed.
#[derive(Clone)]
pub struct Pool {
    connections: deadpool_postgres::Pool,
    /// Set if statements can't be prepared, because the next one may meet another session.
    types: Option<Arc<ParameterTypes>>,
    waits: Histogram,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({:?})", self.connections.status())
    }
}

impl Pool {
    /// Connections to PostgreSQL itself.
    pub(super) fn to(url: &DatabaseUrl, role: Role, connections_max: usize) -> Result<Self, DatabaseError> {
        Self::build((url.config(role), &url.tls), connections_max, None, None)
    }

    /// Connections to a standby of that primary.
    pub(super) fn to_replica(
        url: &DatabaseUrl,
        primary: &DatabaseUrl,
        role: Role,
        connections_max: usize,
    ) -> Result<Self, DatabaseError> {
        let hook = checked(SessionCheck::new(primary.clone(), role));
        Self::build((url.config(role), &url.tls), connections_max, Some(hook), None)
    }

    /// Connections to a pooler before that primary.
    pub(super) fn through(
        url: &PoolerUrl,
        primary: &DatabaseUrl,
        role: Role,
        connections_max: usize,
    ) -> Result<Self, DatabaseError> {
        let hook = checked(SessionCheck::new(primary.clone(), role));
        let types = Arc::new(ParameterTypes::new(primary.clone(), role));
        Self::build((url.config(role), &url.0.tls), connections_max, Some(hook), Some(types))
    }

    fn build(
        (config, tls): (Config, &MakeRustlsConnect),
        connections_max: usize,
        hook: Option<Hook>,
        types: Option<Arc<ParameterTypes>>,
    ) -> Result<Self, DatabaseError> {
        let recycling_method = RecyclingMethod::Fast;
        let manager =
            Manager::from_connect(config, ToAnyHost(tls.clone()), ManagerConfig { recycling_method });
        let builder = deadpool_postgres::Pool::builder(manager)
            .max_size(connections_max)
            .wait_timeout(Some(POOL_WAIT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(CONNECT_TIMEOUT))
            .runtime(Runtime::Tokio1);
        let builder = match hook {
            Some(hook) => builder.post_create(hook),
            None => builder,
        };
        let connections = builder.build().map_err(|error| DatabaseError::Unavailable(error.to_string()))?;
        Ok(Self { connections, types, waits: durations() })
    }

    /// A connection, until it is dropped. Waits for [`POOL_WAIT`] at the most.
    pub async fn get(&self) -> Result<PooledClient, DatabaseError> {
        let asked = Instant::now();
        let client = self.connections.get().await;
        self.waits.observe(asked.elapsed().as_secs_f64());
        Ok(PooledClient::new(client?, self.types.clone()))
    }

    /// Counts the waits for its connections in the other pool's histogram.
    #[must_use]
    pub fn counted_with(self, other: &Self) -> Self {
        Self { waits: other.waits.clone(), ..self }
    }

    /// Registers the histogram of waits for a connection, under that name.
    pub fn register(&self, registry: &mut Registry, name: &str) {
        registry.register(name, "How long is waited for a connection to PostgreSQL", self.waits.clone());
    }
}

/// A connection that was checked when it was made.
fn checked(check: SessionCheck) -> Hook {
    let check = Arc::new(check);
    Hook::async_fn(move |client, _| {
        let check = check.clone();
        Box::pin(async move {
            check.run(client).await.map_err(|error| match error {
                DatabaseError::Unavailable(said) => HookError::message(said),
                refused => HookError::message(refused.to_string()),
            })
        })
    })
}
