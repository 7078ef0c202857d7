//! Output for people: aligned columns, times, and the changes between two states.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;

pub(crate) use crate::answer::{text, time};
use crate::domain::diff::{self, Change};
use crate::output::{in_line, say};

/// Prints rows below their headings, without lines between. No text ends a line that it stands in.
pub(crate) fn print(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(headings);
    let cells = |row: Vec<String>| row.iter().map(|cell| in_line(cell)).collect::<Vec<_>>();
    table.add_rows(rows.into_iter().map(cells));
    for line in table.lines() {
        say(line.trim_end());
    }
}

/// The changes of an event, a line a field: the former value and the new one.
pub(crate) fn changes(event: &Value) -> Vec<String> {
    let line = |Change { field, was, is }| in_line(&format!("{field}: {was} -> {is}"));
    diff::changes(event).into_iter().map(line).collect()
}
