//! The endpoints' signing secrets: read and opened when an endpoint is first sent to or was changed, not for every event.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Row;

use super::{Session, Target};
use crate::database::DatabaseError;
use crate::seal::Keyring;
use crate::secret::SigningSecret;

/// The most endpoints whose secrets are kept open.
const OPEN_MAX: usize = 10_000;
/// How long they are believed at the most, should PostgreSQL's clock be set forward past the end of one.
const BELIEVED: Duration = Duration::from_secs(30);
/// How often the log says that secrets can't be opened.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// What signs for an endpoint.
#[derive(Debug)]
struct Known {
    /// How often the endpoint had been changed then. Rolling a secret changes it.
    version: i64,
    secrets: Arc<[SigningSecret]>,
    until: Instant,
}

/// The secrets that have been opened, by endpoint.
#[derive(Debug)]
pub(super) struct SecretCache {
    keyring: Keyring,
    open: Mutex<HashMap<String, Known>>,
    complained: Mutex<Option<Instant>>,
}

impl SecretCache {
    pub(super) fn new(keyring: Keyring) -> Self {
        Self { keyring, open: Mutex::default(), complained: Mutex::default() }
    }

    /// The secrets of an endpoint in that version, if they are known.
    fn known(&self, endpoint: &str, version: i64) -> Option<Arc<[SigningSecret]>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let known = open.get(endpoint)?;
        (known.version >= version && Instant::now() < known.until).then(|| known.secrets.clone())
    }

    /// Opens the secrets of an endpoint and keeps them. None when any of them can't be opened: a receiver that waits for just that
    /// signature would refuse the rest.
    fn open(&self, endpoint: &str, row: &Row) -> Arc<[SigningSecret]> {
        let stored = row.get::<_, Option<&str>>(2).unwrap_or_default();
        let opened: Option<Arc<[_]>> =
            stored.split_whitespace().map(|stored| self.open_one(endpoint, stored)).collect();
        let Some(secrets) = opened else { return Arc::default() };
        let ends_in = row.get::<_, Option<i64>>(3).map(|ms| Duration::from_millis(ms.unsigned_abs()));
        let until = Instant::now() + ends_in.unwrap_or(BELIEVED).min(BELIEVED);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(endpoint.to_owned(), Known { version: row.get(1), secrets: secrets.clone(), until });
        secrets
    }

    fn open_one(&self, endpoint: &str, stored: &str) -> Option<SigningSecret> {
        let opened = match stored.split_once(':') {
            Some((key_id, sealed)) => {
                self.keyring.open(key_id, sealed, endpoint).map_err(|error| error.to_string())
            }
            None => SigningSecret::parse(stored).map_err(|error| error.to_string()),
        };
        opened.map_err(|error| self.complain(endpoint, &error)).ok()
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

impl Session {
    /// Gives targets, each with its account, the secrets that sign for them. Those that aren't known are read.
    pub(super) async fn sign_for(&self, targets: Vec<(i64, &mut Target)>) -> Result<(), DatabaseError> {
        let mut unknown = Vec::new();
        for (account, target) in targets {
            match self.secrets.known(&target.endpoint, target.version) {
                Some(secrets) => target.secrets = secrets,
                None => unknown.push((account, target)),
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let asked: BTreeSet<_> =
            unknown.iter().map(|(account, target)| (*account, &*target.endpoint)).collect();
        let (accounts, endpoints): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let rows = self.client.query(&self.statements.secrets, &[&accounts, &endpoints]).await?;
        let opened: HashMap<&str, _> =
            rows.iter().map(|row| (row.get(0), self.secrets.open(row.get(0), row))).collect();
        for (_, target) in unknown {
            target.secrets = opened.get(&*target.endpoint).cloned().unwrap_or_default();
        }
        Ok(())
    }
}
