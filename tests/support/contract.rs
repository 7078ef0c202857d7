//! Checks of the API's answers and of webhooks against the contract.
//!
//! The contract leaves answers open, for clients of tomorrow. Ours are checked against a closed copy: a
//! field or a value that isn't in the document is a mistake.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use calmony_pay::http::contract::document;
use jsonschema::Validator;
use serde_json::{Value, json};

/// The key that holds the known values of an open enumeration.
pub const KNOWN: &str = "x-extensible-enum";

/// The component that stands for objects of unknown kinds.
pub const OTHER: &str = "/OtherObject";

/// True if a component, by its name or place, is taken from clients. All others are sent to them.
#[must_use]
pub fn is_taken(name: &str) -> bool {
    name.contains("Params")
}

/// The contract with closed answers. They have only the fields and values that it knows.
#[must_use]
pub fn closed(document: &Value) -> Value {
    let mut closed = document.clone();
    for (name, schema) in closed["components"]["schemas"].as_object_mut().unwrap() {
        if !is_taken(name) {
            close(schema);
        }
    }
    close(&mut closed["webhooks"]);
    closed
}

fn close(schema: &mut Value) {
    match schema {
        Value::Array(several) => {
            several.retain(|one| !one["$ref"].as_str().is_some_and(|name| name.ends_with(OTHER)));
            several.iter_mut().for_each(close);
        }
        Value::Object(schema) => {
            schema.values_mut().for_each(close);
            if schema.contains_key("properties") && schema.get("additionalProperties") == Some(&json!(true)) {
                schema.insert("additionalProperties".to_owned(), json!(false));
            }
            if let Some(Value::Array(mut values)) = schema.remove(KNOWN) {
                if schema.get("type").is_some_and(Value::is_array) {
                    values.push(Value::Null);
                }
                schema.insert("enum".to_owned(), values.into());
            }
        }
        _ => {}
    }
}

/// The closed contract.
static CLOSED: LazyLock<Value> = LazyLock::new(|| closed(document()));

/// A validator for the schema at each place of the document.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// True while answers and webhooks are checked.
static CHECKS: AtomicBool = AtomicBool::new(true);

/// Stops the checks: measurements don't pay for them.
pub fn ignore() {
    CHECKS.store(false, Ordering::Relaxed);
}

/// The defect of an answer, if it has one. Requests to paths outside the contract must be answered with an
/// error.
#[must_use]
pub fn wrong_answer(method: &str, path: &str, status: u16, body: &str) -> Option<String> {
    if !CHECKS.load(Ordering::Relaxed) {
        return None;
    }
    let json: Value = match serde_json::from_str(body) {
        Ok(json) => json,
        Err(error) => {
            return Some(format!("{method} {path}: {status} with what is no JSON ({error}): {body}"));
        }
    };
    let method = method.to_ascii_lowercase();
    let template = template_of(path);
    let operation =
        template.and_then(|template| document()["paths"][template].get(&method).map(|_| template));
    let place = match operation {
        Some(template) => {
            let responses = &document()["paths"][template][&method]["responses"];
            if responses.get(status.to_string()).is_none() {
                return Some(format!("{method} {path}: {status} is not in the contract: {body}"));
            }
            let template = escaped(template);
            format!("/paths/{template}/{method}/responses/{status}/content/application~1json/schema")
        }
        None => "/components/schemas/Error".to_owned(),
    };
    wrong(&place, &json)
        .map(|what| format!("{method} {path}: {status} is not as the contract says: {what}\n{body}"))
}

/// The defect of a webhook, if it has one.
#[must_use]
pub fn wrong_webhook(event: &Value) -> Option<String> {
    let kind = event["type"].as_str().unwrap_or_default();
    if document()["webhooks"].get(kind).is_none() {
        return Some(format!("{kind:?} is in no contract"));
    }
    let place = format!("/webhooks/{kind}/post/requestBody/content/application~1json/schema");
    wrong(&place, event).map(|what| format!("a webhook is not as the contract says: {what}\n{event}"))
}

/// The defect of an event as the API shows it, if it has one.
#[must_use]
pub fn wrong_event(event: &Value) -> Option<String> {
    wrong("/components/schemas/Event", event)
}

/// The defect of a value by a schema of the document, if it has one.
fn wrong(place: &str, value: &Value) -> Option<String> {
    let validator = validator(place);
    let errors: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}

fn validator(place: &str) -> Arc<Validator> {
    let mut known = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || {
        let reference: String = place.replace('{', "%7B").replace('}', "%7D");
        let root = json!({ "$ref": format!("#{reference}"), "components": CLOSED["components"],
                           "paths": CLOSED["paths"], "webhooks": CLOSED["webhooks"] });
        Arc::new(jsonschema::draft202012::new(&root).expect("a schema of the contract"))
    };
    known.entry(place.to_owned()).or_insert_with(make).clone()
}

fn escaped(template: &str) -> String {
    template.replace('~', "~0").replace('/', "~1")
}

/// The path of the contract that matches a request's path.
fn template_of(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        wanted.len() == parts.len()
            && wanted
                .iter()
                .zip(&parts)
                .all(|(want, got)| want == got || want.starts_with('{') && !got.is_empty())
    };
    let templates = document()["paths"].as_object().unwrap();
    // A path without parameters comes before one with an id.
    let mut fitting: Vec<&'static str> =
        templates.keys().map(String::as_str).filter(|template| fits(template)).collect();
    fitting.sort_by_key(|template| template.matches('{').count());
    fitting.first().copied()
}
