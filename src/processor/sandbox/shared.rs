//! The state that all requests share.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::store;
use super::writer::{Done, Failure, Job, Writer};
use crate::database::{DatabaseError, Pool};

/// The time for a decision.
const DECIDE_TIMEOUT: Duration = Duration::from_secs(10);

/// A running sandbox.
pub(super) struct Sandbox {
    pub(super) secret: SecretString,
    /// The address of its pages.
    pub(super) url: String,
    pub(super) writer: Writer,
    /// Connections for reads.
    pub(super) readers: Pool,
    pub(super) fingerprints: OnceCell<Vec<u8>>,
    pub(super) stop: CancellationToken,
}

impl Sandbox {
    /// The secret that callers have to know, and that signs notices.
    pub(super) fn secret(&self) -> &str {
        self.secret.expose_secret()
    }

    /// Has a job decided in time. After that nobody knows, and it may still be done.
    pub(super) async fn decide(&self, job: Job) -> Result<Done, Failure> {
        timeout(DECIDE_TIMEOUT, self.writer.decide(job))
            .await
            .unwrap_or_else(|_| Err(Failure::Unavailable("no decision in time".to_owned())))
    }

    /// The key of fingerprints.
    pub(super) async fn fingerprints(&self) -> Result<&[u8], DatabaseError> {
        let read = async || store::secret(&self.readers.get().await?).await;
        Ok(self.fingerprints.get_or_try_init(read).await?)
    }
}
