use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::contract;
use crate::domain::customer::{Changes, Customer};
use crate::domain::testing::{World, nothing};
use crate::domain::{Create, Delete, New, Update};

type CustomerId = Id<contract::Customer>;

/// Moves an amount from one customer's balance to others', if another customer is there that vouches.
struct Move {
    from: CustomerId,
    to: Vec<CustomerId>,
    amount: i64,
    voucher: Option<CustomerId>,
}

fn with_balance(customer: &Customer, change: impl Fn(i64) -> i64) -> Result<Customer, Stop> {
    let mut state = serde_json::to_value(customer)?;
    let before = state["balance"].as_i64().unwrap_or_default();
    state["balance"] = json!(change(before));
    Ok(serde_json::from_value(state)?)
}

impl Command for Move {
    fn reads(&self) -> Vec<String> {
        vec![self.from.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        for to in &self.to {
            let from = with_balance(&objects.get(self.from)?, |balance| balance - self.amount)?;
            objects.put(EventType::CustomerUpdated, &from)?;
            let to = with_balance(&objects.get(*to)?, |balance| balance + self.amount)?;
            objects.put(EventType::CustomerUpdated, &to)?;
        }
        if let Some(voucher) = self.voucher {
            objects.get::<Customer>(voucher)?;
        }
        Ok(self.from.to_string())
    }
}

/// A world with so many customers of balance 10.
fn customers<const N: usize>() -> (World, [CustomerId; N]) {
    let ids = std::array::from_fn(|_| Id::generate(Timestamp::from_millis(1_000)));
    let world = ids.iter().fold(nothing(), |world, id| world.when(&create(*id, 10)).world);
    (world, ids)
}

fn changes(balance: i64) -> Changes {
    serde_json::from_value(json!({ "balance": balance })).expect("changes")
}

fn create(id: CustomerId, balance: i64) -> Create<Customer> {
    Create { new: New { id, livemode: false }, params: changes(balance) }
}

fn update(id: CustomerId, balance: i64) -> Update<Customer> {
    Update { id, changes: changes(balance), now: Timestamp::from_millis(2_000) }
}

fn balance(world: &World, id: CustomerId) -> i64 {
    let customer = serde_json::to_value(world.object::<Customer>(id)).expect("JSON");
    customer["balance"].as_i64().expect("a balance")
}

#[test]
fn a_decision_puts_facts_of_several_objects_and_asks_for_those_it_finds() {
    let (world, [a, b]) = customers();
    let then = world.when(&Move { from: a, to: vec![b], amount: 3, voucher: None });
    assert_eq!(then.types(), ["customer.updated"; 2]);
    assert_eq!((balance(&then.world, a), balance(&then.world, b)), (7, 13));
    assert_eq!(then.outcome.guards, [], "what is changed needs no guard");
    assert_eq!(then.outcome.answered, a.to_string());
}

#[test]
fn several_facts_of_one_object_follow_each_other() {
    let (world, [a, b, c]) = customers();
    let then = world.when(&Move { from: a, to: vec![b, c], amount: 3, voucher: None });
    let facts = &then.outcome.facts;
    let of_a: Vec<_> = facts.iter().filter(|fact| fact.stream == a.to_string()).collect();
    assert_eq!(of_a.iter().map(|fact| fact.version).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(of_a[1].previous.as_deref(), Some(r#"{"balance":7}"#), "as the fact before it left it");
    assert_eq!(facts.iter().map(|fact| &fact.stream).collect::<Vec<_>>()[1], &b.to_string());
    assert_eq!(then.outcome.answer.version, 3);
}

#[test]
fn what_is_read_and_not_changed_is_guarded() {
    let (world, [a, b, voucher]) = customers();
    let then = world.when(&Move { from: a, to: vec![b], amount: 3, voucher: Some(voucher) });
    assert_eq!(then.outcome.guards, [(voucher.to_string(), 1)]);
    let gone = world.when(&Delete::<Customer> { id: voucher }).world;
    let refused = gone.decide(&Move { from: a, to: vec![b], amount: 3, voucher: Some(voucher) });
    assert!(matches!(refused, Err(Rejection::NoSuchObject { .. })));
}

#[test]
fn where_nothing_differs_there_is_no_fact() {
    let (world, [a]) = customers();
    let then = world.when(&update(a, 10));
    assert_eq!((then.types(), then.outcome.answer.version), (vec![], 1));
    assert_eq!(then.outcome.guards, [(a.to_string(), 1)]);
}

/// Keeps something, and perhaps changes the balance.
struct Keep(CustomerId, Option<Value>, i64);

impl Command for Keep {
    fn reads(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let customer = with_balance(&objects.get(self.0)?, |_| self.2)?;
        objects.keep(self.0, self.1.as_ref());
        objects.put(EventType::CustomerUpdated, &customer)
    }
}

/// Keeps something before it has asked for the object, or makes it.
struct KeepFirst(CustomerId, bool);

impl Command for KeepFirst {
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        objects.keep(self.0, Some(&json!({ "due": 5 })));
        if self.1 {
            return create(self.0, 0).decide(objects);
        }
        let customer: Customer = objects.get(self.0)?;
        objects.put(EventType::CustomerUpdated, &customer)
    }
}

#[test]
fn something_can_be_kept_before_the_object_is_asked_for_or_made() {
    let (world, [a]) = customers();
    let kept = world.when(&KeepFirst(a, false));
    assert_eq!(kept.types(), ["customer.updated"]);
    let made = nothing().when(&KeepFirst(a, true));
    assert_eq!(made.types(), ["customer.created"]);
    for then in [kept, made] {
        assert_eq!(then.outcome.facts[0].internal.as_deref(), Some(r#"{"due":5}"#));
    }
}

#[test]
fn what_an_object_keeps_to_itself_stays_until_it_is_changed() {
    let (world, [a]) = customers();
    let kept = world.when(&Keep(a, Some(json!({ "due": 5 })), 10));
    assert_eq!(kept.types(), ["customer.updated"], "something differs");
    assert_eq!(kept.outcome.facts[0].previous.as_deref(), Some("{}"), "which nobody sees");
    let updated = kept.world.when(&update(a, 11));
    assert_eq!(updated.outcome.facts[0].internal.as_deref(), Some(r#"{"due":5}"#));
    let cleared = updated.world.when(&Keep(a, None, 11));
    assert_eq!(cleared.outcome.facts[0].internal, None);
}

#[test]
fn a_decision_may_begin_with_what_another_left() {
    let a = Id::generate(Timestamp::from_millis(1_000));
    let mut objects = Objects::default();
    let first = objects.decide(&create(a, 11)).expect("facts");
    let mut after = Objects::knowing(objects.seen());
    assert!(after.knows(&a.to_string()));
    let second = after.decide(&update(a, 12)).expect("facts");
    assert_eq!((first.facts[0].version, second.facts[0].version), (1, 2));
    assert_eq!(second.facts[0].previous.as_deref(), Some(r#"{"balance":11}"#));
}
