//! Appends that wait at the same time share one INSERT.
//!
//! Two connections. Each takes whatever has queued while both were busy, up to a limit and at most one
//! event a stream, without a timer: a lone append goes out at once, and under load the statement's cost
//! is shared. A statement that fails is run again one event at a time, so that one bad event takes no
//! other with it.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::SystemTime;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::idempotency::Answer;
use super::statement::Statements;
use super::wake::Waker;
use super::{Cause, NewSecret};
use crate::clock::Timestamp;
use crate::database::{DatabaseError, DatabaseUrl, PooledClient, Role, WAKE_CHANNEL};
use crate::domain::Fact;
use crate::metrics::{counts, durations};

/// Connections that append. Two were the fastest of 1, 2, 4 and 8 (docs/decisions/0003).
const CONNECTIONS: usize = 2;
/// The most events of one statement.
const BATCH_MAX: usize = 64;
/// The most appends that wait. Whoever comes then waits for a place.
const QUEUE_MAX: usize = 4_096;

/// An event on its way into the log.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) cause: Cause,
    pub(super) event: String,
    pub(super) fact: Fact,
    pub(super) at: Timestamp,
    /// What the caller is answered, where it isn't the object.
    pub(super) answer: Option<Answer>,
}

impl Append {
    /// What is stored under the idempotency key: fingerprint, answer, and what that is sealed with.
    fn remembered(&self) -> (Option<Vec<u8>>, Option<&str>, Option<&str>) {
        let (answer, sealed_with) = self.answer.as_ref().map(Answer::columns).unzip();
        (self.cause.fingerprint.map(|known| known.bytes()), answer, sealed_with.flatten())
    }
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// The events are in the log.
    All,
    /// Another event has that version of the object, or the idempotency key was used before.
    Conflict,
}

struct Waiting {
    append: Append,
    answer: oneshot::Sender<Result<Appended, DatabaseError>>,
}

/// The way into the log.
#[derive(Debug, Clone)]
pub(super) struct Appender {
    queue: mpsc::Sender<Waiting>,
    waker: Waker,
    metrics: AppendMetrics,
}

/// How many events share a statement, and how long that takes, its commit included.
#[derive(Debug, Clone)]
struct AppendMetrics {
    together: Histogram,
    took: Histogram,
}

impl Appender {
    /// Starts the task that has the connections. It ends when the last handle is dropped.
    pub(super) fn start(url: &DatabaseUrl) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let waker = Waker::start(url);
        let metrics = AppendMetrics { together: counts(), took: durations() };
        tokio::spawn(run(url.clone(), waiting, waker.clone(), metrics.clone()));
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

    /// Appends an event and waits until it is committed or known not to be.
    pub(super) async fn append(&self, append: Append) -> Result<Appended, DatabaseError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || DatabaseError::Unavailable("the appender has stopped".to_owned());
        self.queue.send(Waiting { append, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Wakes the workers for so many events.
    pub(super) fn wake(&self, events: usize) {
        self.waker.wake(events);
    }

    /// Appends one event and the signing secret it brings.
    pub(super) async fn append_with_secret(
        &self,
        client: &PooledClient,
        append: &Append,
        secret: &NewSecret,
    ) -> Result<Appended, DatabaseError> {
        let Append { cause, event, fact, at, answer: _ } = append;
        let (fingerprint, answer, sealed_with) = append.remembered();
        let trace = cause.trace.map(|trace| trace.to_string());
        let parameters: [&(dyn ToSql + Sync); 18] = [
            &cause.account,
            event,
            &fact.stream,
            &fact.version,
            &fact.event_type.as_str(),
            &fact.deletes,
            &fact.data,
            &fact.previous,
            &cause.request_id,
            &cause.idempotency_key,
            &at.system_time(),
            &fingerprint,
            &answer,
            &sealed_with,
            &secret.sealed.key_id,
            &secret.sealed.text,
            &secret.overlap_seconds,
            &trace,
        ];
        let touched = match client.execute(include_str!("sql/append_with_secret.sql"), &parameters).await {
            Err(error) if is_key_used(&error) => 0,
            result => result?,
        };
        self.wake(usize::from(touched > 0));
        Ok(if touched > 0 { Appended::All } else { Appended::Conflict })
    }
}

/// The connection of an appender.
struct Connection {
    client: Client,
    statements: Statements,
}

impl Connection {
    async fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let client = url.client(Role::Api).await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Self { client, statements })
    }
}

