//! Every kind of breaking change is found, and additions are not reported.

use calmony_pay::http::contract::document;
use serde_json::{Value, json};
use support::contract::closed;

use super::broken;

/// The findings after `value` is put in that place of the contract. Null removes the entry.
fn after(place: &str, name: &str, value: Value) -> Vec<String> {
    let mut changed = document().clone();
    let parent = changed.pointer_mut(place).unwrap_or_else(|| panic!("{place} is there"));
    match parent {
        Value::Array(entries) if value.is_null() => drop(entries.remove(0)),
        Value::Array(entries) => entries.push(value),
        Value::Object(entries) if value.is_null() => drop(entries.remove(name).expect(name)),
        Value::Object(entries) => drop(entries.insert(name.to_owned(), value)),
        _ => panic!("{place} holds something"),
    }
    assert_ne!(changed, *document(), "there was something to change");
    broken(document(), &changed)
}

#[test]
fn whatever_is_planted_is_found() {
    const CREATE: &str = "/paths/~1v1~1customers/post";
    const LIST: &str = "/paths/~1v1~1customers/get/parameters";
    const PARAMS: &str = "/components/schemas/CustomerParams";
    const REPLAY: &str = "/components/schemas/ReplayParams";
    const CUSTOMER: &str = "/components/schemas/Customer";
    let text = || json!({ "type": "string" });
    for (place, name, value) in [
        ("/paths", "/v1/customers/{id}", Value::Null),
        ("/paths/~1v1~1customers~1{id}", "delete", Value::Null),
        ("/webhooks", "customer.deleted", Value::Null),
        ("/x-id-prefixes", "we_", Value::Null),
        ("/x-id-prefixes", "we_", json!("something else")),
        ("/x-event-types", "", Value::Null),
        (&format!("{CREATE}/x-emits"), "", Value::Null),
        (&format!("{CREATE}/responses"), "409", Value::Null),
        (&format!("{CREATE}/requestBody/content"), "application/json", Value::Null),
        ("/paths/~1v1~1replays~1{id}~1cancel/post", "requestBody", json!({ "required": true })),
        (LIST, "", Value::Null),
        (LIST, "", json!({ "name": "page", "in": "query", "required": true, "schema": text() })),
        (&format!("{LIST}/0"), "required", json!(true)),
        (&format!("{LIST}/0/schema"), "pattern", json!("^1")),
        (&format!("{PARAMS}/properties"), "description", Value::Null),
        (
            &format!("{REPLAY}/properties/related_object"),
            "pattern",
            json!("^(cus)_[0-7][0-9A-HJKMNP-TV-Z]{25}$"),
        ),
        (&format!("{PARAMS}/properties/name"), "maxLength", json!(10)),
        (&format!("{PARAMS}/properties/name"), "minLength", json!(1)),
        (&format!("{PARAMS}/properties/name"), "enum", json!(["Ada"])),
        (&format!("{PARAMS}/properties/name"), "type", json!("string")),
        (&format!("{PARAMS}/properties/preferred_locales"), "minItems", json!(1)),
        (PARAMS, "required", json!(["name"])),
        (&format!("{CUSTOMER}/properties"), "description", Value::Null),
        (&format!("{CUSTOMER}/properties/description"), "type", json!("object")),
        (&format!("{CUSTOMER}/properties/balance"), "type", json!(["integer", "null"])),
        (&format!("{CUSTOMER}/properties/tax_exempt/x-extensible-enum"), "", Value::Null),
        (&format!("{CUSTOMER}/properties/tax_exempt"), "x-extensible-enum", Value::Null),
        (&format!("{CUSTOMER}/properties/object/enum"), "", json!("another")),
        (&format!("{CUSTOMER}/properties/shipping"), "oneOf", json!([text(), { "$ref": "#/elsewhere" }])),
        (CUSTOMER, "additionalProperties", json!(false)),
        (CUSTOMER, "additionalProperties", Value::Null),
        (&format!("{CUSTOMER}/properties/invoice_settings"), "additionalProperties", json!(false)),
        ("/components/schemas/Event/properties/data/properties/object/oneOf", "", Value::Null),
        (
            "/webhooks/customer.created/post/requestBody/content/application~1json/schema",
            "additionalProperties",
            json!(false),
        ),
        (&format!("{CUSTOMER}/properties/id"), "pattern", json!("^c_")),
        (&format!("{CUSTOMER}/required"), "", Value::Null),
        (
            &format!("{CREATE}/requestBody/content/application~1x-www-form-urlencoded/schema"),
            "$ref",
            json!("#/elsewhere"),
        ),
        (&format!("{CREATE}/responses/200/content/application~1json/schema"), "$ref", json!("#/elsewhere")),
        ("/paths/~1v1~1customers~1{id}/get/responses/200/content/application~1json/schema/oneOf", "", text()),
        ("/components/schemas/Error/properties/error/properties/code/x-extensible-enum", "", Value::Null),
    ] {
        let found = after(place, name, value.clone());
        assert!(!found.is_empty(), "{place} {name} {value}: nothing was found");
    }
}

