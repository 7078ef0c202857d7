//! Load, decide, append: and once more where others were faster.

use std::future::IntoFuture;
use std::pin::Pin;

use super::idempotency::Answer;
use super::waiting::{Append, Appended};
use super::{AppendError, CONFLICT_TRIES, Cause, Log, NewSecret};
use crate::clock;
use crate::contract::Event;
use crate::database::DatabaseError;
use crate::domain::{Command, Fact, Objects, Outcome, ROUNDS_MAX, Seen, Snapshot, Stop};
use crate::id::Id;

/// A maker of the answer that is stored, where that isn't the object as it is then.
pub type Answering<'a> = &'a (dyn Fn(&Snapshot) -> Result<Answer, serde_json::Error> + Send + Sync);

/// A command on its way into the log. Awaited, it returns the object that the caller is answered with, as
/// it is then.
#[must_use = "nothing is appended before this is awaited"]
pub struct Appending<'a, C> {
    log: &'a Log,
    cause: &'a Cause,
    command: &'a C,
    secret: Option<&'a NewSecret>,
    answering: Option<Answering<'a>>,
    seen: Option<&'a mut Seen>,
}

impl Log {
    /// Runs a command: loads its objects, decides, appends the facts, all or none.
    pub const fn append<'a, C: Command>(&'a self, cause: &'a Cause, command: &'a C) -> Appending<'a, C> {
        Appending { log: self, cause, command, secret: None, answering: None, seen: None }
    }

    /// The outcome that a command would have now. Nothing is appended.
    pub async fn try_out<C: Command>(&self, account: i64, command: &C) -> Result<Outcome, AppendError> {
        self.decide(account, command, &mut Objects::default()).await
    }

    /// The living object of that id, as it is now.
    pub async fn object(&self, account: i64, id: &str) -> Result<Option<Snapshot>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_opt(include_str!("sql/load.sql"), &[&account, &vec![id]]).await?;
        Ok(row.map(|row| Snapshot {
            version: row.get("version"),
            data: row.get("data"),
            internal: row.get("internal"),
        }))
    }

    /// The ids of some living objects that belong to another one, newest first.
    pub async fn owned(
        &self,
        account: i64,
        owner: &str,
        at_most: usize,
    ) -> Result<Vec<String>, DatabaseError> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let client = self.client().await?;
        let rows = client.query(include_str!("sql/owned.sql"), &[&account, &owner, &at_most]).await?;
        Ok(rows.iter().map(|row| row.get("id")).collect())
    }

    /// The outcome of a command. The objects that it asks for are loaded, but for those that are known.
    async fn decide<C: Command>(
        &self,
        account: i64,
        command: &C,
        objects: &mut Objects,
    ) -> Result<Outcome, AppendError> {
        let unknown = command.reads().into_iter().filter(|id| !objects.knows(id)).collect();
        self.load(account, unknown, objects).await?;
        for _ in 0..ROUNDS_MAX {
            match objects.decide(command) {
                Ok(outcome) => return Ok(outcome),
                Err(Stop::Unread(id)) => self.load(account, vec![id], objects).await?,
                Err(Stop::Rejected(rejection)) => return Err(rejection.into()),
                Err(Stop::Snapshot(error)) => return Err(AppendError::Snapshot(error)),
            }
        }
        Err(AppendError::Endless)
    }

    /// Loads the living objects of these ids.
    async fn load(&self, account: i64, ids: Vec<String>, objects: &mut Objects) -> Result<(), DatabaseError> {
        if ids.is_empty() {
            return Ok(());
        }
        let client = self.client().await?;
        let rows = client.query(include_str!("sql/load.sql"), &[&account, &ids]).await?;
        for id in ids {
            objects.load(id, None);
        }
        for row in rows {
            let (version, data, internal) = (row.get("version"), row.get("data"), row.get("internal"));
            objects.load(row.get::<_, String>("id"), Some(Snapshot { version, data, internal }));
        }
        Ok(())
    }
}

impl<'a, C: Command> Appending<'a, C> {
    /// Answers the caller by another text than the object's.
    pub const fn answering(self, answering: Answering<'a>) -> Self {
        Self { answering: Some(answering), ..self }
    }

