//! What people read: aligned columns, times, and what changed between two states.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;

use super::say;
use crate::clock::Timestamp;
use crate::domain::diff::{self, Change};

/// Prints rows below their headings, without lines between.
pub(super) fn print(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(headings);
    table.add_rows(rows);
    for line in table.lines() {
        say(line.trim_end());
    }
}

/// A text at a place in an answer; empty where there is none.
pub(super) fn text(value: &Value, place: &str) -> String {
    match value.pointer(place) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A time at a place in an answer, as RFC 3339; empty where there is none.
pub(super) fn time(value: &Value, place: &str) -> String {
    let seconds = value.pointer(place).and_then(Value::as_u64);
    seconds.map(|seconds| rfc3339(Timestamp::from_seconds(seconds))).unwrap_or_default()
}

/// A time as RFC 3339, in whole seconds.
pub(super) fn rfc3339(at: Timestamp) -> String {
    humantime::format_rfc3339_seconds(at.system_time()).to_string()
}

/// What an event changed, a line a field: the former value and the new one.
pub(super) fn changes(event: &Value) -> Vec<String> {
    let line = |Change { field, was, is }| format!("{field}: {was} -> {is}");
    diff::changes(event).into_iter().map(line).collect()
}
