//! Connections: their role, and their timeouts. No other module knows how a connection is made.

mod client;
mod direction;
mod error;
mod hosts;
mod identity;
pub mod listen;
pub mod login;
pub mod migrate;
mod parameters;
mod pool;
mod replica;
mod role;
mod tls;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use tls::{Encryption, Tls};

pub use client::{Change, Moment, Parameters, PooledClient};
pub use direction::{BothWays, DIRECTION};
pub use error::DatabaseError;
pub use pool::{Pool, PoolerUrl};
pub use replica::Replica;
pub use role::Role;

/// The timeout of one statement, in milliseconds. The outbox's reader counts on it: a position that has
/// been missing for longer was rolled back.
pub const STATEMENT_TIMEOUT_MS: u32 = 5_000;
/// The timeout of making a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait of a request for a connection of a pool.
pub const POOL_WAIT: Duration = Duration::from_secs(5);
/// The longest silence of a worker's session before PostgreSQL ends it, and with it its claim to its
/// buckets.
pub const WORKER_SILENCE_MS: u32 = 10_000;

/// The channel that workers listen on for appends.
pub const WAKE_CHANNEL: &str = "calmony_outbox";

/// A statement with one part replaced. If the last parameter becomes a constant, PostgreSQL plans away
/// everything that the constant makes needless.
///
/// # Panics
/// If the statement has no such part. That is a mistake in this code.
#[must_use]
pub fn rewritten(sql: &str, replaced: &str, by: &str) -> String {
    assert!(sql.contains(replaced), "the statement has no {replaced}");
    sql.replace(replaced, by)
}

/// The address of PostgreSQL, and the login. Debug output hides the password.
#[derive(Clone)]
pub struct DatabaseUrl {
    config: Config,
    tls: MakeRustlsConnect,
    encryption: Encryption,
}

/// The connection that a client works through. It has to be polled.
pub type Connection =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({:?}, {:?})", self.config.get_hosts(), self.config.get_dbname())
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected postgresql://user:password@host:5432/database";
        // libpq's other form, `host=… sslmode=prefer`, would evade our reading of the TLS options.
        if !["postgresql://", "postgres://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(expected.to_owned());
        }
        let (tls, address) = Tls::taken_from(text)?;
        let mut config = address.parse::<Config>().map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("{expected}: {}", cause.unwrap_or(error.to_string()))
        })?;
        config.ssl_mode(if tls.is_required() { SslMode::Require } else { SslMode::Disable });
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("the URL names no host".to_owned());
        }
        Ok(Self { config, tls: tls.connector()?, encryption: tls.encryption })
    }
}

impl DatabaseUrl {
    /// The configuration of a connection under that role. Options of the URL come after ours and win.
    fn config(&self, role: Role) -> Config {
        let mut config = self.bare_config(role);
        let settings = role.settings().into_iter().map(|(name, value)| format!("-c {name}={value} "));
        let own = self.config.get_options().unwrap_or_default();
        config.options(settings.collect::<String>() + own);
        config
    }

    /// The same without the settings of the role.
    fn bare_config(&self, role: Role) -> Config {
        let mut config = self.config.clone();
        config
            .application_name(role.name())
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(Duration::from_secs(5))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(20));
        config
    }

    /// A connection of one's own: the client, and the connection that has to be polled.
    pub async fn connect(&self, role: Role) -> Result<(tokio_postgres::Client, Connection), DatabaseError> {
        in_time(hosts::connect(&self.config(role), &self.tls)).await
    }

    /// A connection of one's own that is polled in the background until the client is dropped.
    pub async fn client(&self, role: Role) -> Result<tokio_postgres::Client, DatabaseError> {
        let (client, connection) = self.connect(role).await?;
        tokio::spawn(async move {
            // The client's own calls return the error.
            let _ = connection.await;
        });
        Ok(client)
    }

    /// A connection under the login itself, for work before the roles exist.
    pub(crate) async fn login_client(&self) -> Result<tokio_postgres::Client, DatabaseError> {
        let mut config = self.config.clone();
        let config = config.connect_timeout(CONNECT_TIMEOUT);
        let (client, connection) = in_time(hosts::connect(config, &self.tls)).await?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(client)
    }

    /// True if the server takes connections now.
    pub async fn answers(&self) -> bool {
        self.login_client().await.is_ok()
    }

    /// Makes that database on the server, if it is missing.
    pub async fn create_database(&self, name: &str) -> Result<(), DatabaseError> {
        let client = self.login_client().await?;
        match client.batch_execute(&format!("create database \"{}\"", name.replace('"', "\"\""))).await {
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
            result => Ok(result?),
        }
    }

    /// The hosts that are reached in plain text over a network, although the URL doesn't ask for that.
    #[must_use]
    pub fn plain_text_hosts(&self) -> Vec<String> {
        match self.encryption {
            Encryption::Unsaid => hosts::distant(&self.config),
            Encryption::Off | Encryption::Required => Vec::new(),
        }
    }

    /// A pool of connections, made when they are first needed.
    pub fn pool(&self, role: Role, connections_max: usize) -> Result<Pool, DatabaseError> {
        Pool::to(self, role, connections_max)
    }
}