/// One of the connections, and what it has to take first.
#[derive(Default)]
struct Lane {
    connection: Option<Connection>,
    /// Second events of a stream, and second ones with an idempotency key, which would take all the
    /// others of a statement with them.
    held_back: Vec<Waiting>,
}

/// Gives what waits to whichever connection is free. The one that was used last is the first to be used
/// again: what PostgreSQL's process for it needs is still at hand.
async fn run(url: DatabaseUrl, mut queue: mpsc::Receiver<Waiting>, waker: Waker, metrics: AppendMetrics) {
    let mut free: Vec<Lane> = std::iter::repeat_with(Lane::default).take(CONNECTIONS).collect();
    let mut busy = FuturesUnordered::new();
    let mut is_open = true;
    while is_open || !busy.is_empty() {
        let (mut lane, first) = tokio::select! {
            Some(lane) = busy.next() => (lane, None),
            first = queue.recv(), if is_open && !free.is_empty() => {
                is_open = first.is_some();
                let Some(lane) = free.pop() else { continue };
                (lane, first)
            }
        };
        lane.held_back.extend(first);
        if lane.held_back.is_empty() {
            free.push(lane);
        } else {
            top_up(&mut lane.held_back, &mut queue);
            let wake_on = waker.rides_along(lane.held_back.len(), !busy.is_empty(), Instant::now());
            let wake_on = wake_on.then_some(WAKE_CHANNEL);
            // A panic would be a defect; it costs the connection and its callers, and nobody else.
            let appended = AssertUnwindSafe(lane.append(&url, &waker, wake_on, &metrics)).catch_unwind();
            busy.push(appended.map(Result::unwrap_or_default));
        }
    }
}

impl Lane {
    /// Appends what it was given, but what has to be held back, and answers.
    async fn append(
        mut self,
        url: &DatabaseUrl,
        waker: &Waker,
        wake_on: Option<&str>,
        metrics: &AppendMetrics,
    ) -> Self {
        let batch = self.next_batch();
        if self.connection.as_ref().is_none_or(|connection| connection.client.is_closed()) {
            self.connection = match Connection::open(url).await {
                Ok(connection) => Some(connection),
                Err(error) => {
                    answer_all(batch, &error);
                    return Self { connection: None, ..self };
                }
            };
        }
        if let Some(connection) = &self.connection {
            metrics.together.observe(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
            let began = Instant::now();
            append_batch(connection, batch, waker, wake_on).await;
            metrics.took.observe(began.elapsed().as_secs_f64());
        }
        self
    }

    /// At most one event a stream and one a key, sorted so that two connections lock in the same order.
    fn next_batch(&mut self) -> Vec<Waiting> {
        let (mut streams, mut keys) = (HashSet::new(), HashSet::new());
        let key = |waiting: &Waiting| (waiting.append.cause.account, waiting.append.fact.stream.clone());
        let idempotency = |waiting: &Waiting| {
            let cause = &waiting.append.cause;
            cause.fingerprint.and(cause.idempotency_key.clone()).map(|key| (cause.account, key))
        };
        let (mut batch, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held_back).into_iter().partition(|waiting| {
                streams.insert(key(waiting)) && idempotency(waiting).is_none_or(|key| keys.insert(key))
            });
        self.held_back = rest;
        batch.sort_by_key(key);
        batch
    }
}

/// Takes what waits besides, up to a statement's measure.
fn top_up(taken: &mut Vec<Waiting>, queue: &mut mpsc::Receiver<Waiting>) {
    while taken.len() < BATCH_MAX {
        let Ok(next) = queue.try_recv() else { return };
        taken.push(next);
    }
}

/// Appends and answers. The workers are woken here and not by the callers, who may have gone away. What
/// can't be done together, or with a wake-up in the commit, is tried one by one and without.
async fn append_batch(connection: &Connection, batch: Vec<Waiting>, waker: &Waker, wake_on: Option<&str>) {
    let events: Vec<_> = batch.iter().map(|waiting| &waiting.append).collect();
    let mut inserted = insert(connection, &events, wake_on).await;
    if matches!(inserted, Ok(None)) {
        // Whoever used the key at the same moment has committed by now, so that the statement leaves it out.
        inserted = insert(connection, &events, wake_on).await;
    }
    match inserted {
        Ok(Some(appended)) => {
            if wake_on.is_none() {
                waker.wake(appended.len());
            }
            for waiting in batch {
                let outcome =
                    if appended.contains(&waiting.append.event) { Appended::All } else { Appended::Conflict };
                // A caller that has gone away needs no answer.
                let _ = waiting.answer.send(Ok(outcome));
            }
        }
        Err(error) if batch.len() == 1 && wake_on.is_none() || connection.client.is_closed() => {
            answer_all(batch, &error);
        }
        Ok(None) | Err(_) => {
            for waiting in batch {
                let result = insert(connection, &[&waiting.append], None).await;
                waker.wake(result.as_ref().ok().and_then(Option::as_ref).map_or(0, HashSet::len));
                let outcome = result.map(|appended| match appended {
                    Some(appended) if !appended.is_empty() => Appended::All,
                    _ => Appended::Conflict,
                });
                let _ = waiting.answer.send(outcome);
            }
        }
    }
}

fn answer_all(batch: Vec<Waiting>, error: &DatabaseError) {
    for waiting in batch {
        let _ = waiting.answer.send(Err(DatabaseError::Unavailable(error.to_string())));
    }
}

/// Whether another request uses the same idempotency key at this moment.
fn is_key_used(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Duplicate { table, .. } if table.starts_with("idempotency"))
}

