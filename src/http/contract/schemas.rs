//! Schemas of the document, made of those that utoipa derives of our types.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// The values that are known of an enumeration that may get more, in the contract.
pub(super) const KNOWN: &str = "x-extensible-enum";

/// Rules about lengths. They are for requests; an object that is sent may be longer one day.
const LENGTHS: &[&str] = &["maxItems", "maxLength", "minItems", "minLength", "propertyNames"];

/// The schema of a `T`, with each reference replaced by its schema.
pub(super) fn schema_of<T: ToSchema>() -> Value {
    schema_from(T::schema, T::schemas)
}

/// The schema that a function of utoipa's makes, with each reference replaced by its schema.
pub(super) fn schema_from(
    schema: fn() -> RefOr<Schema>,
    schemas: fn(&mut Vec<(String, RefOr<Schema>)>),
) -> Value {
    let mut known = Vec::new();
    schemas(&mut known);
    let value = |schema| serde_json::to_value(schema).unwrap_or_default();
    let known: HashMap<String, Value> =
        known.into_iter().map(|(name, schema)| (name, value(schema))).collect();
    inlined(value(schema()), &known)
}

fn inlined(schema: Value, known: &HashMap<String, Value>) -> Value {
    match schema {
        Value::Array(schemas) => schemas.into_iter().map(|schema| inlined(schema, known)).collect(),
        Value::Object(schema) => {
            let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next());
            if let Some(target) = name.and_then(|name| known.get(name)) {
                let mut target = inlined(target.clone(), known);
                let schema = Value::Object(schema.clone());
                if let Some(target) = target.as_object_mut().filter(|_| is_left_out(&schema))
                    && let Some(description) = schema.get("description")
                {
                    target.insert("description".to_owned(), description.clone());
                }
                return target;
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

/// One object instead of `allOf` several, which is the form of a flattened field.
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

/// The schema without defaults of null, which say nothing, and with null among the types of nullable values.
fn tidied(mut schema: Map<String, Value>) -> Value {
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
    nullable(schema)
}

/// One schema instead of `oneOf` it and null, wherever there is but one: generators of clients stumble over a
/// null that stands alone. An enumeration keeps null beside it, for the same reason.
fn nullable(mut schema: Map<String, Value>) -> Value {
    let null = json!({ "type": "null" });
    let Some(Value::Array(alternatives)) = schema.remove("oneOf") else { return Value::Object(schema) };
    if !alternatives.contains(&null) {
        schema.insert("oneOf".to_owned(), alternatives.into());
        return Value::Object(schema);
    }
    let mut others: Vec<Value> =
        alternatives.into_iter().filter(|one| *one != null).flat_map(alternatives_of).collect();
    if let [Value::Object(one)] = others.as_mut_slice()
        && !one.contains_key("enum")
        && let Some(Value::String(kind)) = one.get("type")
    {
        let kinds = json!([kind, "null"]);
        one.insert("type".to_owned(), kinds);
        one.extend(schema);
        return Value::Object(std::mem::take(one));
    }
    others.push(null);
    schema.insert("oneOf".to_owned(), others.into());
    Value::Object(schema)
}

/// The alternatives of a schema that is nothing else; itself otherwise.
fn alternatives_of(schema: Value) -> Vec<Value> {
    match schema {
        Value::Object(mut one) if one.len() == 1 && one.contains_key("oneOf") => match one.remove("oneOf") {
            Some(Value::Array(several)) => several,
            _ => Vec::new(),
        },
        other => vec![other],
    }
}

/// The beginning of the description of a property that is left out where it doesn't apply.
const LEFT_OUT: &str = "Left out ";

fn is_left_out(schema: &Value) -> bool {
    schema.get("description").and_then(Value::as_str).is_some_and(|text| text.starts_with(LEFT_OUT))
}

/// The same for something that is sent: every field is always there. It is open, so that a client that
/// is made today understands the objects of tomorrow: more fields, more values, longer texts.
pub(super) fn sent(schema: Value) -> Value {
    match schema {
        Value::Array(schemas) => schemas.into_iter().map(sent).collect(),
        Value::Object(schema) => {
            nullable(opened(schema.into_iter().map(|(name, schema)| (name, sent(schema))).collect()))
        }
        other => other,
    }
}

fn opened(mut schema: Map<String, Value>) -> Map<String, Value> {
    schema.retain(|name, _| name != "default" && !LENGTHS.contains(&name.as_str()));
    let has_names = schema.get("additionalProperties").is_some_and(Value::is_object);
    if is_object(&schema) && !has_names {
        schema.insert("additionalProperties".to_owned(), true.into());
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        // One value of `object` names the kind of its object, for ever.
        for (_, property) in properties.iter_mut().filter(|(name, _)| *name != "object") {
            open_one_value(property);
        }
        let is_there = |(_, property): &(&String, &Value)| !is_left_out(property);
        let mut names: Vec<_> = properties.iter().filter(is_there).map(|(name, _)| name.clone()).collect();
        names.sort();
        schema.insert("required".to_owned(), names.into());
    }
    if let Some(items) = schema.get_mut("items") {
        open_one_value(items);
    }
    match schema.remove("enum") {
        // A lone value gets its meaning from its place.
        Some(Value::Array(values)) if values.len() == 1 => {
            schema.insert("enum".to_owned(), values.into());
        }
        Some(Value::Array(values)) => extend(&mut schema, values),
        _ => {}
    }
    schema
}

/// Opens an enumeration of one text, such as the type of a payment method while there is one.
fn open_one_value(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(Value::Array(values)) = schema.remove("enum") {
        if values.iter().all(Value::is_string) {
            extend(schema, values);
        } else {
            schema.insert("enum".to_owned(), values.into());
        }
    }
}

fn is_object(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        Some(kind) => kind == "object",
        None => false,
    }
}

/// Says which values a text has, and that others may come. No generator of clients knows an enumeration that
/// is open.
fn extend(schema: &mut Map<String, Value>, values: Vec<Value>) {
    let names: Vec<String> =
        values.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
    let known = format!("Known values: {}; others may come.", names.join(", "));
    let description = match schema.get("description").and_then(Value::as_str) {
        Some(before) => format!("{before} {known}"),
        None => known,
    };
    schema.insert("description".to_owned(), description.into());
    schema.insert(KNOWN.to_owned(), values.into());
}

/// A text that is sent and has that value today.
pub(super) fn text_that_may_change(value: &str) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "string".into());
    extend(&mut schema, vec![value.into()]);
    Value::Object(schema)
}

/// A reference to a component.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object that is sent with these properties, all of them there.
pub(crate) fn object(properties: &Value) -> Value {
    sent(json!({ "type": "object", "properties": properties }))
}

/// A page of search results.
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
