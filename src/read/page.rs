//! Pages of a list: newest first, by cursors that are the objects' own ids.

/// Which page of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many entries at the most.
    pub limit: usize,
    /// From where.
    pub direction: Direction,
}

/// From where a page goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direction {
    /// The newest entries.
    Newest,
    /// Those next older than this one.
    After(String),
    /// Those next newer than this one.
    Before(String),
}

/// A page as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries, newest first.
    pub entries: Vec<T>,
    /// Whether there are more in the direction that was asked for.
    pub has_more: bool,
}

impl Page {
    /// How many rows to ask the database for: one more than wanted tells whether there are more.
    pub(super) fn rows(&self) -> i64 {
        i64::try_from(self.limit).map_or(i64::MAX, |limit| limit.saturating_add(1))
    }

    /// Whether rows are read oldest first, from the cursor on.
    pub(super) fn reads_forwards(&self) -> bool {
        matches!(self.direction, Direction::Before(_))
    }

    /// Makes the page of the rows that were read in this page's direction.
    pub(super) fn listed<T>(&self, mut rows: Vec<T>) -> Listed<T> {
        let has_more = rows.len() > self.limit;
        rows.truncate(self.limit);
        if self.reads_forwards() {
            rows.reverse();
        }
        Listed { entries: rows, has_more }
    }
}
