//! Sealing stored signing secrets anew, under the owner's role: after a change of the key, or where they
//! were stored before secrets were sealed.

use tokio_postgres::types::ToSql;

use crate::database::{DatabaseError, DatabaseUrl, Role};
use crate::seal::{Keyring, OpenError};
use crate::secret::{SigningSecret, SigningSecretError};

/// The most secrets of one portion.
const PORTION: i64 = 500;

/// The reason why resealing stopped. The secrets that were sealed anew before stay so.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A secret can't be opened.
    #[error("the secret of {endpoint}: {reason}")]
    Open {
        /// The endpoint that the secret belongs to.
        endpoint: String,
        /// The reason.
        reason: OpenError,
    },
    /// A secret that was stored in plain text is none.
    #[error("the secret of {endpoint}: {reason}")]
    Plain {
        /// The endpoint that the secret belongs to.
        endpoint: String,
        /// The reason.
        reason: SigningSecretError,
    },
}

/// The number of stored answers that show a secret and are sealed with another key than the ring's first.
/// They aren't sealed anew: they are forgotten within two days.
pub async fn stale_answers(url: &DatabaseUrl, keyring: &Keyring) -> Result<i64, DatabaseError> {
    let client = url.client(Role::Owner).await?;
    let row = client.query_one(include_str!("sql/stale_answers.sql"), &[&keyring.current()]).await?;
    Ok(row.get("count"))
}

/// Seals every secret that isn't sealed with the ring's first key. Returns how many there were. One that
/// can't be opened stays as it is; the first of those is the error, once all the others are done.
pub async fn reseal(url: &DatabaseUrl, keyring: &Keyring) -> Result<u64, ResealError> {
    let client = url.client(Role::Owner).await?;
    let (mut count, mut problem) = (0, None);
    let (mut account, mut endpoint, mut version) = (i64::MIN, String::new(), 0_i64);
    loop {
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&keyring.current(), &account, &endpoint, &version, &PORTION];
        let stale = client.query(include_str!("sql/stale_secrets.sql"), &parameters).await;
        let stale = stale.map_err(DatabaseError::from)?;
        if stale.is_empty() {
            return problem.map_or(Ok(count), Err);
        }
        for row in stale {
            (account, endpoint, version) = (row.get("account"), row.get("endpoint"), row.get("version"));
            match open(keyring, &endpoint, row.get("key_id"), row.get("stored")) {
                Ok(secret) => {
                    let sealed = keyring.seal(&secret, &endpoint);
                    let parameters: [&(dyn ToSql + Sync); 5] =
                        [&account, &endpoint, &version, &sealed.key_id, &sealed.text];
                    let changed = client.execute(include_str!("sql/reseal.sql"), &parameters).await;
                    count += changed.map_err(DatabaseError::from)?;
                }
                Err(error) => problem = problem.or(Some(error)),
            }
        }
    }
}

/// A stored secret: sealed with a key, or in plain text.
fn open(
    keyring: &Keyring,
    endpoint: &str,
    key_id: Option<&str>,
    stored: &str,
) -> Result<SigningSecret, ResealError> {
    let endpoint = || endpoint.to_owned();
    match key_id {
        Some(key_id) => keyring
            .open(key_id, stored, &endpoint())
            .map_err(|reason| ResealError::Open { endpoint: endpoint(), reason }),
        None => {
            SigningSecret::parse(stored).map_err(|reason| ResealError::Plain { endpoint: endpoint(), reason })
        }
    }
}
