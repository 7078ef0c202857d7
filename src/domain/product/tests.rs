use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::domain::testing::{World, nothing};
use crate::domain::{Create, Delete, New, ParameterError, Problem, Rejection, Update};

fn product(params: Value) -> (World, Id<contract::Product>) {
    let id = Id::generate(Timestamp::from_seconds(1_000));
    let params = serde_json::from_value(params).expect("parameters");
    (nothing().when(&Create::<Product> { new: New { id, livemode: false }, params }).world, id)
}

fn update(id: Id<contract::Product>, changes: Value) -> Update<Product> {
    let changes = serde_json::from_value(changes).expect("parameters");
    Update { id, changes, now: Timestamp::from_seconds(2_000) }
}

#[test]
fn a_product_begins_active_and_is_archived_by_an_update() {
    let (world, id) = product(json!({ "name": "Gold" }));
    let begun: Product = world.object(id).expect("a product");
    assert!(begun.active && begun.updated == begun.created);
    let archived = world.when(&update(id, json!({ "active": false })));
    assert_eq!(archived.types(), ["product.updated"]);
    assert_eq!(archived.outcome.facts[0].previous.as_deref(), Some(r#"{"active":true,"updated":1000}"#));
    let gone = archived.world.when(&Delete::<Product> { id });
    assert_eq!(gone.types(), ["product.deleted"]);
}

#[test]
fn what_changes_nothing_appends_nothing() {
    let (world, id) = product(json!({ "name": "Gold", "url": "https://example.com" }));
    let same = json!({ "name": "Gold", "active": true, "url": "https://example.com" });
    assert_eq!(world.when(&update(id, same)).types(), [""; 0]);
}

#[test]
fn what_is_wrong_is_named() {
    let (world, id) = product(json!({ "name": "Gold" }));
    for (changes, param) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": " " }), "name"),
        (json!({ "statement_descriptor": "<GOLD>" }), "statement_descriptor"),
        (json!({ "statement_descriptor": "1234" }), "statement_descriptor"),
        (json!({ "default_price": "price_1" }), "default_price"),
    ] {
        let refused = world.decide(&update(id, changes.clone()));
        let Err(Rejection::Parameter(error)) = refused else { panic!("{changes}: {refused:?}") };
        assert_eq!(error.param, param);
    }
    let unset = world.decide(&update(id, json!({ "name": null })));
    assert_eq!(unset, Err(ParameterError::new("name", Problem::Empty).into()));
}
