//! A connection that appends, statement by statement.

use std::collections::HashSet;

use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::columns::Columns;
use super::statement::Statements;
use super::waiting::{Append, Appended, Waiting, events_of};
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
            metrics.together.observe(f64::from(u32::try_from(events_of(&batch)).unwrap_or(u32::MAX)));
            let began = Instant::now();
            connection.append_batch(batch, waker, wake_on).await;
            metrics.took.observe(began.elapsed().as_secs_f64());
        }
        self
    }

    /// The next batch: at most one append that changes an object, and then none that only read it, and at
    /// most one a key. Sorted, so that two connections lock in the same order.
    fn next_batch(&mut self) -> Vec<Waiting> {
        let mut taken = Taken::default();
        let (mut batch, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.held_back).into_iter().partition(|waiting| taken.takes(&waiting.append));
        self.held_back = rest;
        batch.sort_by(|one, other| place(&one.append).cmp(&place(&other.append)));
        batch
    }
}

/// The first object that an append changes.
fn place(append: &Append) -> (i64, &str) {
    (append.cause.account, append.facts.first().map_or("", |(_, fact)| fact.stream.as_str()))
}

/// The objects and the keys of a batch.
#[derive(Default)]
struct Taken {
    changed: HashSet<(i64, String)>,
    read: HashSet<(i64, String)>,
    keys: HashSet<(i64, String)>,
}

impl Taken {
    /// Takes an append into the batch, unless another is in its way. Returns true if it is in.
    fn takes(&mut self, append: &Append) -> bool {
        let named = |id: &String| (append.cause.account, id.clone());
        let changed: Vec<_> = append.facts.iter().map(|(_, fact)| named(&fact.stream)).collect();
        let read: Vec<_> = append.guards.iter().map(|(id, _)| named(id)).collect();
        let key = key(append);
        let is_free = changed.iter().all(|id| !self.changed.contains(id) && !self.read.contains(id))
            && read.iter().all(|id| !self.changed.contains(id))
            && key.iter().all(|key| !self.keys.contains(key));
        if is_free {
            self.changed.extend(changed);
            self.read.extend(read);
            self.keys.extend(key);
        }
        is_free
    }
}

/// The idempotency key that an append is answered under.
fn key(append: &Append) -> Option<(i64, String)> {
    let cause = &append.cause;
    cause.fingerprint.and(cause.idempotency_key.clone()).map(|key| (cause.account, key))
}

