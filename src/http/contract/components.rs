//! What answers are made of.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::schemas::{KNOWN, object, reference, schema_of, sent};
use crate::contract::{self, Kind};
use crate::domain::customer::Customer;
use crate::domain::replay::Replay;
use crate::domain::webhook_endpoint::WebhookEndpoint;
use crate::http::request::expand::FIELDS;
use crate::http::resources::{deliveries, endpoint_health, replays};

/// The schemas of everything that is sent, but for events, lists and errors.
pub(super) fn all() -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |name: &str, schema| all.insert(name.to_owned(), schema);
    add("Customer", sent(schema_of::<Customer>()));
    add("DeletedCustomer", deleted::<contract::Customer>());
    add("WebhookEndpoint", sent(schema_of::<WebhookEndpoint>()));
    add(
        "WebhookEndpointWithSecret",
        with::<WebhookEndpoint>("secret", json!({ "type": "string", "pattern": "^whsec_" })),
    );
    add("DeletedWebhookEndpoint", deleted::<contract::WebhookEndpoint>());
    add("Replay", sent(schema_of::<Replay>()));
    add("ReplayWithProgress", with::<Replay>("progress", progress()));
    add("ReplayPreview", sent(schema_of::<replays::Preview>()));
    add("Delivery", sent(schema_of::<deliveries::Shown<'_>>()));
    add("WebhookEndpointHealth", sent(schema_of::<endpoint_health::Health>()));
    for (component, fields) in FIELDS {
        for (field, becomes) in *fields {
            if let Some(schema) = all.get_mut(*component).filter(|_| !becomes.is_empty()) {
                may_expand(schema, field, becomes);
            }
        }
    }
    all
}

/// Lets a field be an object where it holds an id.
fn may_expand(schema: &mut Value, name: &str, components: &[&str]) {
    let Some(field) = schema.pointer_mut(&format!("/properties/{name}")) else { return };
    let mut id = field.take();
    let kind = id.get("type").and_then(Value::as_array).and_then(|kinds| kinds.first().cloned());
    let null = kind.is_some().then(|| json!({ "type": "null" }));
    if let (Some(kind), Some(id)) = (kind, id.as_object_mut()) {
        id.insert("type".to_owned(), kind);
    }
    let objects = components.iter().map(|name| reference(name));
    let alternatives: Vec<Value> = std::iter::once(id).chain(objects).chain(null).collect();
    *field = json!({ "oneOf": alternatives });
}

/// A `T` with one thing more.
fn with<T: ToSchema>(name: &str, schema: Value) -> Value {
    let mut whole = schema_of::<T>();
    if let Some(properties) = whole.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(name.to_owned(), schema);
    }
    sent(whole)
}

/// What is left of a deleted object.
fn deleted<K: Kind + ToSchema>() -> Value {
    object(&json!({
        "id": serde_json::to_value(K::schema()).unwrap_or_default(),
        "object": { "type": "string", "enum": [K::RESOURCE.object] },
        // An enumeration of booleans is more than some generators of clients can do.
        "deleted": { "type": "boolean", "description": "Always true.", KNOWN: [true] },
    }))
}

fn progress() -> Value {
    let progress = object(&json!({
        "fraction": { "type": "number", "minimum": 0, "maximum": 1, "description": "How much of its part of the log is behind it." },
        "owed": { "type": "integer", "description": "Deliveries it has owed so far." },
        "waiting": { "type": "integer", "description": "Deliveries that wait for the endpoint, 100,000 at the most." },
    }));
    json!({ "oneOf": [progress, { "type": "null" }] })
}
