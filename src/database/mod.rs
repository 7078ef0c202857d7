//! Connections: which role they work under, and how long they wait. Nothing else knows how a connection is made.

pub mod listen;
pub mod migrate;
mod parameters;
mod pool;
mod same;
mod tls;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use tls::Tls;

pub use pool::{Moment, Parameters, Pool, PooledClient, PoolerUrl};

/// How long one statement may take, in milliseconds. The outbox's reader counts on it: a position that has been missing
/// for longer was rolled back.
pub const STATEMENT_TIMEOUT_MS: u32 = 5_000;
/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request waits for a connection of a pool.
pub const POOL_WAIT: Duration = Duration::from_secs(5);
/// How long a worker's session may be silent before PostgreSQL ends it, and with it its claim to its buckets.
pub const WORKER_SILENCE_MS: u32 = 10_000;

/// What pins the planner of who writes and who drains: with statistics taken while a table was short it would scan (docs/decisions/0005), and
/// it would plan statements with arrays anew each time, which takes longer than running them (docs/decisions/0018).
const PINNED: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// The channel that workers listen on for appends.
pub const WAKE_CHANNEL: &str = "calmony_outbox";

/// A statement in which something is replaced. Where a parameter, the last one, becomes a constant, PostgreSQL plans away what that
/// makes needless.
///
/// # Panics
/// When the statement has nothing like that; that is a mistake in this code.
#[must_use]
pub fn rewritten(sql: &str, replaced: &str, by: &str) -> String {
    assert!(sql.contains(replaced), "the statement has no {replaced}");
    sql.replace(replaced, by)
}

/// The group role that a connection works under. Its rights are in the migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owns the schema; migrations and account keeping only.
    Owner,
    /// Appends events.
    Api,
    /// Reads.
    Reader,
    /// Drains the outbox.
    Worker,
}

impl Role {
    /// Its name in PostgreSQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "calmony_owner",
            Self::Api => "calmony_api",
            Self::Reader => "calmony_reader",
            Self::Worker => "calmony_worker",
        }
    }

    /// What every session of that role is set to at its start; times in milliseconds.
    #[must_use]
    pub fn settings(self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("role", self.name().to_owned()),
            ("search_path", "calmony".to_owned()),
            ("timezone", "UTC".to_owned()),
            ("jit", "off".to_owned()),
            ("idle_in_transaction_session_timeout", "10000".to_owned()),
        ];
        if matches!(self, Self::Api | Self::Worker) {
            // Of the API, too: whether a key was used is looked up by index, whatever the statistics of an empty slot said.
            settings.extend(PINNED.map(|(name, value)| (name, value.to_owned())));
        }
        match self {
            Self::Owner => {}
            Self::Reader | Self::Api => {
                settings.push(("statement_timeout", STATEMENT_TIMEOUT_MS.to_string()));
            }
            // PostgreSQL frees the buckets of a machine that vanished or a worker that stopped.
            Self::Worker => settings.extend([
                ("statement_timeout", "30000".to_owned()),
                ("idle_session_timeout", WORKER_SILENCE_MS.to_string()),
                ("tcp_keepalives_idle", "5".to_owned()),
                ("tcp_keepalives_interval", "5".to_owned()),
                ("tcp_keepalives_count", "3".to_owned()),
                ("tcp_user_timeout", "20000".to_owned()),
            ]),
        }
        settings
    }
}

/// Where PostgreSQL is, and the login. Debug output hides the password.
#[derive(Clone)]
pub struct DatabaseUrl {
    config: Config,
    tls: MakeRustlsConnect,
}

