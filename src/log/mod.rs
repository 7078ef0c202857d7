//! The only writer. A change to an object is an appended event; PostgreSQL derives the rest in the same statement.
//!
//! Appends that wait at the same time share one statement (`appender.rs`). Two that meet at one version of an object are
//! told apart by the log's key: the loser loads the object again and decides again.

pub mod accounts;
mod appender;
pub mod idempotency;
mod key_use;
pub mod rebuild;
mod search;
pub mod secrets;
mod sessions;
mod statement;
pub mod verify;
mod wake;

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::sync::{Mutex, MutexGuard};

use crate::clock;
use crate::contract::Event;
use crate::database::{DatabaseError, Databases, Pool, PooledClient, Role};
use crate::domain::{self, Command, DecideError, Rejection, Snapshot, Verdict};
use crate::id::Id;
use crate::seal::Sealed;
use crate::trace::TraceContext;
use appender::{Append, Appender, Outcome};
use idempotency::{Answer, Fingerprint};
use key_use::KeyUse;
pub use statement::{APPEND_ONE, append_keyless};

/// How often a command is decided anew when others change the same object at the same time.
pub const CONFLICT_TRIES: usize = 12;
/// Connections for loading objects before they change.
const LOAD_CONNECTIONS: usize = 8;

/// Who caused a change.
#[derive(Debug, Clone)]
pub struct Cause {
    /// The tenant whose object it is.
    pub account: i64,
    /// The API call, `req_…`; none for what the service does by itself.
    pub request_id: Option<String>,
    /// Its idempotency key.
    pub idempotency_key: Option<String>,
    /// What that key is for; none where the answer isn't stored.
    pub fingerprint: Option<Fingerprint>,
    /// Where the call stands in a distributed trace.
    pub trace: Option<TraceContext>,
}

impl Cause {
    /// The service itself.
    #[must_use]
    pub const fn service(account: i64) -> Self {
        Self { account, request_id: None, idempotency_key: None, fingerprint: None, trace: None }
    }
}

/// Makes the answer that is stored, where it isn't the object as it is then.
pub type Answering<'a> = &'a (dyn Fn(&Snapshot) -> Result<Answer, serde_json::Error> + Send + Sync);

/// What an append brings besides its event.
#[derive(Clone, Copy, Default)]
struct Extras<'a> {
    secret: Option<&'a NewSecret>,
    answering: Option<Answering<'a>>,
}

/// A signing secret that an event brings with it.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// The secret, sealed.
    pub sealed: Sealed,
    /// For how long the endpoint's earlier secrets go on signing; none where there are none.
    pub overlap_seconds: Option<i32>,
}

/// Why an append came to nothing. Nothing was changed, except where the database went away before it answered.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The command was refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The idempotency key was used before; [`Log::recall`] says for what.
    #[error("the idempotency key was used before")]
    KeyUsed,
    /// Others kept changing the object; trying again may work.
    #[error("the object kept changing")]
    Conflict,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A stored snapshot can't be read.
    #[error("a snapshot is not what this version writes: {0}")]
    Snapshot(serde_json::Error),
}

impl From<DecideError> for AppendError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Rejected(rejection) => Self::Rejected(rejection),
            DecideError::Snapshot(error) => Self::Snapshot(error),
        }
    }
}

/// Commands that have met another take turns, one of this many lanes an object.
const TURNS: usize = 1024;

/// The log, for writing.
#[derive(Debug, Clone)]
pub struct Log {
    pool: Pool,
    appender: Appender,
    turns: Arc<[Mutex<()>]>,
    search_turns: search::Turns,
    key_use: KeyUse,
}

impl Log {
    /// Opens the log. Connections are made when they are first needed.
    pub fn open(databases: &Databases) -> Result<Self, DatabaseError> {
        let pool = databases.pool(Role::Api, LOAD_CONNECTIONS)?;
        Ok(Self {
            key_use: KeyUse::start(pool.clone()),
            pool,
            appender: Appender::start(&databases.primary),
            search_turns: search::Turns::default(),
            turns: (0..TURNS).map(|_| Mutex::new(())).collect(),
        })
    }

