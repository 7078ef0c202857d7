//! Opening signing secrets once, not for every event.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::seal::Keyring;
use crate::secret::SigningSecret;

/// The most secrets that are kept open.
const OPEN_MAX: usize = 10_000;

/// The secrets that have been opened, by what is stored of them.
#[derive(Debug)]
pub(super) struct SecretCache {
    keyring: Keyring,
    open: Mutex<HashMap<String, SigningSecret>>,
}

impl SecretCache {
    pub(super) fn new(keyring: Keyring) -> Self {
        Self { keyring, open: Mutex::default() }
    }

    /// The secrets of an endpoint, as `calmony.live_secrets` lists them. One that can't be opened doesn't sign; the receiver
    /// refuses what is unsigned, and the log says why.
    pub(super) fn open(&self, endpoint: &str, stored: &str) -> Vec<SigningSecret> {
        stored.split_whitespace().filter_map(|stored| self.open_one(endpoint, stored)).collect()
    }

    fn open_one(&self, endpoint: &str, stored: &str) -> Option<SigningSecret> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = open.get(stored) {
            return Some(secret.clone());
        }
        let opened = match stored.split_once(':') {
            Some((key_id, sealed)) => {
                self.keyring.open(key_id, sealed, endpoint).map_err(|error| error.to_string())
            }
            None => SigningSecret::parse(stored).map_err(|error| error.to_string()),
        };
        match opened {
            Ok(secret) => {
                if open.len() >= OPEN_MAX {
                    open.clear();
                }
                open.insert(stored.to_owned(), secret.clone());
                Some(secret)
            }
            Err(error) => {
                tracing::error!(
                    endpoint,
                    error,
                    "a signing secret can't be opened; is CALMONY_SECRET_KEY complete?"
                );
                None
            }
        }
    }
}
