//! Columns by their names, looked up once for all rows of a statement.

use tokio_postgres::Row;

/// The index of a column. A name is looked up among all names of a row, so a statement with many columns and
/// many rows does that once.
///
/// # Panics
/// If the statement has no such column. That is a mistake in this code, as with [`Row::get`].
pub(super) fn column(row: &Row, name: &str) -> usize {
    let index = row.columns().iter().position(|column| column.name() == name);
    index.unwrap_or_else(|| panic!("the statement has no column {name}"))
}
