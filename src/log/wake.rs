//! Waking the workers after a commit: one NOTIFY on a connection of its own, however many commits there were. Never within a
//! writing transaction: NOTIFY takes a lock of the whole cluster through the commit.
//!
//! It is a courtesy, not the guarantee. A lost one costs a worker's poll interval.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::Client;

use crate::database::{DatabaseUrl, Role, WAKE_CHANNEL};

/// The shortest time between two wake-ups.
const DEBOUNCE: Duration = Duration::from_millis(2);

/// Wakes the workers.
#[derive(Debug, Clone)]
pub(super) struct Waker(Arc<Notify>);

impl Waker {
    /// Starts the task that sends wake-ups. It ends when the last handle is dropped.
    pub(super) fn start(url: &DatabaseUrl) -> Self {
        let signal = Arc::new(Notify::new());
        tokio::spawn(run(url.clone(), Arc::downgrade(&signal)));
        Self(signal)
    }

    /// There is something in the outbox.
    pub(super) fn wake(&self) {
        self.0.notify_one();
    }
}

async fn run(url: DatabaseUrl, signal: std::sync::Weak<Notify>) {
    let mut client: Option<Client> = None;
    while let Some(signal) = signal.upgrade() {
        // The handle is let go every second, so that the task sees when it is the last one.
        let woken = tokio::time::timeout(Duration::from_secs(1), signal.notified()).await;
        if woken.is_err() {
            continue;
        }
        if client.as_ref().is_none_or(Client::is_closed) {
            client = url.client(Role::Api).await.ok();
        }
        if let Some(client) = &client {
            // Lost: the workers poll.
            let _ = client.batch_execute(&format!("notify {WAKE_CHANNEL}")).await;
        }
        tokio::time::sleep(DEBOUNCE).await;
    }
}
