//! Answers are open and requests are closed, everywhere in the contract: a client that is made today can
//! read tomorrow's answers, and a parameter that the server doesn't know is refused.

use calmony_pay::http::contract::document;
use serde_json::Value;
use support::contract::{closed, is_taken};

/// Rules that a longer text or list would break.
const LENGTHS: &[&str] = &["maxItems", "maxLength", "minItems", "minLength", "propertyNames"];

/// Finds every schema that is sent and isn't open, or is taken and isn't closed.
fn wrong(place: &str, schema: &Value, is_taken: bool, found: &mut Vec<String>) {
    let is_object = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
        kind => kind == "object",
    };
    let additional = &schema["additionalProperties"];
    if is_object && !additional.is_object() && *additional != !is_taken {
        found.push(format!("{place}: additionalProperties is {additional}"));
    }
    if !is_taken {
        if schema["enum"].as_array().is_some_and(|values| values.len() > 1) {
            found.push(format!("{place}: no other value may come"));
        }
        let lengths = LENGTHS.iter().filter(|rule| !schema[**rule].is_null());
        found.extend(lengths.map(|rule| format!("{place}: {rule}")));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if property["type"] == "null" {
            found.push(format!("{place}/{name}: is null and nothing else"));
        }
        wrong(&format!("{place}/{name}"), property, is_taken, found);
    }
    for name in ["oneOf", "anyOf", "allOf"] {
        for one in schema[name].as_array().into_iter().flatten() {
            wrong(place, one, is_taken, found);
        }
    }
    for name in ["items", "additionalProperties"] {
        if schema[name].is_object() {
            wrong(&format!("{place}/{name}"), &schema[name], is_taken, found);
        }
    }
}

fn wrong_in(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        wrong(name, schema, is_taken(name), &mut found);
    }
    for (name, webhook) in document["webhooks"].as_object().unwrap() {
        let schema = &webhook["post"]["requestBody"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{name} has a body");
        wrong(name, schema, false, &mut found);
    }
    found
}

#[test]
fn answers_are_open_and_requests_are_closed() {
    assert_eq!(wrong_in(document()), Vec::<String>::new());
    // The search for closed schemas finds them.
    let found = wrong_in(&closed(document()));
    for place in ["Customer: ", "customer.created: ", "Error/error/code: ", "Event/type: "] {
        assert!(found.iter().any(|what| what.starts_with(place)), "{place}");
    }
}
