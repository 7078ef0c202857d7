//! Opening signing secrets once, not for every event.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::seal::Keyring;
use crate::secret::SigningSecret;

/// The most secrets that are kept open.
const OPEN_MAX: usize = 10_000;
/// How often the log says that secrets can't be opened.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// The secrets that have been opened, by what is stored of them, and whose they are.
#[derive(Debug)]
pub(super) struct SecretCache {
    keyring: Keyring,
    open: Mutex<HashMap<String, (String, SigningSecret)>>,
    complained: Mutex<Option<Instant>>,
}

impl SecretCache {
    pub(super) fn new(keyring: Keyring) -> Self {
        Self { keyring, open: Mutex::default(), complained: Mutex::default() }
    }

    /// The secrets of an endpoint, as `calmony.live_secrets` lists them. None when any of them can't be opened: a receiver that
    /// waits for just that signature would refuse the rest.
    pub(super) fn open(&self, endpoint: &str, stored: &str) -> Vec<SigningSecret> {
        let opened: Option<Vec<_>> =
            stored.split_whitespace().map(|stored| self.open_one(endpoint, stored)).collect();
        opened.unwrap_or_default()
    }

    fn open_one(&self, endpoint: &str, stored: &str) -> Option<SigningSecret> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, secret)) = open.get(stored)
            && of == endpoint
        {
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
                open.insert(stored.to_owned(), (endpoint.to_owned(), secret.clone()));
                Some(secret)
            }
            Err(error) => {
                self.complain(endpoint, &error);
                None
            }
        }
    }

    /// Says that nothing can be signed for an endpoint, at most once in a while.
    fn complain(&self, endpoint: &str, error: &str) {
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.is_none_or(|last| last.elapsed() > COMPLAIN_EVERY) {
            *complained = Some(Instant::now());
            tracing::error!(
                endpoint,
                error,
                "a signing secret can't be opened, so nothing is sent to its endpoint; is CALMONY_SECRET_KEY complete?"
            );
        }
    }
}
