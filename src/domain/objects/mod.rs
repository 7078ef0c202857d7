//! The objects that a decision sees, and the facts that it puts.
//!
//! A decision asks for an object, and stops if it isn't loaded. Then the log loads it and runs the decision
//! again from the top. An object that was asked for and isn't changed is guarded: the facts are appended only
//! while it is as it was read (Dynamic Consistency Boundary).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contract::{EventType, Kind};
use crate::domain::rejection::{ParameterError, Rejection};
use crate::domain::resource::Resource;
use crate::domain::types::patch::Patch;
use crate::domain::{attempt, diff};
use crate::id::Id;

/// The most objects that a decision may ask for one after the other.
pub const ROUNDS_MAX: usize = 16;

/// A wish to change objects.
pub trait Command: Send + Sync {
    /// The ids of the objects that are known beforehand to be asked for. They are loaded together.
    fn reads(&self) -> Vec<String> {
        Vec::new()
    }

    /// Puts the facts that the command comes to, and returns the id of the object that the caller is
    /// answered with. It runs again from the top whenever it asks for an object that isn't loaded.
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop>;
}

/// The present state of an object, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The number of its events.
    pub version: i64,
    /// The object as JSON.
    pub data: String,
    /// The JSON that it keeps to itself.
    pub internal: Option<String>,
}

/// An event to append: everything of it but its id, its cause and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The object's id.
    pub stream: String,
    /// The object's version after it.
    pub version: i64,
    /// Its type.
    pub event_type: EventType,
    /// The object after it, as JSON: the bytes that are stored, shown, signed and sent.
    pub data: String,
    /// `previous_attributes`, as JSON, for an update.
    pub previous: Option<String>,
    /// The JSON that the object keeps to itself after it.
    pub internal: Option<String>,
    /// True for the last event of the object.
    pub deletes: bool,
}

impl Fact {
    /// The object after it.
    pub(in crate::domain) fn snapshot(&self) -> Snapshot {
        Snapshot { version: self.version, data: self.data.clone(), internal: self.internal.clone() }
    }
}

/// The reason why a decision stopped.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// It is refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// This object has to be loaded first.
    #[error("{0} has not been loaded")]
    Unread(String),
    /// A stored snapshot can't be read, or a state can't be written: a defect of this program.
    #[error("a snapshot is not what this version writes: {0}")]
    Snapshot(#[from] serde_json::Error),
}

impl From<ParameterError> for Stop {
    fn from(error: ParameterError) -> Self {
        Self::Rejected(error.into())
    }
}

/// An object as a decision knows it.
#[derive(Debug, Clone, Default)]
struct Known {
    /// The object in the log; `None` where there is no living one.
    stored: Option<Snapshot>,
    /// The object after the facts that were put.
    now: Option<Snapshot>,
    was_read: bool,
    has_facts: bool,
}

/// The objects of one decision.
#[derive(Debug, Default)]
pub struct Objects {
    known: BTreeMap<String, Known>,
    /// The changes of objects' `internal`, until their next facts. The object needn't be loaded for them.
    kept: BTreeMap<String, Patch<String>>,
    facts: Vec<Fact>,
}

/// Objects as a decision left them. The next one may begin with them; they may be old by then.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<String, Option<Snapshot>>);

impl Seen {
    /// True if it has no object.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The outcome of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The facts, in the order in which they were put. They are appended all or none.
    pub facts: Vec<Fact>,
    /// The objects that were read and aren't changed, with their versions; 0 for one that isn't there.
    pub guards: Vec<(String, i64)>,
    /// The id of the object that the caller is answered with.
    pub answered: String,
    /// That object after the facts.
    pub answer: Snapshot,
}

impl Objects {
    /// The objects that another decision left.
    #[must_use]
    pub fn knowing(seen: Seen) -> Self {
        let mut objects = Self::default();
        for (id, stored) in seen.0 {
            objects.load(id, stored);
        }
        objects
    }

    /// The objects as the decision left them, once its facts are in the log.
    #[must_use]
    pub fn seen(self) -> Seen {
        Seen(self.known.into_iter().map(|(id, known)| (id, known.now)).collect())
    }