    /// Appends a signing secret with the one event, in the same statement.
    pub const fn with_secret(self, secret: &'a NewSecret) -> Self {
        Self { secret: Some(secret), ..self }
    }

    /// Begins with the objects that another decision left, and leaves its own. They may be old: every
    /// outcome but facts is decided with the objects as they are now.
    pub const fn knowing(self, seen: &'a mut Seen) -> Self {
        Self { seen: Some(seen), ..self }
    }

    /// The answer that is stored, where it isn't the object.
    fn answer_to(&self, snapshot: &Snapshot) -> Result<Option<Answer>, AppendError> {
        self.answering.map(|answering| answering(snapshot)).transpose().map_err(AppendError::Snapshot)
    }

    /// The outcome of the command. Objects that are known from before may be old: they are believed
    /// where there are facts, which the log checks against the present versions.
    async fn decide(&self, objects: &mut Objects) -> Result<Outcome, AppendError> {
        let (log, account) = (self.log, self.cause.account);
        let are_fresh = objects.is_empty();
        match log.decide(account, self.command, objects).await {
            Ok(outcome) if are_fresh || !outcome.facts.is_empty() => Ok(outcome),
            Err(error) if are_fresh => Err(error),
            Ok(_) | Err(_) => {
                *objects = Objects::default();
                log.decide(account, self.command, objects).await
            }
        }
    }

    async fn run(mut self) -> Result<Snapshot, AppendError> {
        let (log, cause, mut seen) = (self.log, self.cause, self.seen.take());
        let mut objects = Objects::knowing(seen.as_deref_mut().map(std::mem::take).unwrap_or_default());
        let (mut turn, mut is_counted) = (None, false);
        for _ in 0..CONFLICT_TRIES {
            let outcome = self.decide(&mut objects).await?;
            let answer = self.answer_to(&outcome.answer)?;
            if outcome.facts.is_empty() {
                log.growth.count_answer(cause, answer.as_ref())?;
                let object = (outcome.answered.as_str(), outcome.answer.version);
                log.remember(cause, answer.as_ref(), object).await?;
                return Ok(outcome.answer);
            }
            if !is_counted {
                log.growth.count_events(cause, &outcome.facts, answer.as_ref())?;
                is_counted = true;
            }
            let Outcome { facts, guards, answered, answer: after } = outcome;
            if self.write((facts, guards), (&answered, &after), answer).await? == Appended::All {
                if let Some(seen) = seen {
                    *seen = objects.seen();
                }
                return Ok(after);
            }
            objects = Objects::default();
            if log.has_answered(cause).await? {
                return Err(AppendError::KeyUsed);
            }
            // Within this process the next tries go one after the other, so that each of many callers
            // gets through.
            if turn.is_none() {
                turn = log.turn(cause.account, &answered).await;
            }
        }
        Err(AppendError::Conflict)
    }

    /// Appends the facts of an outcome, with the others that wait where there are any.
    async fn write(
        &self,
        (facts, guards): (Vec<Fact>, Vec<(String, i64)>),
        (answered, after): (&str, &Snapshot),
        answer: Option<Answer>,
    ) -> Result<Appended, DatabaseError> {
        let (log, at) = (self.log, clock::now());
        let answering = facts.iter().rposition(|fact| fact.stream == answered);
        // Where no event has the object as it is answered, the answer is stored as it is.
        let answer = answer.or_else(|| answering.is_none().then(|| Answer::Plain(after.data.clone())));
        let facts = facts.into_iter().map(|fact| (Id::<Event>::generate(at).to_string(), fact)).collect();
        let append = Append { cause: self.cause.clone(), at, facts, guards, answering, answer };
        match self.secret {
            None => log.appender.append(append).await,
            Some(secret) if append.is_lone() => {
                log.appender.append_with_secret(&log.client().await?, &append, secret).await
            }
            Some(_) => Err(DatabaseError::Refused("a signing secret comes with a lone fact".to_owned())),
        }
    }
}

impl<'a, C: Command> IntoFuture for Appending<'a, C> {
    type Output = Result<Snapshot, AppendError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
