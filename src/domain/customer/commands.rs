//! What can be done with a customer.

use super::{Changes, Customer};
use crate::contract::{self, EventType};
use crate::domain::{Command, Objects, Stop};
use crate::id::Id;

/// Bring a customer into being.
#[derive(Debug, Clone)]
pub struct Create {
    /// The id that was made for it; its time is the customer's `created`.
    pub id: Id<contract::Customer>,
    /// Whether it lives in the account's live mode.
    pub livemode: bool,
    /// What the caller gave.
    pub changes: Changes,
}

/// Change a customer.
#[derive(Debug, Clone)]
pub struct Update {
    /// Which one.
    pub id: Id<contract::Customer>,
    /// What the caller gave.
    pub changes: Changes,
}

/// Delete a customer for good. Its events stay.
#[derive(Debug, Clone, Copy)]
pub struct Delete {
    /// Which one.
    pub id: Id<contract::Customer>,
}

impl Command for Create {
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let state = self.changes.clone().apply(Customer::blank(self.id, self.livemode))?;
        objects.create(EventType::CustomerCreated, &state)
    }
}

impl Command for Update {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let state = self.changes.clone().apply(objects.get(self.id)?)?;
        objects.put(EventType::CustomerUpdated, &state)
    }
}

impl Command for Delete {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let state: Customer = objects.get(self.id)?;
        objects.delete(EventType::CustomerDeleted, &state)
    }
}
