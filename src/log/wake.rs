//! Waking the workers after a commit: one NOTIFY on a connection of its own, however many commits there were. Never within a
//! writing transaction: NOTIFY takes a lock of the whole cluster through the commit. Events that come alone are told of at once,
//! many are told of together.
//!
//! It is a courtesy, not the guarantee. A lost one costs a worker's poll interval.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::Client;

use crate::database::{DatabaseError, DatabaseUrl, Role, WAKE_CHANNEL};

/// How long no wake-up is sent after one that told of more than [`FEW`] events.
const PAUSE: Duration = Duration::from_millis(2);
/// So many events are few.
const FEW: usize = 2;

/// Wakes the workers.
#[derive(Debug, Clone)]
pub(super) struct Waker(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    notify: Notify,
    /// Events that nobody was told of.
    events: AtomicUsize,
}

impl Waker {
    /// Starts the task that sends wake-ups. It ends when the last handle is dropped.
    pub(super) fn start(url: &DatabaseUrl) -> Self {
        let signal = Arc::<Signal>::default();
        tokio::spawn(run(url.clone(), Arc::downgrade(&signal)));
        Self(signal)
    }

    /// There are so many more events in the outbox.
    pub(super) fn wake(&self, events: usize) {
        self.0.events.fetch_add(events, Ordering::Relaxed);
        self.0.notify.notify_one();
    }
}

/// A connection whose commits wait for no disk: a NOTIFY is a transaction, and none of its is worth keeping.
async fn connect(url: &DatabaseUrl) -> Result<Client, DatabaseError> {
    let client = url.client(Role::Api).await?;
    client.batch_execute("set synchronous_commit = off").await?;
    Ok(client)
}

async fn run(url: DatabaseUrl, signal: Weak<Signal>) {
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
            client = connect(&url).await.ok();
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
