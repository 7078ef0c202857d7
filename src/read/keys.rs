//! Whose API key that is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Reader;
use crate::database::DatabaseError;
use crate::secret::hash_api_key;

/// The account a request is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Its number; never shown.
    pub id: i64,
    /// Whether the key is of its live mode.
    pub livemode: bool,
}

/// An API key that opens something, or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its number.
    pub id: i64,
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// What it opens.
    pub account: Account,
    /// It changes nothing.
    pub readonly: bool,
    /// Its time is over.
    pub expired: bool,
}

/// For how long a key is believed to be what it was: so long a revoked one may go on at a process that has just used it.
pub(super) const BELIEVED: Duration = Duration::from_millis(500);

/// A key that opened something when it was last looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Believed {
    /// It was looked up a moment ago, and isn't asked for again.
    Still(Key),
    /// It was looked up before that.
    Once(Key),
}
/// Keys that are remembered before all are looked up anew.
pub(super) const KNOWN_MAX: usize = 10_000;

/// Keys that were looked up a moment ago, by their hashes.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownKeys(Arc<Mutex<Looked>>);
type Looked = HashMap<[u8; 32], (Key, Instant)>;

impl KnownKeys {
    fn get(&self, hash: &[u8; 32]) -> Option<Believed> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = |key, at: &Instant| {
            if at.elapsed() < BELIEVED { Believed::Still(key) } else { Believed::Once(key) }
        };
        known.get(hash).map(|(key, at)| believed(*key, at))
    }

    fn forget(&self, hash: &[u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }

    fn remember(&self, hash: [u8; 32], key: Key) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(hash, (key, Instant::now()));
    }
}

impl Reader {
    /// The ids of the keys that signing secrets are sealed with.
    pub async fn key_ids(&self) -> Result<Vec<String>, DatabaseError> {
        let rows = self.client().await?.query(include_str!("sql/key_ids.sql"), &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// A key that opened something when it was last looked up here.
    #[must_use]
    pub fn remembered_key(&self, key: &str) -> Option<Believed> {
        self.known_keys.get(&hash_api_key(key))
    }

    /// What an API key opens; `None` of a key that was revoked. An end is heard of within half a second, by every process. The key
    /// is looked up by its hash, so that no comparison tells how much of a guess was right.
    pub async fn key(&self, key: &str) -> Result<Option<Key>, DatabaseError> {
        let hash = hash_api_key(key);
        if let Some(Believed::Still(key)) = self.known_keys.get(&hash) {
            return Ok(Some(key));
        }
        let client = self.keys.get().await?;
        let row = client.query_opt(include_str!("sql/account_of_key.sql"), &[&hash.as_slice()]).await?;
        let key = row.map(|row| Key {
            id: row.get(2),
            hash,
            account: Account { id: row.get(0), livemode: row.get(1) },
            readonly: row.get(3),
            expired: row.get(4),
        });
        match key {
            Some(key) => self.known_keys.remember(hash, key),
            None => self.known_keys.forget(&hash),
        }
        Ok(key)
    }
}
