//! Sealing stored signing secrets anew, under the owner's role: after a change of the key, or where they were stored before
//! secrets were sealed.

use crate::database::{DatabaseError, DatabaseUrl, Role};
use crate::seal::{Keyring, OpenError};
use crate::secret::{SigningSecret, SigningSecretError};

/// Secrets of one portion.
const PORTION: i64 = 500;

/// Why resealing stopped. What was sealed anew before stays so.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A secret can't be opened.
    #[error("the secret of {endpoint}: {reason}")]
    Open {
        /// Whose secret.
        endpoint: String,
        /// Why not.
        reason: OpenError,
    },
    /// A secret that was stored in plain text is none.
    #[error("the secret of {endpoint}: {reason}")]
    Plain {
        /// Whose secret.
        endpoint: String,
        /// Why not.
        reason: SigningSecretError,
    },
}

/// Seals every secret that isn't sealed with the ring's first key. Returns how many there were.
pub async fn reseal(url: &DatabaseUrl, keyring: &Keyring) -> Result<u64, ResealError> {
    let client = url.client(Role::Owner).await?;
    let mut count = 0;
    loop {
        let stale =
            client.query(include_str!("sql/stale_secrets.sql"), &[&keyring.current(), &PORTION]).await;
        let stale = stale.map_err(DatabaseError::from)?;
        if stale.is_empty() {
            return Ok(count);
        }
        for row in stale {
            let (account, endpoint, version) =
                (row.get::<_, i64>(0), row.get::<_, String>(1), row.get::<_, i64>(2));
            let secret = open(keyring, &endpoint, row.get(3), row.get(4))?;
            let sealed = keyring.seal(&secret, &endpoint);
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
                [&account, &endpoint, &version, &sealed.key_id, &sealed.text];
            count += client
                .execute(include_str!("sql/reseal.sql"), &parameters)
                .await
                .map_err(DatabaseError::from)?;
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
