//! What can be done with a customer.

use super::{Changes, Customer, missing};
use crate::contract::{self, EventType};
use crate::domain::{Command, Decision, Rejection};
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
    type State = Customer;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn creates(&self) -> bool {
        true
    }

    fn decide(&self, _: Option<Customer>) -> Result<Decision<Customer>, Rejection> {
        let state = self.changes.clone().apply(Customer::blank(self.id, self.livemode))?;
        Ok(Decision { event_type: EventType::CustomerCreated, state, deletes: false })
    }
}

impl Command for Update {
    type State = Customer;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<Customer>) -> Result<Decision<Customer>, Rejection> {
        let current = current.ok_or_else(|| missing(&self.id))?;
        let state = self.changes.clone().apply(current)?;
        Ok(Decision { event_type: EventType::CustomerUpdated, state, deletes: false })
    }
}

impl Command for Delete {
    type State = Customer;

    fn stream(&self) -> String {
        self.id.to_string()
    }

    fn decide(&self, current: Option<Customer>) -> Result<Decision<Customer>, Rejection> {
        let state = current.ok_or_else(|| missing(&self.id))?;
        Ok(Decision { event_type: EventType::CustomerDeleted, state, deletes: true })
    }
}
