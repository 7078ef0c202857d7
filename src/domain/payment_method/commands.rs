//! The verbs of a payment method.

use super::{Card, CardFacts, Changes, CreateParams, Kept, PaymentMethod};
use crate::clock::Timestamp;
use crate::contract::{self, EventType};
use crate::domain::customer::{self, Customer};
use crate::domain::{Command, New, Objects, ParameterError, Problem, Rejection, Stop, Updatable as _};
use crate::id::Id;

/// Create a method of a card that the processor has taken in.
#[derive(Debug, Clone)]
pub struct Create {
    /// The parts that callers don't say.
    pub new: New<contract::PaymentMethod>,
    /// The processor's facts.
    pub facts: CardFacts,
    /// What the caller said.
    pub params: CreateParams,
    /// The intent that it is made for and that uses it without a customer.
    pub used_by: Option<String>,
}

/// Change a method. Only one that a customer has can be changed.
#[derive(Debug, Clone)]
pub struct Update {
    /// The method's id.
    pub id: Id<contract::PaymentMethod>,
    /// What the caller said.
    pub changes: Changes,
}

/// Give a method to a customer.
#[derive(Debug, Clone, Copy)]
pub struct Attach {
    /// The method's id.
    pub id: Id<contract::PaymentMethod>,
    /// The customer's id.
    pub customer: Id<contract::Customer>,
    /// True once the issuer has checked the card.
    pub is_checked: bool,
}

/// Take a method from its customer, for good.
#[derive(Debug, Clone, Copy)]
pub struct Detach {
    /// The method's id.
    pub id: Id<contract::PaymentMethod>,
}

/// Change a customer, whose default method must be its own.
#[derive(Debug, Clone)]
pub struct ChangeCustomer {
    /// The customer's id.
    pub id: Id<contract::Customer>,
    /// What the caller said.
    pub changes: customer::Changes,
    /// The present instant.
    pub now: Timestamp,
}

impl Command for Create {
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let blank = PaymentMethod::new(self.new, Card::from(&self.facts));
        let method = self.params.clone().apply(blank)?;
        let kept = Kept { token: self.facts.token.clone(), burned: false, used_by: self.used_by.clone() };
        kept.keep(objects, self.new.id)?;
        objects.create(EventType::PaymentMethodCreated, &method)
    }
}

impl Command for Update {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let method: PaymentMethod = objects.get(self.id)?;
        if method.customer().is_none() {
            return Err(Rejection::NotAttached { id: self.id.to_string() }.into());
        }
        objects.put(EventType::PaymentMethodUpdated, &self.changes.clone().apply(method)?)
    }
}

impl Command for Attach {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string(), self.customer.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let method: PaymentMethod = objects.get(self.id)?;
        let customer = objects.find::<Customer>(self.customer)?;
        if customer.is_none() {
            return Err(ParameterError::no_such::<contract::Customer>("customer", &self.customer).into());
        }
        match method.customer() {
            Some(owner) if owner == self.customer => return Ok(self.id.to_string()),
            Some(_) => return Err(Rejection::AttachedElsewhere.into()),
            None => {}
        }
        if Kept::of(objects, self.id)?.is_used_up() {
            return Err(Rejection::Burned.into());
        }
        objects.put(EventType::PaymentMethodAttached, &method.attached(self.customer, self.is_checked))
    }
}

impl Command for Detach {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let method: PaymentMethod = objects.get(self.id)?;
        let Some(owner) = method.customer() else {
            return Err(Rejection::NotAttached { id: self.id.to_string() }.into());
        };
        Kept { burned: true, ..Kept::of(objects, self.id)? }.keep(objects, self.id)?;
        let id = objects.put(EventType::PaymentMethodDetached, &method.detached())?;
        if let Some(customer) = objects.find::<Customer>(owner)?
            && customer.default_payment_method() == Some(self.id)
        {
            objects.put(EventType::CustomerUpdated, &customer.without_default_payment_method())?;
        }
        Ok(id)
    }
}

impl Command for ChangeCustomer {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let before: Customer = objects.get(self.id)?;
        let former = before.default_payment_method();
        let after = before.changed(self.changes.clone(), self.now)?;
        if let Some(id) = after.default_payment_method().filter(|id| Some(*id) != former) {
            let param = "invoice_settings[default_payment_method]";
            let method = objects.find::<PaymentMethod>(id)?;
            let method =
                method.ok_or_else(|| ParameterError::no_such::<contract::PaymentMethod>(param, &id))?;
            if method.customer() != Some(self.id) {
                let reason = "the payment method must be attached to this customer first".to_owned();
                return Err(ParameterError::new(param, Problem::Malformed(reason)).into());
            }
        }
        objects.put(EventType::CustomerUpdated, &after)
    }
}