impl Connection {
    async fn open((url, role): (&DatabaseUrl, Role)) -> Result<Self, DatabaseError> {
        let client = url.client(role).await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Self { client, statements })
    }

    /// Appends and answers. The workers are woken here and not by the callers, which may have gone away.
    /// From a batch that can't be appended together those are taken that are too late; one without
    /// these, or with a wake-up in the commit, is tried in parts and without.
    async fn append_batch(&self, batch: Vec<Waiting>, waker: &Waker, wake_on: Option<&str>) {
        let mut parts = vec![(batch, wake_on)];
        while let Some((part, wake_on)) = parts.pop() {
            let appends: Vec<_> = part.iter().map(|waiting| &waiting.append).collect();
            let inserted = self.insert(&appends, wake_on).await;
            if self.client.is_closed()
                && let Err(error) = &inserted
            {
                answer_all(part, error);
                continue;
            }
            match inserted {
                Ok(Some(appended)) => answer(part, &appended, waker, wake_on.is_some()),
                Ok(None) if part.len() == 1 => answer(part, &HashSet::new(), waker, true),
                Err(error) if part.len() == 1 && wake_on.is_none() => refuse(part, error),
                Ok(None) | Err(DatabaseError::Conflict(_) | DatabaseError::Duplicate { .. }) => {
                    let (late, rest) = self.weeded(part).await;
                    let is_weeded = !late.is_empty();
                    answer(late, &HashSet::new(), waker, true);
                    parts.extend(if is_weeded { vec![(rest, None)] } else { halves(rest) });
                }
                Err(_) => parts.extend(part.into_iter().map(|waiting| (vec![waiting], None))),
            }
            parts.retain(|(part, _)| !part.is_empty());
        }
    }

    /// A batch in those that are too late, because an object has moved on or a key was used, and the others.
    async fn weeded(&self, batch: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
        let (mut numbers, mut accounts, mut ids, mut versions) = (vec![], vec![], vec![], vec![]);
        let (mut key_numbers, mut key_accounts, mut keys) = (vec![], vec![], vec![]);
        for (number, waiting) in (0_i32..).zip(&batch) {
            for (id, version) in waiting.append.rests_on() {
                numbers.push(number);
                accounts.push(waiting.append.cause.account);
                ids.push(id);
                versions.push(version);
            }
            if let Some((account, key)) = key(&waiting.append) {
                key_numbers.push(number);
                key_accounts.push(account);
                keys.push(key);
            }
        }
        let parameters: [&(dyn ToSql + Sync); 7] =
            [&numbers, &accounts, &ids, &versions, &key_numbers, &key_accounts, &keys];
        let late = self.client.query(&self.statements.weed, &parameters).await;
        // Without an answer it is found out by halves.
        let late: HashSet<i32> =
            late.map_or_else(|_| HashSet::new(), |rows| rows.iter().map(|row| row.get("number")).collect());
        let numbered = (0_i32..).zip(batch);
        let (late, rest): (Vec<_>, Vec<_>) = numbered.partition(|(number, _)| late.contains(number));
        let all = |numbered: Vec<(i32, Waiting)>| numbered.into_iter().map(|(_, waiting)| waiting).collect();
        (all(late), all(rest))
    }

    /// Runs the INSERT, whose commit wakes the workers on that channel, if any. Returns the first events of
    /// the appends that got in; `None` when two use one idempotency key at this moment, or one of a group
    /// was used before, and nothing was done.
    async fn insert(
        &self,
        appends: &[&Append],
        wake_on: Option<&str>,
    ) -> Result<Option<HashSet<String>>, DatabaseError> {
        let columns = Columns::new(appends, wake_on);
        if !appends.iter().all(|append| append.is_lone()) {
            let parameters: Vec<_> =
                columns.parameters_of_groups().into_iter().map(|(_, value)| value).collect();
            let groups = &self.statements.groups;
            return match self.client.query_one(groups, &parameters).await.map_err(DatabaseError::from) {
                Ok(row) => {
                    let all = || appends.iter().map(|append| append.event().to_owned()).collect();
                    Ok(row.get::<_, bool>("appended").then(all))
                }
                Err(error) if is_key_used(&error) => Ok(None),
                Err(DatabaseError::Conflict(_) | DatabaseError::Duplicate { .. }) if appends.len() == 1 => {
                    Ok(Some(HashSet::new()))
                }
                Err(error) => Err(error),
            };
        }
        let statement = self.statements.choose(appends.len(), columns.is_any_keyed);
        let needed = columns.parameters().into_iter().take(statement.params().len());
        let needed: Vec<_> = needed.map(|(_, value)| value).collect();
        match self.client.query(statement, &needed).await.map_err(DatabaseError::from) {
            Ok(rows) => Ok(Some(rows.iter().map(|row| row.get("id")).collect())),
            Err(error) if is_key_used(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The halves of a batch.
fn halves(mut batch: Vec<Waiting>) -> Vec<(Vec<Waiting>, Option<&'static str>)> {
    let rest = batch.split_off(batch.len().div_ceil(2));
    vec![(rest, None), (batch, None)]
}

/// Answers one append by its error. An append that waited for another in a circle is decided anew.
fn refuse(batch: Vec<Waiting>, error: DatabaseError) {
    let mut outcome = match error {
        DatabaseError::Conflict(_) => Some(Ok(Appended::Conflict)),
        error => Some(Err(error)),
    };
    for waiting in batch {
        let _ = waiting.answer.send(outcome.take().unwrap_or(Ok(Appended::Conflict)));
    }
}

/// Answers a batch: the appends whose first event is in the log, and the others.
fn answer(batch: Vec<Waiting>, appended: &HashSet<String>, waker: &Waker, is_woken: bool) {
    let is_in = |waiting: &Waiting| appended.contains(waiting.append.event());
    if !is_woken {
        let of = |waiting: &Waiting| if is_in(waiting) { waiting.append.facts.len() } else { 0 };
        waker.wake(batch.iter().map(of).sum());
    }
    for waiting in batch {
        let outcome = if is_in(&waiting) { Appended::All } else { Appended::Conflict };
        // A caller that has gone away needs no answer.
        let _ = waiting.answer.send(Ok(outcome));
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

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::clock::Timestamp;
    use crate::contract::EventType;
    use crate::domain::Fact;
    use crate::log::Cause;
    use crate::log::idempotency::Fingerprint;

    /// An append that changes some objects and reads others.
    fn waiting(account: i64, changed: &[&str], read: &[&str]) -> Waiting {
        let fact = |stream: &&str| Fact {
            stream: (*stream).to_owned(),
            version: 2,
            event_type: EventType::CustomerUpdated,
            data: "{}".to_owned(),
            previous: None,
            internal: None,
            deletes: false,
        };
        let append = Append {
            cause: Cause::service(account),
            at: Timestamp::from_millis(1_000_000),
            facts: changed.iter().map(|stream| (format!("evt_{account}_{stream}"), fact(stream))).collect(),
            guards: read.iter().map(|id| ((*id).to_owned(), 1)).collect(),
            answering: Some(0),
            answer: None,
        };
        Waiting { append, answer: oneshot::channel().0 }
    }

    fn keyed(waiting: Waiting, key: &str) -> Waiting {
        let Waiting { append, answer } = waiting;
        let fingerprint = Some(Fingerprint { path: [0; 16], parameters: [0; 16] });
        let cause = Cause { idempotency_key: Some(key.to_owned()), fingerprint, ..append.cause };
        Waiting { append: Append { cause, ..append }, answer }
    }

    /// The first objects of the batches that a writer makes of these, one after the other.
    fn batches(waiting: Vec<Waiting>) -> Vec<Vec<String>> {
        let mut writer = Writer { held_back: waiting, ..Writer::default() };
        let mut batches = Vec::new();
        while !writer.held_back.is_empty() {
            let batch = writer.next_batch();
            batches.push(batch.iter().map(|waiting| place(&waiting.append).1.to_owned()).collect());
        }
        batches
    }

    #[test]
    fn an_object_is_changed_once_in_a_batch() {
        let all = vec![waiting(1, &["b", "a"], &[]), waiting(1, &["c", "a"], &[]), waiting(1, &["d"], &[])];
        assert_eq!(batches(all), [vec!["b", "d"], vec!["c"]]);
        let of_two = vec![waiting(2, &["a"], &[]), waiting(1, &["a"], &[])];
        assert_eq!(batches(of_two), [["a", "a"]], "objects of two accounts");
    }

    #[test]
    fn what_is_only_read_is_shared_and_not_changed_in_the_same_batch() {
        let readers = vec![waiting(1, &["a"], &["x"]), waiting(1, &["b"], &["x"])];
        assert_eq!(batches(readers), [["a", "b"]]);
        let changed_after = vec![waiting(1, &["a"], &["x"]), waiting(1, &["x"], &[])];
        assert_eq!(batches(changed_after), [["a"], ["x"]]);
        let changed_before = vec![waiting(1, &["x"], &[]), waiting(1, &["a"], &["x"])];
        assert_eq!(batches(changed_before), [["x"], ["a"]]);
    }

    #[test]
    fn a_key_is_used_once_in_a_batch() {
        let all = vec![
            keyed(waiting(1, &["a"], &[]), "k"),
            keyed(waiting(1, &["b"], &[]), "k"),
            keyed(waiting(2, &["c"], &[]), "k"),
        ];
        assert_eq!(batches(all), [vec!["a", "c"], vec!["b"]]);
    }
}