/// The ways from an API to one database.
#[derive(Debug, Clone)]
pub struct Databases {
    /// The way to the primary itself.
    pub primary: DatabaseUrl,
    /// The way to the primary through a pooler, for statements that need no session of their own.
    pub pooler: Option<PoolerUrl>,
    /// The way to a standby, for answers that may be a little behind.
    pub replica: Option<DatabaseUrl>,
}

impl Databases {
    /// The primary and nothing else.
    #[must_use]
    pub const fn only(primary: DatabaseUrl) -> Self {
        Self { primary, pooler: None, replica: None }
    }

    /// A pool of connections to the primary, through the pooler if there is one.
    pub fn pool(&self, role: Role, connections_max: usize) -> Result<Pool, DatabaseError> {
        match &self.pooler {
            Some(pooler) => Pool::through(pooler, &self.primary, role, connections_max),
            None => self.primary.pool(role, connections_max),
        }
    }

    /// Connections to the standby, if there is one.
    pub fn replica(&self, role: Role, connections_max: usize) -> Result<Option<Replica>, DatabaseError> {
        let pool =
            |replica| Pool::to_replica(replica, &self.primary, role, connections_max).map(Replica::new);
        self.replica.as_ref().map(pool).transpose()
    }
}

/// A connection, unless the server is silent for too long.
async fn in_time<T>(
    connecting: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DatabaseError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => Ok(connected?),
        Err(_) => Err(DatabaseError::Unavailable("whoever listens there doesn't answer".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::DatabaseUrl;

    #[test]
    fn plain_text_over_a_network_is_noticed_unless_it_is_meant() {
        let hosts = |rest: &str| {
            format!("postgresql://u:p@{rest}").parse::<DatabaseUrl>().map(|url| url.plain_text_hosts())
        };
        for local in
            ["localhost/d", "LocalHost/d", "127.0.0.1/d", "127.9.9.9:1/d", "[::1]/d", "%2Fvar%2Frun/d"]
        {
            assert_eq!(hosts(local), Ok(Vec::new()), "{local}");
        }
        for (rest, distant) in [
            ("db.example/d", vec!["db.example"]),
            ("db.example/d?application_name=x", vec!["db.example"]),
            ("10.0.0.1:5433/d", vec!["10.0.0.1"]),
            ("[fd00::1]/d", vec!["fd00::1"]),
            ("localhost,one,two/d", vec!["one", "two"]),
            ("localhost/d?hostaddr=10.0.0.1", vec!["10.0.0.1"]),
            ("localhost.example/d", vec!["localhost.example"]),
        ] {
            assert_eq!(hosts(rest), Ok(distant.into_iter().map(ToOwned::to_owned).collect()), "{rest}");
        }
        assert_eq!(hosts("db.example/d?hostaddr=127.0.0.1"), Ok(Vec::new()));
        assert_eq!(hosts("db.example/d?sslmode=disable"), Ok(Vec::new()));
        assert!(hosts("h/d?sslmode=prefer").is_err());
        assert!("host=h user=u dbname=d sslmode=prefer".parse::<DatabaseUrl>().is_err());
    }
}
