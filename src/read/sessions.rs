//! Sessions of the dashboard that were ended before their time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::Reader;
use super::keys::{BELIEVED, KNOWN_MAX};
use crate::database::DatabaseError;
use crate::secret::Session;

/// Whether sessions were ended, as it was looked up a moment ago, by the hashes of their tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownSessions(Arc<Mutex<HashMap<[u8; 32], (bool, Instant)>>>);

impl KnownSessions {
    fn get(&self, hash: &[u8; 32]) -> Option<bool> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|(_, at)| at.elapsed() < BELIEVED).map(|(is_ended, _)| *is_ended)
    }

    fn remember(&self, hash: [u8; 32], is_ended: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(hash, (is_ended, Instant::now()));
    }
}

impl Reader {
    /// Whether somebody has ended that session. It is heard of within half a second, by every process.
    pub async fn is_ended(&self, session: &Session) -> Result<bool, DatabaseError> {
        if let Some(is_ended) = self.known_sessions.get(&session.hash) {
            return Ok(is_ended);
        }
        let Session { account, key, hash, until } = session;
        let client = self.keys.get().await?;
        let row = client
            .query_one(
                include_str!("sql/session_ended.sql"),
                &[account, key, &hash.as_slice(), &until.system_time()],
            )
            .await?;
        let is_ended: bool = row.get(0);
        self.known_sessions.remember(*hash, is_ended);
        Ok(is_ended)
    }

    /// Takes it that the session was ended just now, by this process.
    pub fn believe_ended(&self, session: &Session) {
        self.known_sessions.remember(session.hash, true);
    }
}
