//! Appends that wait at the same time share one INSERT.
//!
//! Two connections. Each takes the appends that have queued while both were busy, up to a limit and at
//! most one event a stream, without a timer: a lone append goes out at once, and under load the
//! statement's cost is shared. A statement that fails is run again one event at a time, so that one bad
//! event takes no other with it (`writer.rs`).

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::NewSecret;
use super::columns::Columns;
use super::waiting::{Append, Appended, Waiting, events_of};
use super::wake::Waker;
use super::writer::{AppendMetrics, Writer, is_key_used};
use crate::database::{DatabaseError, DatabaseUrl, PooledClient, Role, WAKE_CHANNEL};
use crate::metrics::{counts, durations};

/// The number of connections that append. Two were the fastest of 1, 2, 4 and 8 (docs/decisions/0003).
const CONNECTIONS: usize = 2;
/// The most events of one statement.
const BATCH_MAX: usize = 64;
/// The most appends that wait. A caller beyond them waits for a place.
const QUEUE_MAX: usize = 4_096;

/// The way into the log.
#[derive(Debug, Clone)]
pub(super) struct Appender {
    queue: mpsc::Sender<Waiting>,
    waker: Waker,
    metrics: AppendMetrics,
}

impl Appender {
    /// Starts the task that has the connections. It ends when the last handle is dropped.
    pub(super) fn start((url, role): (&DatabaseUrl, Role)) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let waker = Waker::start((url, role));
        let metrics = AppendMetrics { together: counts(), took: durations() };
        tokio::spawn(run((url.clone(), role), waiting, waker.clone(), metrics.clone()));
        Self { queue, waker, metrics }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let AppendMetrics { together, took } = self.metrics.clone();
        registry.register("calmony_appended_together", "Events that shared a statement", together);
        registry.register(
            "calmony_append_seconds",
            "How long such a statement took, its commit included",
            took,
        );
    }

    /// Appends the facts of a decision and waits until they are committed or known not to be.
    pub(super) async fn append(&self, append: Append) -> Result<Appended, DatabaseError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || DatabaseError::Unavailable("the appender has stopped".to_owned());
        self.queue.send(Waiting { append, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Appends one event and the signing secret that it brings.
    pub(super) async fn append_with_secret(
        &self,
        client: &PooledClient,
        append: &Append,
        secret: &NewSecret,
    ) -> Result<Appended, DatabaseError> {
        let columns = Columns::new(&[append], None);
        let parameters: Vec<_> =
            columns.parameters_with_secret(secret).into_iter().map(|(_, value)| value).collect();
        let touched = match client.execute(include_str!("sql/append_with_secret.sql"), &parameters).await {
            Err(error) if is_key_used(&error) => 0,
            result => result?,
        };
        self.waker.wake(usize::from(touched > 0));
        Ok(if touched > 0 { Appended::All } else { Appended::Conflict })
    }
}

/// Gives the appends in the queue to whichever writer is free. The one that was used last is the first to
/// be used again: the memory of PostgreSQL's process for it is still in the caches.
async fn run(
    (url, role): (DatabaseUrl, Role),
    mut queue: mpsc::Receiver<Waiting>,
    waker: Waker,
    metrics: AppendMetrics,
) {
    let mut free: Vec<Writer> = std::iter::repeat_with(Writer::default).take(CONNECTIONS).collect();
    let mut busy = FuturesUnordered::new();
    let mut is_open = true;
    while is_open || !busy.is_empty() {
        let (mut writer, first) = tokio::select! {
            Some(writer) = busy.next() => (writer, None),
            first = queue.recv(), if is_open && !free.is_empty() => {
                is_open = first.is_some();
                let Some(writer) = free.pop() else { continue };
                (writer, first)
            }
        };
        writer.held_back.extend(first);
        if writer.held_back.is_empty() {
            free.push(writer);
        } else {
            top_up(&mut writer.held_back, &mut queue);
            let wake_on = waker.rides_along(events_of(&writer.held_back), !busy.is_empty(), Instant::now());
            let wake_on = wake_on.then_some(WAKE_CHANNEL);
            // A panic would be a defect; it costs the connection and its callers, and nobody else.
            let appended =
                AssertUnwindSafe(writer.append((&url, role), &waker, wake_on, &metrics)).catch_unwind();
            busy.push(appended.map(Result::unwrap_or_default));
        }
    }
}

/// Takes more from the queue, up to the most events of one statement; a larger group goes whole.
fn top_up(taken: &mut Vec<Waiting>, queue: &mut mpsc::Receiver<Waiting>) {
    let mut events = events_of(taken);
    while events < BATCH_MAX {
        let Ok(next) = queue.try_recv() else { return };
        events += next.append.facts.len();
        taken.push(next);
    }
}
