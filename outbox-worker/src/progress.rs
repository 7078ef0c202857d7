//! Whether the worker gets on: what `/readyz` says. A process that is up and reads nothing isn't ready.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How old the last progress may be. An idle worker reads its outbox every 200 ms.
const RECENT: Duration = Duration::from_secs(5);

/// When the worker last got on; shared with the health check.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<Option<Instant>>>);

impl Progress {
    /// The outbox has been read.
    pub(crate) fn made(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The session is lost, outcomes can't be written, or the worker is stopping.
    pub(crate) fn lost(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the worker has got on just now.
    pub(crate) fn is_recent(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|last| last.elapsed() < RECENT)
    }
}
