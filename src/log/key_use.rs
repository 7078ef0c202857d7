//! Writing down when keys were last used: now and then, beside the requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::database::{DatabaseError, Pool};

/// The least time between two notes of the use of one key.
const EVERY: Duration = Duration::from_mins(1);
/// The most keys that wait to be written down. One that finds no place is written down another time.
const QUEUE_MAX: usize = 1_000;

/// An account and the number of its key.
type Key = (i64, i64);

/// The keys that were used of late, and the way to the task that writes them down.
#[derive(Debug, Clone)]
pub(super) struct KeyUse {
    noted: Arc<Mutex<HashMap<Key, Instant>>>,
    queue: mpsc::Sender<Key>,
}

impl KeyUse {
    /// Starts the task that writes. It ends when the last handle is dropped.
    pub(super) fn start(pool: Pool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(write(pool, waiting));
        Self { noted: Arc::default(), queue }
    }

    /// Notes that a key was used.
    pub(super) fn note(&self, key: Key) {
        let now = Instant::now();
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&key).is_none_or(|at| now.duration_since(*at) >= EVERY)
            && self.queue.try_send(key).is_ok()
        {
            noted.insert(key, now);
        }
    }
}

async fn write(pool: Pool, mut waiting: mpsc::Receiver<Key>) {
    let mut keys = Vec::new();
    while waiting.recv_many(&mut keys, QUEUE_MAX).await > 0 {
        if let Err(error) = write_down(&pool, &keys).await {
            tracing::debug!(%error, "the use of keys can't be written down now");
        }
        keys.clear();
    }
}

async fn write_down(pool: &Pool, keys: &[Key]) -> Result<(), DatabaseError> {
    let (accounts, ids): (Vec<i64>, Vec<i64>) = keys.iter().copied().unzip();
    let client = pool.get().await?;
    client.execute(include_str!("sql/note_key_use.sql"), &[&accounts, &ids]).await?;
    Ok(())
}
