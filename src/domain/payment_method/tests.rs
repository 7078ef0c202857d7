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
    ChangeCustomer { id, changes, now: Timestamp::from_seconds(2_000) }
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
