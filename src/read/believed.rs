//! Results of look-ups that are believed for a moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The time for which a result is believed. A revoked key may go on for so long at a process that has just
/// used it.
const BELIEVED: Duration = Duration::from_millis(500);
/// The number of results that are remembered before all are looked up anew.
const KNOWN_MAX: usize = 10_000;

/// Results of look-ups, by hashes.
#[derive(Debug, Clone)]
pub(super) struct Believed<T>(Arc<Mutex<Known<T>>>);
type Known<T> = HashMap<[u8; 32], (T, Instant)>;

impl<T> Default for Believed<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Copy> Believed<T> {
    pub(super) fn get(&self, hash: &[u8; 32]) -> Option<T> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|(_, at)| at.elapsed() < BELIEVED).map(|(value, _)| *value)
    }

    /// The result of the last look-up, however old it is.
    pub(super) fn last(&self, hash: &[u8; 32]) -> Option<T> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).map(|(value, _)| *value)
    }

    pub(super) fn forget(&self, hash: &[u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }

    pub(super) fn remember(&self, hash: [u8; 32], value: T) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(hash, (value, Instant::now()));
    }
}
