//! Idempotency keys that are in use at this moment.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys of requests that are under way in this process.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<HashSet<(i64, String)>>>);

/// A key's entry there, until it is dropped.
pub(super) struct Entry {
    in_flight: InFlight,
    key: (i64, String),
}

impl InFlight {
    /// A place for a key, unless it has one already.
    pub(super) fn enter(&self, account: i64, key: &str) -> Option<Entry> {
        let key = (account, key.to_owned());
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        is_new.then(|| Entry { in_flight: self.clone(), key })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
