//! What people read: aligned columns, times, and what changed between two states.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;

use super::say;
pub(super) use crate::answer::{text, time};
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

/// What an event changed, a line a field: the former value and the new one.
pub(super) fn changes(event: &Value) -> Vec<String> {
    let line = |Change { field, was, is }| format!("{field}: {was} -> {is}");
    diff::changes(event).into_iter().map(line).collect()
}
