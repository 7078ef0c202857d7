//! The verbs of a payment method.

use super::{Card, CardFacts, Changes, CreateParams, Kept, PaymentMethod};
use crate::contract::{self, EventType};
use crate::domain::customer::Customer;
use crate::domain::{Command, New, Objects, ParameterError, Rejection, Stop};
use crate::id::Id;

/// Create a method of a card that the processor has taken in.
#[derive(Debug, Clone)]
pub struct Create {
    /// The parts that callers don't say.
    pub new: New<contract::PaymentMethod>,
    /// The processor's facts.
    pub facts: CardFacts,
    /// The caller's parameters.
    pub params: CreateParams,
    /// The intent that it is made for and that uses it without a customer.
    pub used_by: Option<String>,
}

/// Change a method. Only one that a customer has can be changed.
#[derive(Debug, Clone)]
pub struct Update {
    /// The method's id.
    pub id: Id<contract::PaymentMethod>,
    /// The caller's parameters.
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

/// Create a method, and give it to a customer.
#[derive(Debug, Clone)]
pub struct AttachNew {
    /// The method.
    pub create: Box<Create>,
    /// The customer's id.
    pub customer: Id<contract::Customer>,
    /// True once the issuer has checked the card.
    pub is_checked: bool,
}

/// A command that gives methods to a customer. The issuer checks each before.
pub trait Attaches: Command {
    /// The same with the methods whose cards the issuer has checked.
    #[must_use]
    fn with_checked(self, methods: &[Id<contract::PaymentMethod>]) -> Self;
}

/// Take a method from its customer, for good.
#[derive(Debug, Clone, Copy)]
pub struct Detach {
    /// The method's id.
    pub id: Id<contract::PaymentMethod>,
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
        give(objects, method, self.customer, self.is_checked)
    }
}

impl Command for AttachNew {
    fn reads(&self) -> Vec<String> {
        vec![self.customer.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        self.create.decide(objects)?;
        Attach { id: self.create.new.id, customer: self.customer, is_checked: self.is_checked }
            .decide(objects)
    }
}

impl Attaches for Attach {
    fn with_checked(self, methods: &[Id<contract::PaymentMethod>]) -> Self {
        Self { is_checked: methods.contains(&self.id), ..self }
    }
}

impl Attaches for AttachNew {
    fn with_checked(self, methods: &[Id<contract::PaymentMethod>]) -> Self {
        Self { is_checked: methods.contains(&self.create.new.id), ..self }
    }
}

/// Gives a method to a customer that is there. Nothing comes of it where it has the method already.
pub(super) fn give(
    objects: &mut Objects,
    method: PaymentMethod,
    customer: Id<contract::Customer>,
    is_checked: bool,
) -> Result<String, Stop> {
    match method.customer() {
        Some(owner) if owner == customer => return Ok(method.id.to_string()),
        Some(_) => return Err(Rejection::AttachedElsewhere.into()),
        None => {}
    }
    if Kept::of(objects, method.id)?.is_used_up() {
        return Err(Rejection::Burned.into());
    }
    objects.put(EventType::PaymentMethodAttached, &method.attached(customer, is_checked))
}

/// Takes a method away from whom it belongs to, for good.
pub(super) fn take_away(objects: &mut Objects, method: PaymentMethod) -> Result<String, Stop> {
    let id = method.id;
    Kept { burned: true, ..Kept::of(objects, id)? }.keep(objects, id)?;
    objects.put(EventType::PaymentMethodDetached, &method.detached())
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
        let id = take_away(objects, method)?;
        if let Some(customer) = objects.find::<Customer>(owner)?
            && customer.default_payment_method() == Some(self.id)
        {
            objects.put(EventType::CustomerUpdated, &customer.without_default_payment_method())?;
        }
        Ok(id)
    }
}
