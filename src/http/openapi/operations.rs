//! Routes as operations.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::STREAM;
use super::schemas::reference;
use crate::http::error;
use crate::http::expand::{PATHS_MAX, expandable};
use crate::http::routes::{Route, routes};

/// The operation of a route.
pub(super) fn operation(route: &Route) -> Value {
    let in_query = matches!(route.method, Method::GET | Method::DELETE);
    let takes = (route.takes.schema)();
    let mut parameters = path_parameters(route.path);
    if in_query {
        parameters.extend(query_parameters(&takes));
    }
    let expandable = expandable_in(route);
    if !expandable.is_empty() {
        parameters.push(json!({
            "name": "expand[]", "in": "query", "required": false,
            "schema": expand_schema(&expandable),
            "description": "Ids that become the objects they name. In a body, too.",
        }));
    }
    if matches!(route.method, Method::POST | Method::PATCH) {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
            "description": "A request that is sent again with the same key is done once and answered as before.",
        }));
    }
    let mut operation = json!({
        "operationId": route.id(),
        "summary": route.summary,
        "parameters": parameters,
        "responses": responses(route),
    });
    if let Some(operation) = operation.as_object_mut() {
        if has_body(route, &takes) {
            operation.insert("requestBody".to_owned(), body(&takes, &(route.takes.name)()));
        }
        if !route.emits.is_empty() {
            let emits: Vec<_> = route.emits.iter().map(|event| event.as_str()).collect();
            operation.insert("x-emits".to_owned(), json!(emits));
        }
    }
    operation
}

/// Whether the parameters are in a body.
fn has_body(route: &Route, takes: &Value) -> bool {
    let has_properties =
        takes.get("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty());
    has_properties && matches!(route.method, Method::POST | Method::PATCH)
}

/// The schemas of parameters in bodies, by their names.
pub(super) fn bodies() -> Map<String, Value> {
    let all = routes().into_iter().map(|route| ((route.takes.schema)(), route));
    all.filter(|(takes, route)| has_body(route, takes))
        .map(|(mut takes, route)| {
            let expandable = expandable_in(&route);
            if let Some(properties) = takes.get_mut("properties").and_then(Value::as_object_mut)
                && !expandable.is_empty()
            {
                properties.insert("expand".to_owned(), expand_schema(&expandable));
            }
            ((route.takes.name)().into_owned(), takes)
        })
        .collect()
}

fn expandable_in(route: &Route) -> Vec<String> {
    let all: BTreeSet<String> = route.answers.iter().flat_map(|name| expandable(name)).collect();
    all.into_iter().collect()
}

fn expand_schema(expandable: &[String]) -> Value {
    json!({ "type": "array", "maxItems": PATHS_MAX, "items": { "type": "string", "enum": expandable } })
}

fn body(takes: &Value, name: &str) -> Value {
    let is_required = takes.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    json!({
        "required": is_required,
        "content": {
            "application/x-www-form-urlencoded": { "schema": reference(name) },
            "application/json": { "schema": reference(name) },
        },
    })
}

fn responses(route: &Route) -> Value {
    let answers: Vec<Value> = route.answers.iter().map(|name| reference(name)).collect();
    let schema = match answers.as_slice() {
        [one] => one.clone(),
        several => json!({ "anyOf": several }),
    };
    let media = if route.answers == [STREAM] { "text/event-stream" } else { "application/json" };
    let mut all = Map::new();
    all.insert(
        "200".to_owned(),
        json!({ "description": "Done.", "content": { media: { "schema": schema } } }),
    );
    for (status, description) in error::documented(&route.method, route.path.contains('{')) {
        let content = json!({ "application/json": { "schema": reference("Error") } });
        all.insert(status.to_string(), json!({ "description": description, "content": content }));
    }
    Value::Object(all)
}

fn path_parameters(path: &str) -> Vec<Value> {
    let parameter = json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } });
    if path.contains("{id}") { vec![parameter] } else { Vec::new() }
}

/// A query's parameters. A range is one parameter for each bound, and a list is spelled `name[]`.
fn query_parameters(takes: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let Some(properties) = takes.get("properties").and_then(Value::as_object) else { return all };
    let required = takes.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut add = |name: String, schema: Value| {
        let required = required.contains(&json!(name));
        all.push(json!({ "name": name, "in": "query", "required": required, "schema": schema }));
    };
    for (name, schema) in properties {
        let alternatives = schema.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut rest = alternatives.into_iter().filter(|one| one.get("type") != Some(&json!("null")));
        match (schema.get("type"), rest.next(), rest.next()) {
            (Some(kind), _, _) if *kind == json!("array") => add(format!("{name}[]"), schema.clone()),
            (_, Some(one), None) if one.get("oneOf").is_some() => {
                for (bound, schema) in range(&one) {
                    add(format!("{name}{bound}"), schema);
                }
            }
            (_, Some(one), None) => add(name.clone(), one),
            _ => add(name.clone(), not_null(schema)),
        }
    }
    all
}

/// A second, or a hash of bounds.
fn range(schema: &Value) -> Vec<(String, Value)> {
    let second = schema.pointer("/oneOf/0").cloned().unwrap_or_default();
    let bounds =
        schema.pointer("/oneOf/1/properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let bounds = bounds.into_iter().map(|(bound, schema)| (format!("[{bound}]"), schema));
    std::iter::once((String::new(), second)).chain(bounds).collect()
}

/// What isn't given is nothing; there is no null in a query.
fn not_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(kinds) = schema.get("type").and_then(Value::as_array)
        && let Some(kind) = kinds.iter().find(|kind| **kind != json!("null")).cloned()
        && let Some(schema) = schema.as_object_mut()
    {
        schema.insert("type".to_owned(), kind);
    }
    schema
}
