//! The progress of a worker or a biller, for `/readyz`. A process that is up and reads nothing isn't ready.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The greatest age of the last progress. An idle worker reads its outbox every 200 ms, and a biller
/// reads due objects every second.
const RECENT: Duration = Duration::from_secs(5);

/// The time of the last progress; shared with the health check.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<Option<Instant>>>);

impl Progress {
    /// Notes progress: the present work has been read.
    pub fn made(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Notes a stop: the session is lost, outcomes can't be written, or the process is stopping.
    pub fn lost(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// True if there was progress just now.
    #[must_use]
    pub fn is_recent(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|last| last.elapsed() < RECENT)
    }
}
