//! Events, as they are sent to receivers.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;

use super::schemas::{object, reference, text_that_may_change};
use crate::contract::{self, API_VERSION, EventType, Subject};
use crate::domain::subjects::described;

/// An object of any other kind.
pub(super) const OTHER: &str = "OtherObject";

/// The type in Python of something in a webhook. openapi-generator finds none by itself there, and its client
/// doesn't compile.
const PYTHON_TYPE: &str = "x-py-typing";

/// The requests that a receiver is sent, one for each type of event.
pub(super) fn all() -> Value {
    let one = |event_type: &EventType| {
        let name = event_type.as_str();
        let title = title_of(name);
        let about = described(event_type.subject()).component;
        let mut schema = event(&[name], &reference(about), is_change(*event_type));
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("title".to_owned(), title.clone().into());
        }
        let operation = json!({
            "post": {
                "operationId": format!("webhook_{}", name.replace('.', "_")),
                "tags": ["webhooks"],
                "summary": format!("Sent when {} to endpoints that ask for it.", name),
                "parameters": headers(),
                "requestBody": {
                    "required": true,
                    "content": { "application/json": { "schema": schema } },
                    PYTHON_TYPE: title,
                },
                "responses": { "2XX": { "description": "Taken. Anything else is tried again; 410 disables \
                                                        the endpoint." } },
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
    let names = Subject::ALL.iter().map(|subject| described(*subject).component).chain([OTHER]);
    let objects: Vec<_> = names.map(reference).collect();
    let mut schema = event(&types, &json!({ "oneOf": objects }), true);
    let required = schema.pointer_mut("/properties/data/required");
    if let Some(required) = required {
        *required = json!(["object"]);
    }
    schema
}

/// An object that an event may be about one day, and that nothing is known of but that it is none of the
/// others.
pub(super) fn other_object() -> Value {
    let known: Vec<_> =
        Subject::ALL.iter().map(|subject| subject.resource().object.replace('.', "\\.")).collect();
    let pattern = format!("^(?!({})$)", known.join("|"));
    let mut schema = object(&json!({ "object": { "type": "string", "pattern": pattern } }));
    if let Some(schema) = schema.as_object_mut() {
        schema
            .insert("description".to_owned(), "An object of a kind that is newer than this document.".into());
    }
    schema
}

/// The name of an event of that type: `CustomerCreatedEvent`.
fn title_of(event_type: &str) -> String {
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    event_type.split(['.', '_']).map(capitalised).collect::<String>() + "Event"
}

/// True for a type whose events have the former values.
fn is_change(event_type: EventType) -> bool {
    !event_type.is_first() && !event_type.as_str().ends_with(".deleted")
}

fn event(types: &[&str], of: &Value, with_previous: bool) -> Value {
    let mut data = json!({ "object": of });
    if with_previous {
        let previous = json!({
            "type": "object",
            "description": "The fields that have changed, as they were. Of metadata and other hashes only \
                            what has changed.",
        });
        data = json!({ "object": of, "previous_attributes": previous });
    }
    let text_or_null = json!({ "type": ["string", "null"] });
    let request = json!({
        "type": "object",
        "title": "EventRequest",
        "properties": { "id": text_or_null, "idempotency_key": text_or_null },
    });
    object(&json!({
        "id": serde_json::to_value(contract::Event::schema()).unwrap_or_default(),
        "object": { "type": "string", "enum": ["event"] },
        "api_version": text_that_may_change(API_VERSION),
        "created": { "type": "integer", "format": "int64" },
        "data": object(&data),
        "livemode": { "type": "boolean" },
        "pending_webhooks": { "type": "integer", "minimum": 0 },
        "request": request,
        "type": { "type": "string", "enum": types },
        "version": {
            "type": "integer", "minimum": 1,
            "description": "Counts the events of the object, without holes.",
        },
    }))
}

fn headers() -> Value {
    let header = |name: &str, description: &str| {
        json!({
            "name": name,
            "in": "header",
            "required": true,
            "schema": { "type": "string" },
            "description": description,
            PYTHON_TYPE: "str",
        })
    };
    json!([
        header("Stripe-Signature", "t=<seconds>,v1=<hex>, a v1 for each live secret."),
        header("Calmony-Signature", "The same."),
        header("webhook-id", "The event's id, the same in every attempt."),
        header("webhook-timestamp", "Of the attempt, in Unix seconds."),
        header("webhook-signature", "v1,<base64>, one for each live secret, with spaces between."),
    ])
}
