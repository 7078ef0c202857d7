//! The use of a method by an intent: which one it is, and whether it may be used.

use super::{Create, Kept, PaymentMethod};
use crate::contract::{self, EventType};
use crate::domain::{Command as _, Objects, ParameterError, Problem, Rejection, Stop};
use crate::id::Id;

type MethodId = Id<contract::PaymentMethod>;

/// The method that a call names.
#[derive(Debug, Clone, Default)]
pub enum Chosen {
    /// It names none.
    #[default]
    Keep,
    /// It takes the method away.
    Unset,
    /// A method that is there.
    Existing(MethodId),
    /// A method that is made with the call.
    New(Box<Create>),
}

/// The intent that uses a method.
#[derive(Debug, Clone)]
pub struct User {
    /// Its id.
    pub id: String,
    /// Its customer.
    pub customer: Option<Id<contract::Customer>>,
    /// The method that it has.
    pub method: Option<MethodId>,
}

impl Chosen {
    /// The method that is there.
    #[must_use]
    pub const fn existing(&self) -> Option<MethodId> {
        match self {
            Self::Existing(id) => Some(*id),
            Self::Keep | Self::Unset | Self::New(_) => None,
        }
    }

    /// The method that it has named or makes.
    #[must_use]
    pub fn id(&self) -> Option<MethodId> {
        match self {
            Self::Existing(id) => Some(*id),
            Self::New(create) => Some(create.new.id),
            Self::Keep | Self::Unset => None,
        }
    }
}

impl User {
    /// The method that it has after the call.
    pub fn choose(&self, objects: &mut Objects, chosen: &Chosen) -> Result<Option<MethodId>, Stop> {
        match chosen {
            Chosen::Keep => Ok(self.method),
            Chosen::Unset => Ok(None),
            Chosen::Existing(id) => self.check(objects, *id).map(|_| Some(*id)),
            Chosen::New(create) => {
                create.decide(objects)?;
                Ok(Some(create.new.id))
            }
        }
    }

    /// The method, if the intent may use it.
    pub fn check(&self, objects: &mut Objects, id: MethodId) -> Result<PaymentMethod, Stop> {
        let refuse = |param, problem| Err(ParameterError::new(param, problem).into());
        let Some(method) = objects.find::<PaymentMethod>(id)? else {
            return Err(ParameterError::no_such::<contract::PaymentMethod>("payment_method", &id).into());
        };
        match (method.customer(), self.customer) {
            (Some(_), None) => return refuse("customer", Problem::NeedsCustomer),
            (Some(owner), Some(customer)) if owner != customer => {
                return refuse("payment_method", Problem::OfAnotherCustomer);
            }
            (Some(_), Some(_)) => return Ok(method),
            (None, _) => {}
        }
        let kept = Kept::of(objects, id)?;
        let is_ours = |by: &String| *by == self.id && self.method == Some(id);
        if kept.burned || kept.used_by.is_some_and(|by| !is_ours(&by)) {
            return Err(Rejection::Burned.into());
        }
        Ok(method)
    }

    /// The token of its method, which is charged now. One that no customer has can't be used by anything
    /// else after it.
    pub fn charges(&self, objects: &mut Objects, id: MethodId) -> Result<String, Stop> {
        let method = self.check(objects, id)?;
        let kept = Kept::of(objects, id)?;
        let token = kept.token.clone();
        if method.customer().is_none() && kept.used_by.is_none() {
            Kept { used_by: Some(self.id.clone()), ..kept }.keep(objects, id)?;
            objects.put(EventType::PaymentMethodUpdated, &method)?;
        }
        Ok(token)
    }
}
