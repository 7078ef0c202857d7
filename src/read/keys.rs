//! API keys, and the accounts that they open.

use super::Reader;
use crate::database::DatabaseError;
use crate::secret::hash_api_key;

/// The account that a request is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Its number, which is never shown.
    pub id: i64,
    /// True if the key is of its live mode.
    pub livemode: bool,
}

/// An API key that opens something, or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its number.
    pub id: i64,
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// The account that it opens.
    pub account: Account,
    /// True if it may only read.
    pub readonly: bool,
    /// True if its time is over.
    pub expired: bool,
}

impl Reader {
    /// The ids of the keys that signing secrets are sealed with.
    pub async fn key_ids(&self) -> Result<Vec<String>, DatabaseError> {
        let rows = self.client().await?.query(include_str!("sql/key_ids.sql"), &[]).await?;
        Ok(rows.iter().map(|row| row.get("key_id")).collect())
    }

    /// The key as it was looked up a moment ago; `None` if it wasn't.
    #[must_use]
    pub fn believed_key(&self, key: &str) -> Option<Key> {
        self.known_keys.get(&hash_api_key(key))
    }

    /// The key as it was when this process last looked it up.
    #[must_use]
    pub fn former_key(&self, key: &str) -> Option<Key> {
        self.known_keys.last(&hash_api_key(key))
    }

    /// The key, with the account that it opens; `None` if it was revoked. Every process hears of an end
    /// within half a second. The key is looked up by its hash, so that no comparison tells how much of a
    /// guess was right.
    pub async fn key(&self, key: &str) -> Result<Option<Key>, DatabaseError> {
        let hash = hash_api_key(key);
        if let Some(key) = self.known_keys.get(&hash) {
            return Ok(Some(key));
        }
        let client = self.keys.get().await?;
        let row = client.query_opt(include_str!("sql/account_of_key.sql"), &[&hash.as_slice()]).await?;
        let key = row.map(|row| Key {
            id: row.get("id"),
            hash,
            account: Account { id: row.get("account"), livemode: row.get("livemode") },
            readonly: row.get("readonly"),
            expired: row.get("expired"),
        });
        match key {
            Some(key) => self.known_keys.remember(hash, key),
            None => self.known_keys.forget(&hash),
        }
        Ok(key)
    }
}
