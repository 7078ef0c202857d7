//! Given, when, then: tests of decisions, without a database.
//!
//! ```ignore
//! let made = nothing().when(&create);
//! assert_eq!(made.world.when(&Delete { id }).types(), ["customer.deleted"]);
//! ```

use std::collections::BTreeMap;

use super::objects::{Command, Fact, Objects, Outcome, ROUNDS_MAX, Stop};
use super::resource::Resource;
use super::{Rejection, Snapshot};
use crate::id::Id;

/// The objects that are there.
#[derive(Debug, Clone, Default)]
pub(crate) struct World(BTreeMap<String, Snapshot>);

/// A world in which nothing has happened.
pub(crate) fn nothing() -> World {
    World::default()
}

impl World {
    /// The outcome of a command here.
    pub(crate) fn decide<C: Command>(&self, command: &C) -> Result<Outcome, Rejection> {
        let mut objects = Objects::default();
        let mut asked = command.reads();
        for _ in 0..ROUNDS_MAX {
            for id in asked.drain(..) {
                let stored = self.0.get(&id).cloned();
                objects.load(id, stored);
            }
            match objects.decide(command) {
                Ok(outcome) => return Ok(outcome),
                Err(Stop::Rejected(rejection)) => return Err(rejection),
                Err(Stop::Unread(id)) => asked.push(id),
                Err(Stop::Snapshot(error)) => panic!("{error}"),
            }
        }
        panic!("the decision asks without end")
    }

    /// The outcome of a command that isn't refused here.
    pub(crate) fn when<C: Command>(&self, command: &C) -> Then {
        match self.decide(command) {
            Ok(outcome) => Then { world: self.clone().after(&outcome.facts), outcome },
            Err(rejection) => panic!("refused: {rejection}"),
        }
    }

    fn after(mut self, facts: &[Fact]) -> Self {
        for fact in facts {
            if fact.deletes {
                self.0.remove(&fact.stream);
            } else {
                self.0.insert(fact.stream.clone(), fact.snapshot());
            }
        }
        self
    }

    /// The JSON that an object of this world keeps to itself.
    pub(crate) fn internal<K: crate::contract::Kind>(&self, id: Id<K>) -> serde_json::Value {
        let stored = self.0.get(&id.to_string()).and_then(|stored| stored.internal.as_deref());
        stored.map_or(serde_json::Value::Null, |kept| serde_json::from_str(kept).expect("JSON"))
    }

    /// An object of this world.
    pub(crate) fn object<R: Resource>(&self, id: Id<R::Kind>) -> Option<R> {
        self.0.get(&id.to_string()).map(|stored| serde_json::from_str(&stored.data).expect("a state"))
    }
}

/// The outcome of a command, with the world after it.
#[derive(Debug)]
pub(crate) struct Then {
    /// Its facts and guards.
    pub(crate) outcome: Outcome,
    /// The world after it.
    pub(crate) world: World,
}

impl Then {
    /// The types of its events, in order.
    pub(crate) fn types(&self) -> Vec<&'static str> {
        self.outcome.facts.iter().map(|fact| fact.event_type.as_str()).collect()
    }
}
