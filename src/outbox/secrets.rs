//! The endpoints' signing secrets: read and opened when an endpoint is first sent to or was changed, not
//! for every event.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Row;

use super::work::Target;
use super::{EndpointKey, Session};
use crate::database::DatabaseError;
use crate::seal::Keyring;
use crate::secret::SigningSecret;

/// The most endpoints whose secrets are kept open.
const OPEN_MAX: usize = 10_000;
/// The longest time for which they are believed, should PostgreSQL's clock be set forward past the end of
/// one.
const BELIEVED: Duration = Duration::from_mins(5);
/// The time for which it is believed that they can't be opened.
const UNOPENABLE: Duration = Duration::from_secs(10);
/// The shortest time between two lines of the log that say that secrets can't be opened.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// The secrets that sign for an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Known {
    account: i64,
    /// The endpoint's version then. Rolling a secret changes it.
    version: i64,
    /// The secrets. It is empty if any of them can't be opened: a receiver that waits for just that signature
    /// would refuse the rest.
    secrets: Arc<[SigningSecret]>,
    until: Instant,
}

impl Known {
    /// True if it is believed of that version of the endpoint.
    fn holds_for(&self, account: i64, version: i64, now: Instant) -> bool {
        self.account == account && self.version >= version && now < self.until
    }
}

/// The secrets that were learnt for one read.
pub(super) type Learnt = HashMap<EndpointKey, Known>;

/// The secrets that have been opened.
#[derive(Debug)]
pub(super) struct SecretCache {
    keyring: Keyring,
    /// The secrets by endpoint. One of another account with the same id is another, and takes its place.
    open: Mutex<HashMap<String, Known>>,
    complained: Mutex<Option<Instant>>,
}

impl SecretCache {
    pub(super) fn new(keyring: Keyring) -> Self {
        Self { keyring, open: Mutex::default(), complained: Mutex::default() }
    }

    /// Gives targets, each with its account, the secrets that sign for them. Returns those whose secrets
    /// aren't known. Secrets that were `learnt` for just this are used despite later changes: a client
    /// that changes an endpoint all the time mustn't be waited for.
    pub(super) fn sign(&self, targets: Vec<(i64, &mut Target)>, learnt: &Learnt) -> BTreeSet<EndpointKey> {
        let (open, now) = (self.open.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        let mut unknown = BTreeSet::new();
        for (account, target) in targets {
            let kept = open.get(&target.endpoint);
            if let Some(known) = kept.filter(|known| known.holds_for(account, target.version, now)) {
                target.secrets = known.secrets.clone();
                continue;
            }
            let key = EndpointKey { account, endpoint: target.endpoint.clone() };
            match learnt.get(&key) {
                Some(known) => target.secrets = known.secrets.clone(),
                None => drop(unknown.insert(key)),
            }
        }
        unknown
    }

    /// Opens the secrets of an endpoint, which were asked for at that time, and keeps them.
    fn open(&self, row: &Row, asked_at: Instant) -> (EndpointKey, Known) {
        let endpoint: String = row.get("id");
        let stored = row.get::<_, Option<&str>>("secrets").unwrap_or_default();
        let opened: Option<Arc<[_]>> =
            stored.split_whitespace().map(|stored| self.open_one(&endpoint, stored)).collect();
        let secrets = opened.unwrap_or_default();
        let ends_in =
            row.get::<_, Option<i64>>("ends_in_ms").map(|ms| Duration::from_millis(ms.unsigned_abs()));
        let believed = if secrets.is_empty() { UNOPENABLE } else { BELIEVED };
        let until = asked_at + ends_in.unwrap_or(believed).min(believed);
        let known = Known { account: row.get("account"), version: row.get("version"), secrets, until };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(endpoint.clone(), known.clone());
        (EndpointKey { account: known.account, endpoint }, known)
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
                "a signing secret can't be opened, so nothing is sent to its endpoint; is \
                 CALMONY_SECRET_KEY complete?"
            );
        }
    }
}

impl Session {
    /// Reads the secrets of endpoints.
    pub(super) async fn learn(
        &self,
        endpoints: BTreeSet<EndpointKey>,
        learnt: &mut Learnt,
    ) -> Result<(), DatabaseError> {
        let asked_at = Instant::now();
        // An endpoint that isn't found signs with nothing, and isn't asked for without end.
        let none = |key: &EndpointKey| {
            let (account, secrets) = (key.account, Arc::default());
            (key.clone(), Known { account, version: 0, secrets, until: asked_at })
        };
        learnt.extend(endpoints.iter().map(none));
        let (accounts, ids): (Vec<_>, Vec<_>) =
            endpoints.into_iter().map(|key| (key.account, key.endpoint)).unzip();
        let rows = self.reader.query(&self.statements.secrets, &[&accounts, &ids]).await?;
        learnt.extend(rows.iter().map(|row| self.secrets.open(row, asked_at)));
        Ok(())
    }
}
