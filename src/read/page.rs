//! Pages of a list: newest first, by cursors that are the objects' own ids, bounded in rows and in bytes.

use std::convert::identity;

use crate::database::BothWays;

/// The most bytes of data of a page. Its first entry is shown at any size.
pub const BYTES_MAX: i64 = 1024 * 1024;

/// The page of a list that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The most entries.
    pub limit: usize,
    /// The place that it goes on from.
    pub direction: Direction,
}

/// The place that a page goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direction {
    /// The newest entries.
    Newest,
    /// The entries next older than this one.
    After(String),
    /// The entries next newer than this one.
    Before(String),
}

/// A page as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries, newest first.
    pub entries: Vec<T>,
    /// True if there are more in the direction of the page.
    pub has_more: bool,
}

impl Page {
    /// The number of rows to ask the database for: one more than wanted tells whether there are more.
    pub(super) fn rows(&self) -> i64 {
        i64::try_from(self.limit).map_or(i64::MAX, |limit| limit.saturating_add(1))
    }

    /// True if rows are read oldest first, from the cursor on.
    pub(super) fn reads_forwards(&self) -> bool {
        matches!(self.direction, Direction::Before(_))
    }

    /// The statement of a list that reads in this page's direction.
    pub(super) fn statement(&self, list: &'static BothWays) -> &'static str {
        if self.reads_forwards() { &list.oldest_first } else { &list.newest_first }
    }

    /// Makes the page of the rows that were read in this page's direction. It ends before the first of them
    /// that came without its data, because that was past the bytes of a page.
    pub(super) fn listed<T>(&self, rows: impl ExactSizeIterator<Item = Option<T>>) -> Listed<T> {
        let read = rows.len();
        let mut entries: Vec<T> = rows.take(self.limit).map_while(identity).collect();
        let has_more = read > entries.len();
        if self.reads_forwards() {
            entries.reverse();
        }
        Listed { entries, has_more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(direction: Direction, rows: &[Option<u8>]) -> (Vec<u8>, bool) {
        let Listed { entries, has_more } = Page { limit: 3, direction }.listed(rows.iter().copied());
        (entries, has_more)
    }

    #[test]
    fn a_page_ends_with_its_rows_or_with_its_bytes() {
        let newest = |rows: &[Option<u8>]| listed(Direction::Newest, rows);
        assert_eq!(newest(&[]), (vec![], false));
        assert_eq!(newest(&[Some(3), Some(2), Some(1)]), (vec![3, 2, 1], false));
        assert_eq!(newest(&[Some(3), Some(2), Some(1), Some(0)]), (vec![3, 2, 1], true));
        assert_eq!(newest(&[Some(3), Some(2), Some(1), None]), (vec![3, 2, 1], true));
        assert_eq!(newest(&[Some(3), None]), (vec![3], true));
        assert_eq!(newest(&[Some(3), None, None, None]), (vec![3], true));
    }

    #[test]
    fn a_page_that_goes_forwards_keeps_what_is_next_to_its_cursor() {
        let after = |rows: &[Option<u8>]| listed(Direction::Before("x".to_owned()), rows);
        assert_eq!(after(&[Some(1), Some(2), None, None]), (vec![2, 1], true));
        assert_eq!(after(&[Some(1), Some(2), Some(3)]), (vec![3, 2, 1], false));
    }
}