#[test]
fn what_only_adds_breaks_nothing() {
    let objects =
        document()["components"]["schemas"]["ReplayParams"]["properties"]["related_object"]["pattern"]
            .as_str()
            .expect("a pattern");
    let thing = || json!({ "$ref": "#/components/schemas/Thing" });
    let wider = objects.replace("^(", "^(thing|");
    for (place, name, value) in [
        ("/paths", "/v1/things", json!({ "get": {} })),
        ("/x-event-types", "", json!("thing.created")),
        ("/components/schemas/Customer/properties", "nickname", json!({ "type": "string" })),
        ("/components/schemas/CustomerParams/properties", "nickname", json!({ "type": "string" })),
        ("/components/schemas/CustomerParams/properties/name", "maxLength", json!(10_000)),
        ("/components/schemas/CustomerParams/properties/tax_exempt/oneOf", "", json!({ "type": "integer" })),
        (
            "/components/schemas/Error/properties/error/properties/code/x-extensible-enum",
            "",
            json!("another"),
        ),
        ("/components/schemas/Event/properties/type/x-extensible-enum", "", json!("thing.created")),
        ("/components/schemas/Event/properties/data/properties/object/oneOf", "", thing()),
        (
            "/paths/~1v1~1customers/get/parameters",
            "",
            json!({ "name": "phone", "in": "query", "required": false, "schema": { "type": "string" } }),
        ),
        ("/components/schemas/ReplayParams/properties/related_object", "pattern", json!(wider)),
        ("/components/schemas/Replay/properties/event/oneOf", "", thing()),
        ("/paths/~1v1~1customers/post", "summary", json!("in other words")),
        // The same schema by another name.
        (
            "/paths/~1v1~1customers/post/requestBody/content/application~1x-www-form-urlencoded/schema",
            "$ref",
            json!("#/components/schemas/CustomerCreateParams"),
        ),
    ] {
        assert_eq!(after(place, name, value), Vec::<String>::new(), "{place} {name}");
    }
    assert_eq!(broken(document(), document()), Vec::<String>::new());
}

#[test]
fn answers_may_open_and_never_close() {
    assert_eq!(broken(&closed(document()), document()), Vec::<String>::new());
    assert_ne!(broken(document(), &closed(document())), Vec::<String>::new());
    let with = |schema: &Value| {
        let schemas = json!({ "schemas": { "Thing": schema } });
        json!({
            "paths": {}, "webhooks": {}, "x-id-prefixes": {}, "x-event-types": [], "components": schemas,
        })
    };
    for (before, after) in [
        (json!({ "type": "null" }), json!({ "type": ["string", "null"] })),
        (
            json!({ "oneOf": [{ "type": "string", "enum": ["gone"] }, { "type": "null" }] }),
            json!({ "type": ["string", "null"], "x-extensible-enum": ["gone", "failing"] }),
        ),
        (json!({ "type": "string", "maxLength": 10 }), json!({ "type": "string" })),
        // An answer's ids may be of fewer kinds.
        (
            json!({ "type": "string", "pattern": "^(a|b|c)_x$" }),
            json!({ "type": "string", "pattern": "^(a|c)_x$" }),
        ),
    ] {
        assert_eq!(broken(&with(&before), &with(&after)), Vec::<String>::new(), "{before}");
    }
}
