//! From the schemas that utoipa derives of our types to those of the document.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The schema of a `T`, with whatever it refers to put in its place.
pub(in crate::http) fn schema_of<T: ToSchema>() -> Value {
    let mut known = Vec::new();
    T::schemas(&mut known);
    let value = |schema| serde_json::to_value(schema).unwrap_or_default();
    let known: HashMap<String, Value> =
        known.into_iter().map(|(name, schema)| (name, value(schema))).collect();
    inlined(value(T::schema()), &known)
}

fn inlined(schema: Value, known: &HashMap<String, Value>) -> Value {
    match schema {
        Value::Array(schemas) => schemas.into_iter().map(|schema| inlined(schema, known)).collect(),
        Value::Object(schema) => {
            let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next());
            if let Some(target) = name.and_then(|name| known.get(name)) {
                return inlined(target.clone(), known);
            }
            let schema = schema
                .into_iter()
                .map(|(name, schema)| (name, inlined(schema, known)))
                .collect::<Map<_, _>>();
            tidied(merged(schema))
        }
        other => other,
    }
}

/// One object instead of `allOf` several, which is what a flattened field comes to.
fn merged(mut schema: Map<String, Value>) -> Map<String, Value> {
    let Some(Value::Array(parts)) = schema.remove("allOf") else { return schema };
    let mut properties = Map::new();
    for part in parts {
        if let Value::Object(mut part) = part
            && let Some(Value::Object(some)) = part.remove("properties")
        {
            properties.extend(some);
        }
    }
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema
}

/// Without defaults of null, which say nothing; a type that can be null and nothing else is said to be; and what may be null or an
/// enumeration is one type.
fn tidied(mut schema: Map<String, Value>) -> Value {
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
        let is_bare = schema.keys().all(|name| name == "description");
        if is_bare {
            schema.insert("type".to_owned(), "null".into());
        }
    }
    Value::Object(schema)
}

/// The same for something that is sent: every field is always there, and no other.
pub(super) fn sent(schema: Value) -> Value {
    match schema {
        Value::Array(schemas) => schemas.into_iter().map(sent).collect(),
        Value::Object(schema) => {
            let mut schema: Map<String, Value> =
                schema.into_iter().map(|(name, schema)| (name, sent(schema))).collect();
            schema.remove("default");
            if let Some(Value::Object(properties)) = schema.get("properties") {
                let mut names: Vec<_> = properties.keys().cloned().collect();
                names.sort();
                schema.insert("required".to_owned(), names.into());
                schema.insert("additionalProperties".to_owned(), false.into());
            }
            Value::Object(schema)
        }
        other => other,
    }
}

/// A reference to a component.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object with these properties and no other, all of them there.
pub(super) fn object(properties: &Value) -> Value {
    sent(json!({ "type": "object", "properties": properties }))
}

/// A page of what was found.
pub(super) fn search_result_of(name: &str) -> Value {
    object(&json!({
        "object": { "type": "string", "enum": ["search_result"] },
        "url": { "type": "string", "pattern": "^/" },
        "has_more": { "type": "boolean" },
        "next_page": { "type": ["string", "null"] },
        "data": { "type": "array", "items": reference(name) },
    }))
}

/// A page of a list.
pub(super) fn list_of(name: &str) -> Value {
    object(&json!({
        "object": { "type": "string", "enum": ["list"] },
        "url": { "type": "string", "pattern": "^/" },
        "has_more": { "type": "boolean" },
        "data": { "type": "array", "items": reference(name) },
    }))
}
