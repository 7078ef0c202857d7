//! Events: what receivers are sent.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;

use super::schemas::{object, reference};
use crate::contract::{self, API_VERSION, EventType};

/// For every type of event what a receiver is sent.
pub(super) fn all() -> Value {
    let one = |event_type: &EventType| {
        let name = event_type.as_str();
        let operation = json!({
            "post": {
                "summary": format!("Sent when {} to endpoints that ask for it.", name),
                "parameters": headers(),
                "requestBody": {
                    "required": true,
                    "content": { "application/json": { "schema": event(&[name], &reference(component_of(name)), is_change(name)) } },
                },
                "responses": { "2XX": { "description": "Taken. Anything else is tried again; 410 disables the endpoint." } },
                "security": [],
            },
        });
        (name.to_owned(), operation)
    };
    Value::Object(EventType::ALL.iter().map(one).collect::<Map<_, _>>())
}

/// Any event, as the API shows it.
pub(super) fn any_event() -> Value {
    let types: Vec<_> = EventType::ALL.iter().map(|known| known.as_str()).collect();
    let objects = ["Customer", "Replay", "WebhookEndpoint"].map(reference);
    let mut schema = event(&types, &json!({ "oneOf": objects }), true);
    let required = schema.pointer_mut("/properties/data/required");
    if let Some(required) = required {
        *required = json!(["object"]);
    }
    schema
}

/// Whether events of that type say what was before.
fn is_change(event_type: &str) -> bool {
    !event_type.ends_with(".created") && !event_type.ends_with(".deleted")
}

/// The component of the objects that events of that type are about.
fn component_of(event_type: &str) -> &'static str {
    match event_type.rsplit_once('.').map_or("", |(object, _)| object) {
        "customer" => "Customer",
        "replay" => "Replay",
        _ => "WebhookEndpoint",
    }
}

fn event(types: &[&str], of: &Value, with_previous: bool) -> Value {
    let mut data = json!({ "object": of });
    if with_previous {
        let previous = json!({
            "type": "object",
            "description": "The fields that have changed, as they were. Of metadata and other hashes only what has changed.",
        });
        data = json!({ "object": of, "previous_attributes": previous });
    }
    let text_or_null = json!({ "type": ["string", "null"] });
    object(&json!({
        "id": serde_json::to_value(contract::Event::schema()).unwrap_or_default(),
        "object": { "type": "string", "enum": ["event"] },
        "api_version": { "type": "string", "enum": [API_VERSION] },
        "created": { "type": "integer", "format": "int64" },
        "data": object(&data),
        "livemode": { "type": "boolean" },
        "pending_webhooks": { "type": "integer", "minimum": 0 },
        "request": object(&json!({ "id": text_or_null, "idempotency_key": text_or_null })),
        "type": { "type": "string", "enum": types },
        "version": { "type": "integer", "minimum": 1, "description": "Counts the events of the object, without holes." },
    }))
}

fn headers() -> Value {
    let header = |name: &str, description: &str| json!({ "name": name, "in": "header", "required": true, "schema": { "type": "string" }, "description": description });
    json!([
        header("Stripe-Signature", "t=<seconds>,v1=<hex>, a v1 for each live secret."),
        header("Calmony-Signature", "The same."),
        header("webhook-id", "The event's id, the same in every attempt."),
        header("webhook-timestamp", "Of the attempt, in Unix seconds."),
        header("webhook-signature", "v1,<base64>, one for each live secret, with spaces between."),
    ])
}