    /// Registers what the log counts.
    pub fn register(&self, registry: &mut Registry) {
        self.pool.register(registry, "calmony_log_pool_wait_seconds");
        self.appender.register(registry);
    }

    /// Runs a command: loads its object, decides, appends. Returns the object as it is then.
    pub async fn append<C: Command>(&self, cause: &Cause, command: &C) -> Result<Snapshot, AppendError> {
        self.append_with(cause, command, Extras::default()).await
    }

    /// The same, for a caller who is answered something else than the object.
    pub async fn append_answering<C: Command>(
        &self,
        cause: &Cause,
        command: &C,
        answering: Answering<'_>,
    ) -> Result<Snapshot, AppendError> {
        self.append_with(cause, command, Extras { answering: Some(answering), secret: None }).await
    }

    /// The same, for a command whose event brings a signing secret with it, in the same statement.
    pub async fn append_with_secret<C: Command>(
        &self,
        cause: &Cause,
        command: &C,
        secret: &NewSecret,
        answering: Answering<'_>,
    ) -> Result<Snapshot, AppendError> {
        let extras = Extras { secret: Some(secret), answering: Some(answering) };
        self.append_with(cause, command, extras).await
    }

    async fn append_with<C: Command>(
        &self,
        cause: &Cause,
        command: &C,
        extras: Extras<'_>,
    ) -> Result<Snapshot, AppendError> {
        let mut turn = None;
        for _ in 0..CONFLICT_TRIES {
            let current =
                if command.creates() { None } else { self.load(cause.account, &command.stream()).await? };
            let fact = match domain::decide(command, current)? {
                Verdict::Unchanged(snapshot) => {
                    let answer = match extras.answering {
                        Some(answering) => answering(&snapshot).map_err(AppendError::Snapshot)?,
                        None => Answer::Plain(snapshot.data.clone()),
                    };
                    self.remember(cause, &answer).await?;
                    return Ok(snapshot);
                }
                Verdict::Append(fact) => fact,
            };
            let after = Snapshot { version: fact.version, data: fact.data.clone() };
            let now = clock::now();
            let answer = extras.answering.map(|answering| answering(&after)).transpose();
            let append = Append {
                cause: cause.clone(),
                event: Id::<Event>::generate(now).to_string(),
                fact,
                at: now,
                answer: answer.map_err(AppendError::Snapshot)?,
            };
            let outcome = match extras.secret {
                None => self.appender.append(append).await?,
                Some(secret) => {
                    self.appender.append_with_secret(&self.client().await?, &append, secret).await?
                }
            };
            if outcome == Outcome::Appended {
                return Ok(after);
            }
            if let (Some(key), Some(_)) = (&cause.idempotency_key, cause.fingerprint)
                && self.recall(cause.account, key).await?.is_some()
            {
                return Err(AppendError::KeyUsed);
            }
            // Within this process the next tries go one after the other, so that each of many callers gets through.
            if turn.is_none() {
                turn = self.turn(cause.account, &command.stream()).await;
            }
        }
        Err(AppendError::Conflict)
    }

    /// Writes down that a key was used, some time soon.
    pub fn note_key_use(&self, account: i64, id: i64) {
        self.key_use.note((account, id));
    }

    /// Whether the database takes what changes depend on being asked.
    pub async fn answers(&self) -> bool {
        let asked = async { self.client().await?.execute("select", &[]).await };
        asked.await.is_ok()
    }

    /// This object's turn, held until the guard is dropped.
    async fn turn(&self, account: i64, stream: &str) -> Option<MutexGuard<'_, ()>> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((account, stream));
        let lane = usize::try_from(hash).unwrap_or(usize::MAX) % self.turns.len().max(1);
        match self.turns.get(lane) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    /// The living object of that id.
    async fn load(&self, account: i64, stream: &str) -> Result<Option<Snapshot>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_opt(include_str!("sql/load.sql"), &[&account, &stream]).await?;
        Ok(row.map(|row| Snapshot { version: row.get(0), data: row.get(1) }))
    }

    async fn client(&self) -> Result<PooledClient, DatabaseError> {
        self.pool.get().await
    }
}
