//! Reading an answer of the API: what the commands and the dashboard, which are clients of it, show of one.

use serde_json::Value;

use crate::clock::Timestamp;

/// A text at a place in an answer; empty where there is none.
#[must_use]
pub fn text(value: &Value, place: &str) -> String {
    match value.pointer(place) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A time at a place in an answer, as RFC 3339; empty where there is none.
#[must_use]
pub fn time(value: &Value, place: &str) -> String {
    let seconds = value.pointer(place).and_then(Value::as_u64);
    seconds.map(|seconds| Timestamp::from_seconds(seconds).rfc3339()).unwrap_or_default()
}
