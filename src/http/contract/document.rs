//! The contract as a document: OpenAPI 3.1, made of the list of routes and of the types that handlers
//! read and send.
//!
//! `schema/openapi.json` is this document, pinned: a test fails when the two differ. Served at
//! `/openapi.json`, and for people at `/docs`.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::routes::routes;
use super::{component, operations, page, schemas, webhooks};
use crate::contract::{API_VERSION, ErrorCode, EventType, RESOURCES};
use crate::http::error;

/// The document. The same program always makes the same one.
#[must_use]
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(build);
    &DOCUMENT
}

/// `/openapi.json`.
pub(crate) async fn serve() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str())
}

/// `/docs`.
pub(crate) async fn serve_page() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| page::render(document()));
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    (
        [(CONTENT_TYPE.as_str(), "text/html; charset=utf-8"), ("content-security-policy", policy)],
        TEXT.as_str(),
    )
}

fn build() -> Value {
    let prefixes: Map<String, Value> =
        RESOURCES.iter().map(|known| (format!("{}_", known.prefix), known.object.into())).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Calmony Pay",
            "version": API_VERSION,
            "description": "A Stripe-shaped payments API. Every mutation is an event, and every event is a \
                            webhook. Forms with \
                            brackets and JSON are both taken; amounts are integers, times are Unix seconds. \
                            An empty value in a body takes a field away; in a query it is refused.",
        },
        "security": [{ "bearer": [] }, { "basic": [] }],
        "x-id-prefixes": prefixes,
        "x-event-types": EventType::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>(),
        "paths": paths(),
        "webhooks": webhooks::all(),
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": { "type": "http", "scheme": "basic", "description": "The key as the user name, no \
                password." },
            },
            "schemas": components(),
        },
    })
}

fn paths() -> Value {
    let mut paths = Map::new();
    for route in routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_ascii_lowercase(), operations::operation(&route));
        }
    }
    Value::Object(paths)
}

fn components() -> Value {
    let mut all = component::subjects();
    for answer in routes().iter().flat_map(|route| &route.answers) {
        answer.add_to(&mut all);
    }
    all.insert("Error".to_owned(), error_schema());
    all.extend(operations::bodies());
    Value::Object(all)
}

fn error_schema() -> Value {
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let mut envelope = schemas::object(&json!({
        "error": {
            "type": "object",
            "properties": {
                "advice_code": { "type": "string", "description": "The issuer's advice on a declined card." },
                "charge": { "type": "string", "description": "The charge that was declined." },
                "decline_code": { "type": "string", "description": "The issuer's reason to decline." },
                "code": { "type": "string", "enum": codes, "description": "What a program branches on." },
                "message": { "type": "string", "description": "What people read." },
                "payment_intent": schemas::reference("PaymentIntent"),
                "payment_method": schemas::reference("PaymentMethod"),
                "payment_method_type": { "type": "string" },
                "setup_intent": schemas::reference("SetupIntent"),
                "param": { "type": "string", "description": "Which parameter it is about, as a path with \
                brackets." },
                "type": { "type": "string", "enum": error::TYPES },
            },
        },
    }));
    if let Some(required) = envelope.pointer_mut("/properties/error/required") {
        *required = json!(["type", "message"]);
    }
    envelope
}
