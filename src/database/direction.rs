//! Lists in both directions: a statement is written once, and its other direction is derived from it.

use super::rewritten;

/// The mark behind each `order by` of a [`BothWays`]. PostgreSQL refuses a statement that still has it.
pub const DIRECTION: &str = ":direction";

/// A list's statement in both directions. It is written once, with [`DIRECTION`] behind each `order by`. The
/// range that it reads comes with its parameters.
#[derive(Debug)]
pub struct BothWays {
    /// The text that reads the newest rows first.
    pub newest_first: String,
    /// The text that reads the oldest rows first.
    pub oldest_first: String,
}

impl BothWays {
    /// Derives both texts from the marked one.
    ///
    /// # Panics
    /// If a mark is missing or stands elsewhere. That is a mistake in this code.
    #[must_use]
    pub fn of(sql: &str) -> Self {
        for line in sql.lines() {
            let (orders, marks) = (line.matches("order by").count(), line.matches(DIRECTION).count());
            assert_eq!(
                orders, marks,
                "each `order by`, and nothing else, has {DIRECTION} in its line: {line}"
            );
        }
        Self {
            newest_first: rewritten(sql, DIRECTION, "desc"),
            oldest_first: rewritten(sql, DIRECTION, "asc"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn one_text_reads_both_ways() {
        let sql = "select id from (select id from t order by id :direction limit $1) found\n \
                   order by id :direction";
        let BothWays { newest_first, oldest_first } = BothWays::of(sql);
        assert_eq!(
            newest_first,
            "select id from (select id from t order by id desc limit $1) found\n order by id desc"
        );
        assert_eq!(
            oldest_first,
            "select id from (select id from t order by id asc limit $1) found\n order by id asc"
        );
    }

    #[test]
    fn a_missing_mark_is_noticed() {
        for wrong in [
            "select 1",
            "select id from t order by id",
            "select id from t order by id desc",
            "with f as (select id from t order by id :direction limit $1)\nselect id from f order by id",
            "with f as (select id from t order by id limit $1) select id from f order by id :direction",
            "-- A list that reads :direction.\nselect id from t order by id :direction",
        ] {
            assert!(catch_unwind(|| BothWays::of(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_replaced_has_to_be_there() {
        assert_eq!(rewritten("select $1, $2", "$2", "false"), "select $1, false");
        assert!(catch_unwind(|| rewritten("select $1", "$2", "false")).is_err());
    }
}
