use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::domain::customer::Customer;
use crate::domain::testing::{World, nothing};
use crate::domain::{Create as CreateObject, Rejection};

type MethodId = Id<contract::PaymentMethod>;
type CustomerId = Id<contract::Customer>;

fn new<K: contract::Kind>() -> New<K> {
    New { id: Id::generate(Timestamp::from_seconds(1_000)), livemode: false }
}

fn with_method(world: &World) -> (World, MethodId) {
    let create = testing::create();
    let made = world.when(&create);
    assert_eq!(made.types(), ["payment_method.created"]);
    (made.world, create.new.id)
}

fn with_customer(world: &World) -> (World, CustomerId) {
    let new = new();
    let params = serde_json::from_value(json!({})).expect("parameters");
    (world.when(&CreateObject::<Customer> { new, params }).world, new.id)
}

fn change(id: CustomerId, changes: Value) -> ChangeCustomer {
    let changes = serde_json::from_value(changes).expect("parameters");
    ChangeCustomer { id, changes, made: None, checked: Vec::new(), now: Timestamp::from_seconds(2_000) }
}

#[test]
fn a_method_is_attached_made_the_default_and_burned_by_detaching() {
    let (world, id) = with_method(&nothing());
    let (world, customer) = with_customer(&world);
    let default = json!({ "invoice_settings": { "default_payment_method": id.to_string() } });
    let refused = world.decide(&change(customer, default.clone()));
    assert!(matches!(refused, Err(Rejection::Parameter(_))), "it isn't the customer's yet: {refused:?}");
    let attached = world.when(&Attach { id, customer, is_checked: true });
    assert_eq!(attached.types(), ["payment_method.attached"]);
    let method: PaymentMethod = attached.world.object(id).expect("a method");
    assert_eq!(method.card.checks.and_then(|checks| checks.cvc_check).as_deref(), Some("pass"));
    assert_eq!(
        attached.world.when(&Attach { id, customer, is_checked: true }).types(),
        [""; 0],
        "it is attached already"
    );
    let world = attached.world.when(&change(customer, default)).world;
    let detached = world.when(&Detach { id });
    assert_eq!(detached.types(), ["payment_method.detached", "customer.updated"]);
    let world = detached.world;
    assert_eq!(world.decide(&Attach { id, customer, is_checked: true }), Err(Rejection::Burned));
    assert!(matches!(world.decide(&Detach { id }), Err(Rejection::NotAttached { .. })));
}

#[test]
fn a_method_of_one_customer_is_no_other_ones() {
    let (world, id) = with_method(&nothing());
    let (world, first) = with_customer(&world);
    let (world, second) = with_customer(&world);
    let world = world.when(&Attach { id, customer: first, is_checked: true }).world;
    assert_eq!(
        world.decide(&Attach { id, customer: second, is_checked: true }),
        Err(Rejection::AttachedElsewhere)
    );
    let default = json!({ "invoice_settings": { "default_payment_method": id.to_string() } });
    assert!(world.decide(&change(second, default)).is_err());
}

#[test]
fn only_an_attached_method_can_be_changed() {
    let (world, id) = with_method(&nothing());
    let update =
        |changes: Value| Update { id, changes: serde_json::from_value(changes).expect("parameters") };
    let details = json!({ "billing_details": { "name": "Ada" }, "card": { "exp_year": 2040 } });
    assert!(matches!(world.decide(&update(details.clone())), Err(Rejection::NotAttached { .. })));
    let (world, customer) = with_customer(&world);
    let world = world.when(&Attach { id, customer, is_checked: true }).world;
    let changed = world.when(&update(details));
    assert_eq!(changed.types(), ["payment_method.updated"]);
    let more = json!({ "billing_details": { "email": "ada@example.com" } });
    let method: PaymentMethod = changed.world.when(&update(more)).world.object(id).expect("a method");
    assert_eq!(method.billing_details.name.as_deref(), Some("Ada"), "details are merged");
    assert_eq!((method.card.exp_month, method.card.exp_year), (12, 2040));
    let unset = update(json!({ "billing_details": { "name": null } }));
    let method: PaymentMethod = changed.world.when(&unset).world.object(id).expect("a method");
    assert_eq!(method.billing_details.name, None);
    for wrong in [json!({ "card": { "exp_month": 13 } }), json!({ "billing_details": { "email": "x" } })] {
        assert!(matches!(world.decide(&update(wrong)), Err(Rejection::Parameter(_))));
    }
}

#[test]
fn a_customer_is_created_with_its_methods_or_not_at_all() {
    let (world, existing) = with_method(&nothing());
    let made = testing::create();
    let created = |default: MethodId, methods: Vec<Chosen>| {
        let new: New<contract::Customer> = new();
        let params = json!({ "invoice_settings": { "default_payment_method": default.to_string() } });
        let params = serde_json::from_value(params).expect("parameters");
        let checked = vec![made.new.id];
        CreateCustomer { create: CreateObject { new, params }, methods, checked }
    };
    let both = vec![Chosen::Existing(existing), Chosen::New(Box::new(made.clone()))];
    let command = created(made.new.id, both.clone());
    let done = world.when(&command);
    let expected =
        ["customer.created", "payment_method.attached", "payment_method.created", "payment_method.attached"];
    assert_eq!(done.types(), expected);
    let customer: Customer = done.world.object(command.create.new.id).expect("a customer");
    assert_eq!(customer.default_payment_method(), Some(made.new.id));
    let check = |id| {
        let method: PaymentMethod = done.world.object(id).expect("a method");
        assert_eq!(method.customer(), Some(command.create.new.id));
        method.card.checks.and_then(|checks| checks.cvc_check)
    };
    assert_eq!(
        (check(existing).as_deref(), check(made.new.id).as_deref()),
        (Some("unchecked"), Some("pass"))
    );
    let elsewhere = created(made.new.id, both.clone());
    assert_eq!(done.world.decide(&elsewhere), Err(Rejection::AttachedElsewhere));
    let not_given = created(existing, both[1..].to_vec());
    assert!(
        matches!(world.decide(&not_given), Err(Rejection::Parameter(_))),
        "a default is one of the methods"
    );
}

#[test]
fn a_default_method_is_made_with_the_change() {
    let (world, customer) = with_customer(&nothing());
    let made = testing::create();
    let default = json!({ "invoice_settings": { "default_payment_method": made.new.id.to_string() } });
    let change = ChangeCustomer { made: Some(Box::new(made.clone())), ..change(customer, default) };
    let done = world.when(&change.with_checked(&[made.new.id]));
    let expected = ["payment_method.created", "payment_method.attached", "customer.updated"];
    assert_eq!(done.types(), expected);
    let method: PaymentMethod = done.world.object(made.new.id).expect("a method");
    assert_eq!(method.customer(), Some(customer));
}

#[test]
fn a_deleted_customer_has_no_method_any_more() {
    let (world, id) = with_method(&nothing());
    let (world, other) = with_method(&world);
    let (world, customer) = with_customer(&world);
    let world = world.when(&Attach { id, customer, is_checked: true }).world;
    let deleted = world.when(&DeleteCustomer { id: customer, methods: vec![id, other] });
    assert_eq!(deleted.types(), ["payment_method.detached", "customer.deleted"], "the other isn't its own");
    assert_eq!(deleted.world.decide(&DetachAll { customer, methods: vec![id] }).expect("nothing").facts, []);
    let (world, next) = with_customer(&deleted.world);
    assert_eq!(world.decide(&Attach { id, customer: next, is_checked: true }), Err(Rejection::Burned));
}
