//! A connection that appends, statement by statement.

use std::collections::HashSet;

use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::columns::Columns;
use super::statement::Statements;
use super::waiting::{Append, Appended, Waiting};
use super::wake::Waker;
use crate::database::{DatabaseError, DatabaseUrl, Role};

/// One of the appender's connections, and the appends that it has to take first.
#[derive(Default)]
pub(super) struct Writer {
    connection: Option<Connection>,
    /// Second events of a stream, and second ones with an idempotency key, which would take all the
    /// others of a statement with them.
    pub(super) held_back: Vec<Waiting>,
}

/// An open connection, with its statements prepared.
struct Connection {
    client: Client,
    statements: Statements,
}

/// The number of events that share a statement, and the statement's time, its commit included.
#[derive(Debug, Clone)]
pub(super) struct AppendMetrics {
    pub(super) together: Histogram,
    pub(super) took: Histogram,
}

impl Writer {
    /// Appends a batch of the appends that it was given, keeps the others, and answers.
    pub(super) async fn append(
        mut self,
        way: (&DatabaseUrl, Role),
        waker: &Waker,
        wake_on: Option<&str>,
        metrics: &AppendMetrics,
    ) -> Self {
        let batch = self.next_batch();
        if self.connection.as_ref().is_none_or(|connection| connection.client.is_closed()) {
            self.connection = match Connection::open(way).await {
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
            connection.append_batch(batch, waker, wake_on).await;
            metrics.took.observe(began.elapsed().as_secs_f64());
        }
        self
    }

    /// The next batch: at most one event a stream and one a key, sorted so that two connections lock in the
    /// same order.
    fn next_batch(&mut self) -> Vec<Waiting> {
        let (mut streams, mut keys) = (HashSet::new(), HashSet::new());
        let stream = |waiting: &Waiting| (waiting.append.cause.account, waiting.append.fact.stream.clone());
        let key = |waiting: &Waiting| {
            let cause = &waiting.append.cause;
            cause.fingerprint.and(cause.idempotency_key.clone()).map(|key| (cause.account, key))
        };
        let (mut batch, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held_back).into_iter().partition(|waiting| {
                streams.insert(stream(waiting)) && key(waiting).is_none_or(|key| keys.insert(key))
            });
        self.held_back = rest;
        batch.sort_by_key(stream);
        batch
    }
}

impl Connection {
    async fn open((url, role): (&DatabaseUrl, Role)) -> Result<Self, DatabaseError> {
        let client = url.client(role).await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Self { client, statements })
    }

    /// Appends and answers. The workers are woken here and not by the callers, who may have gone away. A
    /// batch that can't be appended together, or with a wake-up in the commit, is tried one by one and
    /// without.
    async fn append_batch(&self, batch: Vec<Waiting>, waker: &Waker, wake_on: Option<&str>) {
        let events: Vec<_> = batch.iter().map(|waiting| &waiting.append).collect();
        let mut inserted = self.insert(&events, wake_on).await;
        if matches!(inserted, Ok(None)) {
            // Whoever used the key at the same moment has committed by now, so that the statement leaves it
            // out.
            inserted = self.insert(&events, wake_on).await;
        }
        match inserted {
            Ok(Some(appended)) => {
                if wake_on.is_none() {
                    waker.wake(appended.len());
                }
                for waiting in batch {
                    let is_in = appended.contains(&waiting.append.event);
                    let outcome = if is_in { Appended::All } else { Appended::Conflict };
                    // A caller that has gone away needs no answer.
                    let _ = waiting.answer.send(Ok(outcome));
                }
            }
            Err(error) if batch.len() == 1 && wake_on.is_none() || self.client.is_closed() => {
                answer_all(batch, &error);
            }
            Ok(None) | Err(_) => self.append_one_by_one(batch, waker).await,
        }
    }

    async fn append_one_by_one(&self, batch: Vec<Waiting>, waker: &Waker) {
        for waiting in batch {
            let result = self.insert(&[&waiting.append], None).await;
            waker.wake(result.as_ref().ok().and_then(Option::as_ref).map_or(0, HashSet::len));
            let outcome = result.map(|appended| match appended {
                Some(appended) if !appended.is_empty() => Appended::All,
                _ => Appended::Conflict,
            });
            let _ = waiting.answer.send(outcome);
        }
    }

    /// Runs the INSERT, whose commit wakes the workers on that channel, if any. Returns the ids of the
    /// events that got in; `None` when two use one idempotency key at this moment and nothing was done.
    async fn insert(
        &self,
        events: &[&Append],
        wake_on: Option<&str>,
    ) -> Result<Option<HashSet<String>>, DatabaseError> {
        let columns = Columns::new(events, wake_on);
        let statement = self.statements.choose(events.len(), columns.is_any_keyed);
        let needed = columns.parameters().into_iter().take(statement.params().len());
        let needed: Vec<_> = needed.map(|(_, value)| value).collect();
        match self.client.query(statement, &needed).await.map_err(DatabaseError::from) {
            Ok(rows) => Ok(Some(rows.iter().map(|row| row.get("id")).collect())),
            Err(error) if is_key_used(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn answer_all(batch: Vec<Waiting>, error: &DatabaseError) {
    for waiting in batch {
        let _ = waiting.answer.send(Err(DatabaseError::Unavailable(error.to_string())));
    }
}

/// True if another request uses the same idempotency key at this moment.
pub(super) fn is_key_used(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Duplicate { table, .. } if table.starts_with("idempotency"))
}
