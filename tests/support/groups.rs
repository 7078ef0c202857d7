//! Commands over several objects, for tests: customers that give to each other, and pairs of which one is
//! always on duty.

use calmony_pay::contract::{self, EventType};
use calmony_pay::domain::customer::Customer;
use calmony_pay::domain::{Command, Objects, Stop};
use calmony_pay::id::Id;
use serde_json::{Value, json};

/// The id of a customer.
pub type CustomerId = Id<contract::Customer>;

/// Moves an amount from the balance of one customer to that of each of some others: a fact of each.
#[derive(Debug, Clone)]
pub struct Give {
    /// The customer that gives.
    pub from: CustomerId,
    /// The customers that take.
    pub to: Vec<CustomerId>,
    /// The amount for each.
    pub amount: i64,
}

/// Goes off duty, if the other one of the pair is on duty: one fact, and a guard of the object that was read.
#[derive(Debug, Clone, Copy)]
pub struct StepDown {
    /// The customer that goes.
    pub who: CustomerId,
    /// The other one.
    pub other: CustomerId,
}

/// Goes on duty.
#[derive(Debug, Clone, Copy)]
pub struct StepUp(pub CustomerId);

/// Keeps something to itself.
#[derive(Debug, Clone)]
pub struct Keep(pub CustomerId, pub Value);

fn changed(customer: &Customer, change: impl FnOnce(&mut Value)) -> Result<Customer, Stop> {
    let mut state = serde_json::to_value(customer)?;
    change(&mut state);
    Ok(serde_json::from_value(state)?)
}

fn add(state: &mut Value, amount: i64) {
    state["balance"] = json!(state["balance"].as_i64().unwrap_or_default() + amount);
}

/// The number of changes of the duty, which the state itself has.
fn changes(state: &Value) -> i64 {
    state["metadata"]["changes"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn set_duty(state: &mut Value, duty: &str, seen: Option<i64>) {
    let changes = changes(state) + 1;
    state["metadata"] = json!({ "duty": duty, "changes": changes.to_string() });
    if let Some(seen) = seen {
        state["metadata"]["seen"] = json!(seen.to_string());
    }
}

impl Command for Give {
    fn reads(&self) -> Vec<String> {
        std::iter::once(&self.from).chain(&self.to).map(ToString::to_string).collect()
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let total = self.amount * i64::try_from(self.to.len()).unwrap_or_default();
        let from = changed(&objects.get(self.from)?, |state| add(state, -total))?;
        let answered = objects.put(EventType::CustomerUpdated, &from)?;
        for to in &self.to {
            let to = changed(&objects.get(*to)?, |state| add(state, self.amount))?;
            objects.put(EventType::CustomerUpdated, &to)?;
        }
        Ok(answered)
    }
}

impl Command for StepDown {
    fn reads(&self) -> Vec<String> {
        vec![self.who.to_string(), self.other.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let who: Customer = objects.get(self.who)?;
        let other = serde_json::to_value(objects.get::<Customer>(self.other)?)?;
        if other["metadata"]["duty"] != "on" {
            return Ok(self.who.to_string());
        }
        let seen = changes(&other);
        let off = changed(&who, |state| {
            if state["metadata"]["duty"] == "on" {
                set_duty(state, "off", Some(seen));
            }
        })?;
        objects.put(EventType::CustomerUpdated, &off)
    }
}

impl Command for StepUp {
    fn reads(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let on = changed(&objects.get(self.0)?, |state| {
            if state["metadata"]["duty"] != "on" {
                set_duty(state, "on", None);
            }
        })?;
        objects.put(EventType::CustomerUpdated, &on)
    }
}

impl Command for Keep {
    fn reads(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let customer: Customer = objects.get(self.0)?;
        objects.keep(self.0, Some(&self.1));
        objects.put(EventType::CustomerUpdated, &customer)
    }
}
