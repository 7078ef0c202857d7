//! Waking the workers after a commit. NOTIFY takes a lock of the whole cluster through the commit, so
//! that commits that carry one wait for each other. An event that comes alone carries it, because nobody
//! is there to wait; of those that come close together a connection of its own tells, once for however
//! many commits.
//!
//! It is a courtesy, not the guarantee. A lost one costs a worker's poll interval.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::database::{DatabaseError, DatabaseUrl, Role, WAKE_CHANNEL};

/// The pause after a wake-up for more than [`FEW`] events.
const PAUSE: Duration = Duration::from_millis(2);
/// The silence before an event that counts as coming alone.
const ALONE: Duration = Duration::from_millis(2);
/// The most events that are few.
const FEW: usize = 2;

/// The sender of wake-ups to the workers.
#[derive(Debug, Clone)]
pub(super) struct Waker(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    notify: Notify,
    /// The number of events without a wake-up so far.
    events: AtomicUsize,
    /// The beginning of the last append.
    last: Mutex<Option<Instant>>,
}

impl Waker {
    /// Starts the task that sends wake-ups. It ends when the last handle is dropped.
    pub(super) fn start((url, role): (&DatabaseUrl, Role)) -> Self {
        let signal = Arc::<Signal>::default();
        tokio::spawn(run((url.clone(), role), Arc::downgrade(&signal)));
        Self(signal)
    }

    /// Notes that an append of so many events begins, beside others that are under way or not. Returns true
    /// if its own commit should wake the workers, because it comes alone.
    pub(super) fn rides_along(&self, events: usize, others: bool, now: Instant) -> bool {
        let last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        events <= FEW && !others && last.is_none_or(|last| now.duration_since(last) > ALONE)
    }

    /// Wakes the workers for so many more events in the outbox, some time soon.
    pub(super) fn wake(&self, events: usize) {
        self.0.events.fetch_add(events, Ordering::Relaxed);
        self.0.notify.notify_one();
    }
}

/// A connection whose commits wait for no disk: a NOTIFY is a transaction, and none of its is worth keeping.
async fn connect((url, role): &(DatabaseUrl, Role)) -> Result<Client, DatabaseError> {
    let client = url.client(*role).await?;
    client.batch_execute("set synchronous_commit = off").await?;
    Ok(client)
}

async fn run(way: (DatabaseUrl, Role), signal: Weak<Signal>) {
    let mut client: Option<Client> = None;
    while let Some(signal) = signal.upgrade() {
        // The handle is let go every second, so that the task sees when it is the last one.
        let woken = tokio::time::timeout(Duration::from_secs(1), signal.notify.notified()).await;
        if woken.is_err() {
            continue;
        }
        let events = signal.events.swap(0, Ordering::Relaxed);
        if events == 0 {
            continue;
        }
        if client.as_ref().is_none_or(Client::is_closed) {
            client = connect(&way).await.ok();
        }
        if let Some(client) = &client {
            // Lost: the workers poll.
            let _ = client.batch_execute(&format!("notify {WAKE_CHANNEL}")).await;
        }
        if events > FEW {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_of_what_comes_alone_wakes_by_itself() {
        let waker = Waker(Arc::default());
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert!(waker.rides_along(1, false, at(0)), "the first");
        assert!(!waker.rides_along(1, false, at(1)), "in a row");
        assert!(!waker.rides_along(1, false, at(3)), "2 ms after that");
        assert!(waker.rides_along(2, false, at(6)));
        assert!(!waker.rides_along(3, false, at(9)), "many");
        assert!(!waker.rides_along(1, true, at(20)), "the other's commit may take long");
    }
}
