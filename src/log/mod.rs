//! The only writer. A change to an object is an appended event; PostgreSQL derives the rest in the same
//! statement.
//!
//! Appends that wait at the same time share one statement (`appender.rs`). Two that meet at one version
//! of an object are told apart by the log's key: the loser loads the object again and decides again.

pub mod accounts;
mod append;
mod appender;
mod columns;
mod growth;
pub mod idempotency;
mod key_use;
pub mod rebuild;
mod search;
pub mod secrets;
mod sessions;
mod statement;
pub mod verify;
mod waiting;
mod wake;
mod writer;

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::sync::{Mutex, MutexGuard};

use crate::database::{DatabaseError, Databases, Pool, PooledClient, Role};
use crate::domain::Rejection;
use crate::seal::Sealed;
use crate::trace::TraceContext;
pub use append::{Answering, Appending};
use appender::Appender;
use growth::Growth;
pub use growth::GrowthLimit;
use idempotency::Fingerprint;
use key_use::KeyUse;
pub use statement::{APPEND_GROUPS, APPEND_ONE, append_keyless};

/// The most decisions of one command, while others change the same object at the same time.
pub const CONFLICT_TRIES: usize = 12;
/// The number of connections for loading objects before they change.
const LOAD_CONNECTIONS: usize = 8;

/// The cause of a change.
#[derive(Debug, Clone)]
pub struct Cause {
    /// The tenant whose object it is.
    pub account: i64,
    /// The API call, `req_…`; `None` for a change that the service makes by itself.
    pub request_id: Option<String>,
    /// Its idempotency key.
    pub idempotency_key: Option<String>,
    /// The request that the key is for; `None` where the answer isn't stored.
    pub fingerprint: Option<Fingerprint>,
    /// The call's place in a distributed trace.
    pub trace: Option<TraceContext>,
}

impl Cause {
    /// The service itself.
    #[must_use]
    pub const fn service(account: i64) -> Self {
        Self { account, request_id: None, idempotency_key: None, fingerprint: None, trace: None }
    }

    /// True if the answer is stored, under a key.
    const fn stores_answer(&self) -> bool {
        self.idempotency_key.is_some() && self.fingerprint.is_some()
    }
}

/// A signing secret that an event brings with it.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// The secret, sealed.
    pub sealed: Sealed,
    /// The time for which the endpoint's earlier secrets go on signing; `None` where there are none.
    pub overlap_seconds: Option<i32>,
}

/// The reason why an append came to nothing. Nothing was changed, except where the database went away
/// before it answered.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The command was refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The idempotency key was used before; [`Log::recall`] returns the first use.
    #[error("the idempotency key was used before")]
    KeyUsed,
    /// Others kept changing the object; trying again may work.
    #[error("the object kept changing")]
    Conflict,
    /// The command asks for objects without end: a defect of this program.
    #[error("the command asks for objects without end")]
    Endless,
    /// The account has stored more of late than it may.
    #[error("the account stores more than it may")]
    TooMuch,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A stored snapshot can't be read.
    #[error("a snapshot is not what this version writes: {0}")]
    Snapshot(serde_json::Error),
}

/// The number of locks by which commands that have met another take turns; the hash of an object says which
/// is its own.
const TURNS: usize = 1024;

/// The way to write the log.
#[derive(Debug, Clone)]
pub struct Log {
    pool: Pool,
    appender: Appender,
    turns: Arc<[Mutex<()>]>,
    search_turns: search::Turns,
    key_use: KeyUse,
    growth: Growth,
}

impl Log {
    /// Opens the log, without a bound of bytes. Connections are made when they are first needed.
    pub fn open(databases: &Databases) -> Result<Self, DatabaseError> {
        Self::open_as(databases, Role::Api)
    }

    /// The same under another role that may append.
    pub fn open_as(databases: &Databases, role: Role) -> Result<Self, DatabaseError> {
        let pool = databases.pool(role, LOAD_CONNECTIONS)?;
        Ok(Self {
            key_use: KeyUse::start(pool.clone()),
            pool,
            appender: Appender::start((&databases.primary, role)),
            search_turns: search::Turns::default(),
            turns: (0..TURNS).map(|_| Mutex::new(())).collect(),
            growth: Growth::new(GrowthLimit::OFF),
        })
    }

    /// The same log with a bound of the bytes that each account may store.
    #[must_use]
    pub fn within(self, limit: GrowthLimit) -> Self {
        Self { growth: Growth::new(limit), ..self }
    }

    /// Registers the log's metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.pool.register(registry, "calmony_log_pool_wait_seconds");
        self.appender.register(registry);
    }

    /// Writes down that a key was used, some time soon.
    pub fn note_key_use(&self, account: i64, id: i64) {
        self.key_use.note((account, id));
    }

    /// True if the database answers the connections by which objects are loaded before they change.
    pub async fn answers(&self) -> bool {
        let asked = async { self.client().await?.execute("select", &[]).await };
        asked.await.is_ok()
    }

    /// This object's turn, held until the guard is dropped.
    async fn turn(&self, account: i64, stream: &str) -> Option<MutexGuard<'_, ()>> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((account, stream));
        let number = usize::try_from(hash).unwrap_or(usize::MAX) % self.turns.len().max(1);
        match self.turns.get(number) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    async fn client(&self) -> Result<PooledClient, DatabaseError> {
        self.pool.get().await
    }
}