/// Runs the INSERT, whose commit wakes the workers on that channel, if any; returns the ids of the
/// events that got in, or none when two use one idempotency key at this moment and nothing was done.
async fn insert(
    connection: &Connection,
    events: &[&Append],
    wake_on: Option<&str>,
) -> Result<Option<HashSet<String>>, DatabaseError> {
    fn column<'a, T>(events: &[&'a Append], field: impl Fn(&'a Append) -> T) -> Vec<T> {
        events.iter().map(|event| field(event)).collect()
    }
    let account = column(events, |event| event.cause.account);
    let id = column(events, |event| event.event.as_str());
    let stream = column(events, |event| event.fact.stream.as_str());
    let version = column(events, |event| event.fact.version);
    let event_type = column(events, |event| event.fact.event_type.as_str());
    let deleted = column(events, |event| event.fact.deletes);
    let data = column(events, |event| event.fact.data.as_str());
    let previous = column(events, |event| event.fact.previous.as_deref());
    let request = column(events, |event| event.cause.request_id.as_deref());
    let key = column(events, |event| event.cause.idempotency_key.as_deref());
    let at: Vec<SystemTime> = column(events, |event| event.at.system_time());
    let trace = column(events, |event| event.cause.trace.map(|trace| trace.to_string()));
    let remembered = column(events, Append::remembered);
    let fingerprint: Vec<_> = remembered.iter().map(|(fingerprint, _, _)| fingerprint.as_deref()).collect();
    let answer: Vec<_> = remembered.iter().map(|(_, answer, _)| *answer).collect();
    let sealed_with: Vec<_> = remembered.iter().map(|(_, _, sealed_with)| *sealed_with).collect();
    let is_any_keyed = fingerprint.iter().any(Option::is_some);
    let parameters: [&(dyn ToSql + Sync); 17] = [
        &account,
        &id,
        &stream,
        &version,
        &event_type,
        &deleted,
        &data,
        &previous,
        &request,
        &key,
        &at,
        &trace,
        &wake_on,
        &fingerprint,
        &answer,
        &sealed_with,
        &is_any_keyed,
    ];
    let statement = connection.statements.choose(events.len(), is_any_keyed);
    // A statement that needs less takes the first of them.
    let needed: Vec<_> = parameters.into_iter().take(statement.params().len()).collect();
    match connection.client.query(statement, &needed).await.map_err(DatabaseError::from) {
        Ok(rows) => Ok(Some(rows.iter().map(|row| row.get(0)).collect())),
        Err(error) if is_key_used(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
