//! A standby, which is asked as long as it answers. It is never needed: the primary can answer everything
//! that it can.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{DatabaseError, Pool, PooledClient};

/// The longest wait for a connection to it.
const WAIT: Duration = Duration::from_secs(1);
/// The longest wait for its answer. Its own limit is [`super::STATEMENT_TIMEOUT_MS`].
const ANSWER: Duration = Duration::from_secs(6);
/// The time for which it isn't asked after a failure.
const AWAY: Duration = Duration::from_secs(10);

/// A standby's connections.
#[derive(Debug, Clone)]
pub struct Replica {
    pool: Pool,
    away: Away,
}

impl Replica {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, away: Away::default() }
    }

    /// Counts the waits for its connections in a pool's histogram.
    #[must_use]
    pub fn counted_with(self, other: &Pool) -> Self {
        Self { pool: self.pool.counted_with(other), ..self }
    }

    /// A connection; `None` while the standby doesn't answer.
    pub async fn get(&self) -> Option<PooledClient> {
        if self.away.is_now() {
            return None;
        }
        let reason = match timeout(WAIT, self.pool.get()).await {
            Ok(Ok(client)) => return Some(client.while_there(self.away.clone())),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no connection within a second".to_owned(),
        };
        self.away.begins(&reason);
        None
    }

    /// Tries a connection. The error says why the standby doesn't answer.
    pub async fn check(&self) -> Result<(), DatabaseError> {
        self.pool.get().await.map(|_| ())
    }
}

/// The time until which it isn't asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Away(Arc<Mutex<Option<Instant>>>);

impl Away {
    fn is_now(&self) -> bool {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn begins(&self, reason: &str) {
        tracing::warn!(reason, "the replica isn't asked for ten seconds; the primary is");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + AWAY);
    }

    /// Its answer, or an error after [`ANSWER`].
    pub(super) async fn bound<T>(
        &self,
        answer: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        if let Ok(answer) = timeout(ANSWER, answer).await {
            return answer;
        }
        self.begins("no answer within six seconds");
        Err(DatabaseError::Unavailable("the replica doesn't answer".to_owned()))
    }
}