/// What has to be polled for a connection to work.
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
        let (mut tls, address) = Tls::taken_from(text)?;
        let mut config = address.parse::<Config>().map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!(
                "expected postgresql://user:password@host:5432/database: {}",
                cause.unwrap_or(error.to_string())
            )
        })?;
        tls.is_required |= config.get_ssl_mode() == SslMode::Require;
        config.ssl_mode(if tls.is_required { SslMode::Require } else { SslMode::Disable });
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("the URL names no host".to_owned());
        }
        Ok(Self { config, tls: tls.connector()? })
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

    /// The same without what makes a session work under the role.
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
        in_time(self.config(role).connect(self.tls.clone())).await
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

    /// A connection under the login itself, for what comes before there are roles.
    pub(crate) async fn login_client(&self) -> Result<tokio_postgres::Client, DatabaseError> {
        let mut config = self.config.clone();
        let config = config.connect_timeout(CONNECT_TIMEOUT);
        let (client, connection) = in_time(config.connect(self.tls.clone())).await?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(client)
    }

    /// Whether the server takes connections now.
    pub async fn answers(&self) -> bool {
        self.login_client().await.is_ok()
    }

    /// Makes that database on the server, where it is missing.
    pub async fn create_database(&self, name: &str) -> Result<(), DatabaseError> {
        let client = self.login_client().await?;
        match client.batch_execute(&format!("create database \"{}\"", name.replace('"', "\"\""))).await {
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
            result => Ok(result?),
        }
    }

    /// A pool of connections, made when they are first needed.
    pub fn pool(&self, role: Role, connections_max: usize) -> Result<Pool, DatabaseError> {
        Pool::to(self, role, connections_max)
    }
}

/// The ways of an API to one database.
#[derive(Debug, Clone)]
pub struct Databases {
    /// To the primary itself.
    pub primary: DatabaseUrl,
    /// To the primary through a pooler: for what needs no session of its own.
    pub pooler: Option<PoolerUrl>,
    /// To a standby: for what may be a little behind.
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

    /// A pool of connections to the standby, if there is one.
    pub fn replica_pool(&self, role: Role, connections_max: usize) -> Result<Option<Pool>, DatabaseError> {
        let pool = |replica| Pool::to_replica(replica, &self.primary, role, connections_max);
        self.replica.as_ref().map(pool).transpose()
    }
}

/// A connection, unless whoever listens there says nothing.
async fn in_time<T>(
    connecting: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DatabaseError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => Ok(connected?),
        Err(_) => Err(DatabaseError::Unavailable("whoever listens there doesn't answer".to_owned())),
    }
}

/// Why the database didn't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It can't be reached, is starting or stopping, or has no connection free: it may work in a moment.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A row that must be the only one of its kind is there already; in that table.
    #[error("the database refused: {said}")]
    Duplicate {
        /// The table's name; of a partition its own.
        table: String,
        /// What it said.
        said: String,
    },
    /// It refused the statement. What is said of it holds no row: a row may hold a secret.
    #[error("the database refused: {0}")]
    Refused(String),
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let passing = |code: &SqlState| {
            // 08 connection, 53 resources, 57 operator's intervention, 40 rollback (deadlock), 55P03 lock timeout,
            // 25006 read-only: a standby that isn't promoted yet.
            ["08", "53", "57", "40"].iter().any(|class| code.code().starts_with(class))
                || [SqlState::LOCK_NOT_AVAILABLE, SqlState::READ_ONLY_SQL_TRANSACTION].contains(code)
        };
        match error.code() {
            Some(&SqlState::UNIQUE_VIOLATION) => Self::Duplicate {
                table: error.as_db_error().and_then(|refusal| refusal.table()).unwrap_or_default().to_owned(),
                said: refusal(&error),
            },
            Some(code) if !passing(code) => Self::Refused(refusal(&error)),
            _ => Self::Unavailable(describe(&error)),
        }
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// What PostgreSQL said, without its DETAIL, which shows rows.
fn refusal(error: &tokio_postgres::Error) -> String {
    let Some(refusal) = error.as_db_error() else { return error.to_string() };
    let hint = match *refusal.code() {
        SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME | SqlState::UNDEFINED_FUNCTION => {
            "; has `calmony migrate` been run?"
        }
        SqlState::UNDEFINED_OBJECT | SqlState::INVALID_PARAMETER_VALUE | SqlState::INSUFFICIENT_PRIVILEGE => {
            "; is the login a member of the role? has `calmony migrate` been run?"
        }
        _ => "",
    };
    let constraint = refusal.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{}: {}{constraint}{hint}", refusal.code().code(), refusal.message())
}

/// An error with its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
