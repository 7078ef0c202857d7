//! The work of time: operations that were put off are done, and notices are sent. Two loops, so that a
//! silent receiver of notices delays nothing else.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::shared::Sandbox;
use super::writer::{Failure, Job};
use crate::database::DatabaseError;

/// The longest time until it is looked again, in case another process has left something.
const LOOK_MAX: Duration = Duration::from_secs(30);
/// The pause after a failure of the database.
const PAUSE: Duration = Duration::from_secs(1);

/// Does `act` whenever the next time of `next` has come, until told to stop.
pub(super) async fn whenever(
    sandbox: Arc<Sandbox>,
    next: &'static str,
    act: impl AsyncFn(&Sandbox) -> Result<(), DatabaseError>,
) {
    let mut follows = sandbox.writer.follows.clone();
    loop {
        follows.mark_unchanged();
        let wait = match until(&sandbox, next).await {
            Ok(Duration::ZERO) => match act(&sandbox).await {
                Ok(()) => continue,
                Err(error) => paused(&error),
            },
            Ok(wait) => wait,
            Err(error) => paused(&error),
        };
        tokio::select! {
            () = sleep(wait) => {}
            _ = follows.changed() => {}
            () = sandbox.stop.cancelled() => return,
        }
    }
}

/// Does the operations that were put off.
pub(super) async fn finish(sandbox: &Sandbox) -> Result<(), DatabaseError> {
    match sandbox.writer.decide(Job::Finish).await {
        Err(Failure::Unavailable(reason)) => Err(DatabaseError::Unavailable(reason)),
        Ok(_) | Err(Failure::Refused(_)) => Ok(()),
    }
}

/// The time until something is due; zero if something is now.
async fn until(sandbox: &Sandbox, next: &'static str) -> Result<Duration, DatabaseError> {
    let row = sandbox.readers.get().await?.query_one(next, &[]).await?;
    let millis: Option<f64> = row.get("millis");
    let until = millis.map_or(LOOK_MAX, |millis| Duration::from_secs_f64(millis.max(0.0) / 1_000.0));
    Ok(until.min(LOOK_MAX))
}

fn paused(error: &DatabaseError) -> Duration {
    tracing::warn!(%error, "what is due has to wait");
    PAUSE
}