    /// True if none is loaded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// True if an object is loaded.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.known.contains_key(id)
    }

    /// Takes in an object as it is in the log.
    pub fn load(&mut self, id: impl Into<String>, stored: Option<Snapshot>) {
        self.known.insert(id.into(), Known { now: stored.clone(), stored, ..Known::default() });
    }

    /// Runs a decision from the top. The facts that it put before it stopped are forgotten.
    pub fn decide<C: Command>(&mut self, command: &C) -> Result<Outcome, Stop> {
        self.rewind();
        let answered = command.decide(self)?;
        self.outcome(answered)
    }

    fn rewind(&mut self) {
        self.facts.clear();
        self.kept.clear();
        for known in self.known.values_mut() {
            *known = Known { now: known.stored.clone(), stored: known.stored.take(), ..Known::default() };
        }
    }

    /// The object of that id; `None` where there is no living one.
    pub fn find<R: Resource>(&mut self, id: Id<R::Kind>) -> Result<Option<R>, Stop> {
        let name = id.to_string();
        let known = self.known.get_mut(&name).ok_or(Stop::Unread(name))?;
        known.was_read = true;
        Ok(known.now.as_ref().map(|now| serde_json::from_str(&now.data)).transpose()?)
    }

    /// The object of that id, or the rejection that there is none.
    pub fn get<R: Resource>(&mut self, id: Id<R::Kind>) -> Result<R, Stop> {
        self.find(id)?.ok_or_else(|| missing::<R::Kind>(&id).into())
    }

    /// The JSON that an object keeps to itself.
    pub fn internal<K: Kind>(&mut self, id: Id<K>) -> Result<Option<Value>, Stop> {
        let name = id.to_string();
        let known = self.known.get_mut(&name).ok_or(Stop::Unread(name))?;
        known.was_read = true;
        let internal = known.now.as_ref().and_then(|now| now.internal.as_ref());
        Ok(internal.map(|internal| serde_json::from_str(internal)).transpose()?)
    }

    /// Changes the JSON that an object keeps to itself, with its next fact. Its member `due`, in seconds
    /// since 1970, says when time changes the object.
    pub fn keep<K: Kind>(&mut self, id: Id<K>, internal: Option<&Value>) {
        let change = internal.map_or(Patch::Unset, |internal| Patch::Set(internal.to_string()));
        self.kept.insert(id.to_string(), change);
    }

    /// Puts the first fact of a new object. Its id was made for it, so that nothing is loaded.
    pub fn create<R: Resource>(&mut self, event_type: EventType, state: &R) -> Result<String, Stop> {
        self.known.entry(state.id().to_string()).or_default();
        self.put(event_type, state)
    }

    /// Puts a fact of an object. Nothing comes of it where the object stays as it is. Returns the
    /// object's id.
    pub fn put<R: Resource>(&mut self, event_type: EventType, state: &R) -> Result<String, Stop> {
        self.append(event_type, state, false)
    }

    /// Puts the last fact of an object, which is shown in it as it last was.
    pub fn delete<R: Resource>(&mut self, event_type: EventType, state: &R) -> Result<String, Stop> {
        self.append(event_type, state, true)
    }

    fn append<R: Resource>(
        &mut self,
        event_type: EventType,
        state: &R,
        deletes: bool,
    ) -> Result<String, Stop> {
        debug_assert_eq!(
            event_type.subject().resource(),
            R::Kind::RESOURCE,
            "{event_type:?} is no event of it"
        );
        let stream = state.id().to_string();
        let known = self.known.get_mut(&stream).ok_or_else(|| Stop::Unread(stream.clone()))?;
        let before = known.now.as_ref();
        let data = serde_json::to_string(state)?;
        let kept = before.and_then(|now| now.internal.as_deref()).map(attempt::inherited);
        let kept = kept.transpose()?.flatten();
        let internal = self.kept.remove(&stream).unwrap_or_default().apply(kept.clone());
        let previous = match before.filter(|_| !deletes) {
            None => None,
            Some(now) => match diff::previous_attributes(&now.data, &data)? {
                None if internal == kept => return Ok(stream),
                changed => Some(Value::Object(changed.unwrap_or_default()).to_string()),
            },
        };
        let version = before.map_or(0, |now| now.version) + 1;
        let fact = Fact { stream: stream.clone(), version, event_type, data, previous, internal, deletes };
        known.now = Some(fact.snapshot());
        known.has_facts = true;
        self.facts.push(fact);
        Ok(stream)
    }

    /// The outcome, where the caller is answered with the object of that id.
    fn outcome(&mut self, answered: String) -> Result<Outcome, Stop> {
        let answer = self.known.get(&answered).and_then(|known| known.now.clone());
        let answer = answer.ok_or_else(|| Stop::Unread(answered.clone()))?;
        let read_only = self.known.iter().filter(|(_, known)| known.was_read && !known.has_facts);
        let version = |known: &Known| known.stored.as_ref().map_or(0, |stored| stored.version);
        let guards = read_only.map(|(id, known)| (id.clone(), version(known))).collect();
        Ok(Outcome { facts: std::mem::take(&mut self.facts), guards, answered, answer })
    }
}

/// The rejection that there is no object of that id.
pub fn missing<K: Kind>(id: &impl ToString) -> Rejection {
    Rejection::NoSuchObject { noun: K::RESOURCE.noun, id: id.to_string() }
}

#[cfg(test)]
mod tests;
