//! Reading answers of the API, for its clients: the commands and the dashboard.

use serde_json::Value;

use crate::clock::Timestamp;

/// The text at a place in an answer; empty if the place has none.
#[must_use]
pub fn text(value: &Value, place: &str) -> String {
    match value.pointer(place) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The time at a place in an answer, as RFC 3339; empty if the place has none.
#[must_use]
pub fn time(value: &Value, place: &str) -> String {
    let seconds = value.pointer(place).and_then(Value::as_u64);
    seconds.map(|seconds| Timestamp::from_seconds(seconds).rfc3339()).unwrap_or_default()
}
