//! Connections that are shared, how long is waited for one, and how statements go through them.

use std::fmt;
use std::str::FromStr;

use deadpool_postgres::{
    Client, ClientWrapper, Hook, HookError, Manager, ManagerConfig, RecyclingMethod, Runtime, Transaction,
};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Error, IsolationLevel, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::parameters::ParameterTypes;
use super::{CONNECT_TIMEOUT, DatabaseError, DatabaseUrl, POOL_WAIT, Role};
use crate::metrics::durations;

/// A transaction pooler before the database, PgBouncer: where it is, and the login. It has a database for each role, named like it
/// (deploy/pgbouncer), because it takes no options when a connection begins.
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
                "expected postgresql://user:password@host:6432 and no database: the pooler has one for each role, not {name}"
            )),
        }
    }
}

impl PoolerUrl {
    fn config(&self, role: Role) -> Config {
        let mut config = self.0.bare_config(role);
        config.dbname(role.name());
        config
    }

    /// Whether it lets that role in, as that role.
    pub async fn check(&self, role: Role) -> Result<(), DatabaseError> {
        Pool::through(self, role, 1)?.get().await.map(|_| ())
    }
}

/// A pool of connections under one role, made when they are first needed.
#[derive(Clone)]
pub struct Pool {
    connections: deadpool_postgres::Pool,
    /// Where statements can't be prepared, because the next one may meet another session.
    types: Option<ParameterTypes>,
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

    /// Connections to a pooler.
    pub fn through(url: &PoolerUrl, role: Role, connections_max: usize) -> Result<Self, DatabaseError> {
        let is_in_role = Hook::async_fn(move |client, _| Box::pin(check_session(client, role)));
        Self::build(
            (url.config(role), &url.0.tls),
            connections_max,
            Some(is_in_role),
            Some(ParameterTypes::default()),
        )
    }

    fn build(
        (config, tls): (Config, &MakeRustlsConnect),
        connections_max: usize,
        hook: Option<Hook>,
        types: Option<ParameterTypes>,
    ) -> Result<Self, DatabaseError> {
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(config, tls.clone(), ManagerConfig { recycling_method });
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
        Ok(PooledClient { client: client?, types: self.types.clone() })
    }

    /// Registers how long is waited for a connection, under that name.
    pub fn register(&self, registry: &mut Registry, name: &str) {
        registry.register(name, "How long is waited for a connection to PostgreSQL", self.waits.clone());
    }
}

/// Whether a pooler's session works under the role: a query of its own makes it so, and one that fails is passed over by PgBouncer.
async fn check_session(client: &ClientWrapper, role: Role) -> Result<(), HookError> {
    let sql = "select current_user::text, current_setting('statement_timeout')";
    let row = client.query_typed_one(sql, &[]).await.map_err(HookError::Backend)?;
    let (user, timeout): (&str, &str) = (row.get(0), row.get(1));
    if user == role.name() && timeout != "0" {
        return Ok(());
    }
    Err(HookError::message(format!(
        "the pooler's sessions work as {user} with a statement_timeout of {timeout}; its database {} needs the connect_query \
         of deploy/pgbouncer",
        role.name()
    )))
}

/// A connection of a pool. Statements are texts of this program, prepared once a connection where that is possible.
#[derive(Debug)]
pub struct PooledClient {
    client: Client,
    types: Option<ParameterTypes>,
}

/// What goes in the place of `$1`, `$2`, …
pub type Parameters<'a> = [&'a (dyn ToSql + Sync)];

impl PooledClient {
    /// The rows.
    pub async fn query(&mut self, sql: &'static str, parameters: &Parameters<'_>) -> Result<Vec<Row>, Error> {
        if let Some(types) = &self.types {
            let typed = types.of(&mut self.client, sql).await?;
            return self.client.query_typed(sql, &typed.with(parameters)).await;
        }
        let statement = self.client.prepare_cached(sql).await?;
        self.client.query(&statement, parameters).await
    }

    /// How many rows it touched.
    pub async fn execute(&mut self, sql: &'static str, parameters: &Parameters<'_>) -> Result<u64, Error> {
        if let Some(types) = &self.types {
            let typed = types.of(&mut self.client, sql).await?;
            return self.client.execute_typed(sql, &typed.with(parameters)).await;
        }
        let statement = self.client.prepare_cached(sql).await?;
        self.client.execute(&statement, parameters).await
    }

    /// The first row, if there is one.
    pub async fn query_opt(
        &mut self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, parameters).await?.into_iter().next())
    }

    /// The row that there always is.
    pub async fn query_one(
        &mut self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Row, DatabaseError> {
        the_row(self.query_opt(sql, parameters).await?)
    }

    /// One moment of the database, for several statements that only read, under a setting of their own.
    pub async fn moment(&mut self, setting: &str) -> Result<Moment<'_>, Error> {
        let is_prepared = self.types.is_none();
        let begin =
            self.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let transaction = begin.start().await?;
        if !setting.is_empty() {
            transaction.batch_execute(setting).await?;
        }
        Ok(Moment { transaction, is_prepared })
    }
}

/// A transaction that only reads, and sees one state. It ends when it is dropped.
#[derive(Debug)]
pub struct Moment<'a> {
    transaction: Transaction<'a>,
    is_prepared: bool,
}

impl Moment<'_> {
    /// The rows.
    pub async fn query(&self, sql: &'static str, parameters: &Parameters<'_>) -> Result<Vec<Row>, Error> {
        if !self.is_prepared {
            return self.query_anew(sql, parameters).await;
        }
        let statement = self.transaction.prepare_cached(sql).await?;
        self.transaction.query(&statement, parameters).await
    }

    /// The rows, by a plan for these very parameters.
    pub async fn query_anew(&self, sql: &str, parameters: &Parameters<'_>) -> Result<Vec<Row>, Error> {
        self.transaction.query(sql, parameters).await
    }

    /// The row that there always is.
    pub async fn query_one(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Row, DatabaseError> {
        the_row(self.query(sql, parameters).await?.into_iter().next())
    }
}

fn the_row(row: Option<Row>) -> Result<Row, DatabaseError> {
    row.ok_or_else(|| DatabaseError::Refused("a row that there always is wasn't there".to_owned()))
}
