//! Customers and their methods: a customer that is created with some, changed, and deleted.

use super::commands::{give, take_away};
use super::{Attaches, Chosen, Create, PaymentMethod};
use crate::clock::Timestamp;
use crate::contract::{self, EventType};
use crate::domain::customer::{self, Customer, DEFAULT_METHOD};
use crate::domain::{self, Command, Objects, ParameterError, Problem, Stop, Updatable as _};
use crate::id::Id;

type CustomerId = Id<contract::Customer>;
type MethodId = Id<contract::PaymentMethod>;

/// The most methods of a customer that are detached by one group of facts.
pub const DETACHED_MAX: usize = 50;

/// Create a customer, and give it methods.
#[derive(Debug, Clone)]
pub struct CreateCustomer {
    /// The customer.
    pub create: domain::Create<Customer>,
    /// The methods.
    pub methods: Vec<Chosen>,
    /// The methods whose cards the issuer has checked.
    pub checked: Vec<MethodId>,
}

/// Change a customer, whose default method must be its own.
#[derive(Debug, Clone)]
pub struct ChangeCustomer {
    /// The customer's id.
    pub id: CustomerId,
    /// The caller's parameters.
    pub changes: customer::Changes,
    /// The method that is made, attached and becomes the default with it.
    pub made: Option<Box<Create>>,
    /// The methods whose cards the issuer has checked.
    pub checked: Vec<MethodId>,
    /// The present instant.
    pub now: Timestamp,
}

/// Delete a customer, with these methods of it.
#[derive(Debug, Clone)]
pub struct DeleteCustomer {
    /// The customer's id.
    pub id: CustomerId,
    /// The methods.
    pub methods: Vec<MethodId>,
}

/// Take these methods away from a customer that is or was deleted.
#[derive(Debug, Clone)]
pub struct DetachAll {
    /// The customer's id.
    pub customer: CustomerId,
    /// The methods, one at least.
    pub methods: Vec<MethodId>,
}

impl Command for CreateCustomer {
    fn reads(&self) -> Vec<String> {
        self.methods.iter().filter_map(Chosen::existing).map(|id| id.to_string()).collect()
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let domain::Create { new, params } = &self.create;
        let ids: Vec<MethodId> = self.methods.iter().filter_map(Chosen::id).collect();
        let customer = Customer::created_with(*new, params.clone(), &ids)?;
        let answered = objects.create(EventType::CustomerCreated, &customer)?;
        for (chosen, id) in self.methods.iter().zip(ids) {
            if let Chosen::New(create) = chosen {
                create.decide(objects)?;
            }
            let method = objects.find::<PaymentMethod>(id)?;
            let missing = || ParameterError::no_such::<contract::PaymentMethod>("payment_method", &id);
            give(objects, method.ok_or_else(missing)?, new.id, self.checked.contains(&id))?;
        }
        Ok(answered)
    }
}

impl Command for ChangeCustomer {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let before: Customer = objects.get(self.id)?;
        if let Some(create) = &self.made {
            create.decide(objects)?;
            let made: PaymentMethod = objects.get(create.new.id)?;
            give(objects, made, self.id, self.checked.contains(&create.new.id))?;
        }
        let former = before.default_payment_method();
        let after = before.changed(self.changes.clone(), self.now)?;
        if let Some(id) = after.default_payment_method().filter(|id| Some(*id) != former) {
            let method = objects.find::<PaymentMethod>(id)?;
            let missing = || ParameterError::no_such::<contract::PaymentMethod>(DEFAULT_METHOD, &id);
            if method.ok_or_else(missing)?.customer() != Some(self.id) {
                let reason = "the payment method must be attached to this customer first".to_owned();
                return Err(ParameterError::new(DEFAULT_METHOD, Problem::Malformed(reason)).into());
            }
        }
        objects.put(EventType::CustomerUpdated, &after)
    }
}

impl Command for DeleteCustomer {
    fn reads(&self) -> Vec<String> {
        let methods = self.methods.iter().map(ToString::to_string);
        std::iter::once(self.id.to_string()).chain(methods).collect()
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let customer: Customer = objects.get(self.id)?;
        detach(objects, self.id, &self.methods)?;
        objects.delete(EventType::CustomerDeleted, &customer)
    }
}

impl Command for DetachAll {
    fn reads(&self) -> Vec<String> {
        self.methods.iter().map(ToString::to_string).collect()
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        detach(objects, self.customer, &self.methods)?;
        Ok(self.methods.first().map(ToString::to_string).unwrap_or_default())
    }
}

impl Attaches for CreateCustomer {
    fn with_checked(self, methods: &[MethodId]) -> Self {
        Self { checked: methods.to_vec(), ..self }
    }
}

impl Attaches for ChangeCustomer {
    fn with_checked(self, methods: &[MethodId]) -> Self {
        Self { checked: methods.to_vec(), ..self }
    }
}

/// Takes away those of the methods that the customer still has.
fn detach(objects: &mut Objects, customer: CustomerId, methods: &[MethodId]) -> Result<(), Stop> {
    for id in methods {
        let method = objects.find::<PaymentMethod>(*id)?;
        if let Some(method) = method.filter(|method| method.customer() == Some(customer)) {
            take_away(objects, method)?;
        }
    }
    Ok(())
}
