//! Creating, changing and deleting, which is the same for every resource. Other verbs stand beside their
//! subject.

use std::fmt::Debug;

use super::objects::{Command, Objects, Stop};
use super::rejection::ParameterError;
use super::resource::Resource;
use crate::clock::Timestamp;
use crate::contract::{EventType, Kind};
use crate::id::Id;

/// A resource whose objects callers create.
pub trait Creatable: Resource {
    /// The type of the event.
    const CREATED: EventType;

    /// The parameters of a create.
    type Params: Debug + Clone + Send + Sync;

    /// The object that they ask for.
    fn created(new: New<Self::Kind>, params: Self::Params) -> Result<Self, ParameterError>;
}

/// A resource whose objects callers change.
pub trait Updatable: Resource {
    /// The type of the event.
    const UPDATED: EventType;

    /// The parameters of an update.
    type Changes: Debug + Clone + Send + Sync;

    /// The object as they ask for it; where they change nothing, the object as it is.
    fn changed(self, changes: Self::Changes, now: Timestamp) -> Result<Self, ParameterError>;
}

/// The parts of a new object that callers don't say.
#[derive(Debug)]
pub struct New<K: Kind> {
    /// Its id, whose time is the object's `created`.
    pub id: Id<K>,
    /// True in an account's live mode.
    pub livemode: bool,
}

impl<K: Kind> Clone for New<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for New<K> {}

/// Create an object.
#[derive(Debug, Clone)]
pub struct Create<R: Creatable> {
    /// The parts that callers don't say.
    pub new: New<R::Kind>,
    /// The caller's parameters.
    pub params: R::Params,
}

/// Change an object.
#[derive(Debug, Clone)]
pub struct Update<R: Updatable> {
    /// The object's id.
    pub id: Id<R::Kind>,
    /// The caller's parameters.
    pub changes: R::Changes,
    /// The present instant.
    pub now: Timestamp,
}

/// Delete an object for good. Its events stay.
#[derive(Debug, Clone, Copy)]
pub struct Delete<R: Resource> {
    /// The object's id.
    pub id: Id<R::Kind>,
}

impl<R: Creatable> Create<R> {
    /// The object that it leads to.
    pub fn object(&self) -> Result<R, ParameterError> {
        R::created(self.new, self.params.clone())
    }
}

impl<R: Creatable> Command for Create<R> {
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        objects.create(R::CREATED, &self.object()?)
    }
}

impl<R: Updatable> Command for Update<R> {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let object = objects.get::<R>(self.id)?.changed(self.changes.clone(), self.now)?;
        objects.put(R::UPDATED, &object)
    }
}

impl<R: Resource> Command for Delete<R> {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let deleted = const { R::DELETED.expect("a resource whose objects are deleted") };
        let object = objects.get::<R>(self.id)?;
        objects.delete(deleted, &object)
    }
}
