//! Routes as operations.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::component::STREAM;
use super::route::Route;
use super::routes::routes;
use super::schemas::reference;
use crate::http::error;
use crate::http::request::expand::PATHS_MAX;

/// The operation of a route.
pub(super) fn operation(route: &Route) -> Value {
    let in_query = matches!(route.method, Method::GET | Method::DELETE);
    let takes = (route.takes.schema)();
    let mut parameters = path_parameters(route.path);
    if in_query {
        parameters.extend(query_parameters(&takes));
    }
    let expandable = route.expandable();
    if !expandable.is_empty() {
        parameters.push(json!({
            "name": "expand[]", "in": "query", "required": false,
            "schema": expand_schema(&expandable),
            "description": "Ids that become the objects they name. In a body, too.",
        }));
    }
    if matches!(route.method, Method::POST | Method::PATCH) {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
            "description": "A request that is sent again with the same key is done once and answered as \
                            before.",
        }));
    }
    let mut operation = json!({
        "operationId": route.id(),
        "summary": route.summary,
        "tags": [route.path.split('/').nth(2).unwrap_or_default()],
        "parameters": parameters,
        "responses": responses(route),
    });
    if let Some(operation) = operation.as_object_mut() {
        if let Some(takes) = in_body(route) {
            operation.insert("requestBody".to_owned(), body(&takes, &(route.takes.name)()));
        }
        if !route.emits.is_empty() {
            let emits: Vec<_> = route.emits.iter().map(|event| event.as_str()).collect();
            operation.insert("x-emits".to_owned(), json!(emits));
        }
    }
    operation
}

/// The parameters of a route that has them in a body.
fn in_body(route: &Route) -> Option<Value> {
    let mut takes = (route.takes.schema)();
    let properties = takes.get_mut("properties").and_then(Value::as_object_mut)?;
    if properties.is_empty() || !matches!(route.method, Method::POST | Method::PATCH) {
        return None;
    }
    let expandable = route.expandable();
    if !expandable.is_empty() {
        properties.insert("expand".to_owned(), expand_schema(&expandable));
    }
    Some(takes)
}

/// The schemas of parameters in bodies, by their names: for JSON, and once more for forms, so that a client
/// has a type for each.
pub(super) fn bodies() -> Map<String, Value> {
    let mut all = Map::new();
    for route in routes() {
        if let Some(takes) = in_body(&route) {
            let name = (route.takes.name)().into_owned();
            all.insert(form_of(&name), as_form(takes.clone()));
            all.insert(name, takes);
        }
    }
    all
}

fn form_of(name: &str) -> String {
    format!("{name}Form")
}

fn as_form(mut takes: Value) -> Value {
    const SPELLING: &str =
        "As a form: a hash is spelled `a[b]=c`, a list `a=b&a=c`, and null is an empty value.";
    if let Some(description) = takes.get_mut("description") {
        *description = format!("{} {SPELLING}", description.as_str().unwrap_or_default()).into();
    }
    takes
}

/// The styles in which a form spells hashes and lists, by parameter.
fn encoding(takes: &Value) -> Map<String, Value> {
    let properties = takes.get("properties").and_then(Value::as_object).into_iter().flatten();
    let style = |schema: &Value| {
        let styles = [("object", "deepObject"), ("array", "form")];
        styles.into_iter().find(|(kind, _)| may_be(schema, kind)).map(|(_, style)| style)
    };
    properties
        .filter_map(|(name, schema)| {
            Some((name.clone(), json!({ "style": style(schema)?, "explode": true })))
        })
        .collect()
}

fn may_be(schema: &Value, kind: &str) -> bool {
    match (schema.get("type"), schema.get("oneOf")) {
        (Some(Value::Array(kinds)), _) => kinds.iter().any(|one| one == kind),
        (Some(one), _) => one == kind,
        (None, Some(Value::Array(several))) => several.iter().any(|one| may_be(one, kind)),
        _ => false,
    }
}

fn expand_schema(expandable: &BTreeSet<&str>) -> Value {
    json!({ "type": "array", "maxItems": PATHS_MAX, "items": { "type": "string", "enum": expandable } })
}

fn body(takes: &Value, name: &str) -> Value {
    let is_required = takes.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    let mut form = json!({ "schema": reference(&form_of(name)) });
    let encoding = encoding(takes);
    if let Some(form) = form.as_object_mut()
        && !encoding.is_empty()
    {
        form.insert("encoding".to_owned(), encoding.into());
    }
    json!({
        "required": is_required,
        "content": {
            "application/x-www-form-urlencoded": form,
            "application/json": { "schema": reference(name) },
        },
    })
}

fn responses(route: &Route) -> Value {
    let answers: Vec<Value> = route.answers.iter().map(|answer| reference(&answer.name)).collect();
    let schema = match answers.as_slice() {
        [one] => one.clone(),
        several => json!({ "oneOf": several }),
    };
    let is_stream = route.answers.iter().any(|answer| answer.name == STREAM);
    let media = if is_stream { "text/event-stream" } else { "application/json" };
    let mut all = Map::new();
    all.insert(
        "200".to_owned(),
        json!({ "description": "Done.", "content": { media: { "schema": schema } } }),
    );
    for (status, description) in error::documented(&route.method, route.path.contains('{'), route.may_decline)
    {
        let content = json!({ "application/json": { "schema": reference("Error") } });
        all.insert(status.to_string(), json!({ "description": description, "content": content }));
    }
    Value::Object(all)
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let parameter =
        |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    names.map(parameter).collect()
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
            (_, Some(second), Some(range)) => {
                add(name.clone(), second);
                for (bound, schema) in
                    range.get("properties").and_then(Value::as_object).into_iter().flatten()
                {
                    add(format!("{name}[{bound}]"), schema.clone());
                }
            }
            (_, Some(one), None) => add(name.clone(), one),
            _ => add(name.clone(), not_null(schema)),
        }
    }
    all
}

/// The schema without null. A query has no null: a parameter that isn't given is nothing.
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
