//! The protocol's document and its types are one: every example is read and written back unchanged, and
//! both have the same fields.

use std::collections::BTreeSet;
use std::path::Path;

use calmony_pay::processor::check::DECLINE_CODES;
use calmony_pay::processor::{
    Attach, Authorize, Capabilities, Capture, Card, CardSource, Decline, Failure, Method, NewMethod,
    Operation, Outcome, Reason, Refund, Request, Void, Voided,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/processor.openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every value of a document, with its place.
fn walk<'a>(place: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    found.push((place.to_owned(), value));
    match value {
        Value::Array(parts) => {
            for (index, part) in parts.iter().enumerate() {
                walk(&format!("{place}/{index}"), part, found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                walk(&format!("{place}/{name}"), field, found);
            }
        }
        _ => {}
    }
}

/// The value that a type reads of an example and writes again.
fn back<T: DeserializeOwned + Serialize>(example: &Value) -> Value {
    json!(serde_json::from_value::<T>(example.clone()).unwrap_or_else(|error| panic!("{error}: {example}")))
}

/// The same, by the name of the type.
fn through(name: &str, example: &Value) -> Value {
    match name {
        "Request" => back::<Request>(example),
        "Operation" => back::<Operation>(example),
        "Method" => back::<Method>(example),
        "Capabilities" => back::<Capabilities>(example),
        "Failure" => back::<Failure>(example),
        "NewMethod" => {
            let method =
                serde_json::from_value::<NewMethod>(example.clone()).map_err(|error| error.to_string());
            serde_json::from_slice(&method.unwrap().into_body()).unwrap()
        }
        "Notice" => {
            let mut notice = example.clone();
            notice["operation"] = back::<Operation>(&example["operation"]);
            notice
        }
        "JournalRow" => example.clone(),
        unknown => panic!("which type is {unknown}?"),
    }
}

#[test]
fn every_example_of_the_protocol_is_read_and_written_back_unchanged() {
    let document = document();
    let mut all = Vec::new();
    walk("", &document, &mut all);
    let mut seen = BTreeSet::new();
    for (place, media) in &all {
        let (Some(examples), Some(target)) =
            (media["examples"].as_object(), media["schema"]["$ref"].as_str())
        else {
            continue;
        };
        let name = target.rsplit('/').next().unwrap();
        let schema = json!({ "$ref": target, "components": document["components"] });
        let validator = jsonschema::validator_for(&schema).unwrap();
        for example in examples.values().map(|example| &example["value"]) {
            if let Err(wrong) = validator.validate(example) {
                panic!("{place}: {wrong}");
            }
            assert_eq!(through(name, example), *example, "{place}");
            seen.insert(name.to_owned());
        }
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
    for (place, value) in &all {
        if let Some(target) = value["$ref"].as_str() {
            assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{place}: {target}");
        }
    }
}

fn fields(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

/// A value of each type with every field that it can have, by the names of the document. Destructured
/// nowhere: a new field doesn't compile here before it has a value.
fn full() -> Vec<(&'static str, Vec<Value>)> {
    let text = || "x".to_owned();
    let some = || Some(text());
    let decline = || Decline { code: text(), decline_code: some(), advice_code: some(), param: some() };
    let card = || Card {
        brand: text(),
        last4: text(),
        exp_month: 1,
        exp_year: 2034,
        funding: text(),
        country: some(),
        fingerprint: text(),
        three_d_secure: true,
        cvc_check: some(),
    };
    let reason = || Reason { code: text(), message: text() };
    let operation = |outcome| json!(Operation { key: text(), reference: some(), outcome });
    let authorize = Authorize {
        key: text(),
        method: text(),
        amount: 1,
        currency: text(),
        capture: true,
        off_session: true,
        return_url: some(),
    };
    let void = |of| json!(Request::Void(Void { key: text(), of }));
    let attach = Attach { key: text(), method: text(), on_session: true, return_url: some() };
    let numbers = NewMethod::Card(CardSource::new(text(), (1, 2034), some())).into_body();
    let numbers: Value = serde_json::from_slice(&numbers).unwrap();
    let capabilities =
        Capabilities { protocol: 1, name: text(), sandbox: true, key_seconds: 1, hold_seconds: 1 };
    vec![
        ("Authorize", vec![json!(Request::Authorize(authorize))]),
        ("Capture", vec![json!(Request::Capture(Capture { key: text(), reference: text(), amount: 1 }))]),
        ("Void", vec![void(Voided::Reference(text())), void(Voided::OfKey(text()))]),
        ("Refund", vec![json!(Request::Refund(Refund { key: text(), reference: text(), amount: 1 }))]),
        ("Attach", vec![json!(Request::Attach(attach))]),
        (
            "Operation",
            vec![
                operation(Outcome::Approved { amount: 1 }),
                operation(Outcome::Declined { decline: decline() }),
                operation(Outcome::ActionRequired { url: text() }),
            ],
        ),
        ("Decline", vec![json!(decline())]),
        ("CardSource", vec![numbers["card"].clone()]),
        ("Method", vec![json!(Method { token: text(), card: card() })]),
        ("Card", vec![json!(card())]),
        ("Capabilities", vec![json!(capabilities)]),
        ("Failure", vec![json!(Failure { error: reason(), decline: Some(decline()) })]),
        ("Reason", vec![json!(reason())]),
    ]
}

#[test]
fn the_protocols_document_has_the_fields_of_its_types() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut known = BTreeSet::from(["Request", "NewMethod", "Notice", "JournalRow"]);
    for (name, values) in full() {
        let of_type: BTreeSet<String> = values.iter().flat_map(fields).collect();
        assert_eq!(fields(&schemas[name]["properties"]), of_type, "{name}");
        for required in schemas[name]["required"].as_array().unwrap() {
            let is_always = values.iter().all(|value| value.get(required.as_str().unwrap()).is_some());
            assert!(is_always, "{name}: {required}");
        }
        known.insert(name);
    }
    assert_eq!(schemas.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
    let codes = schemas["Decline"]["properties"]["code"]["enum"].as_array().unwrap();
    assert_eq!(codes.iter().filter_map(Value::as_str).collect::<Vec<_>>(), DECLINE_CODES);
}
