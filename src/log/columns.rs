//! The events of one statement as its parameters, an array a column.
//!
//! A statement has its parameters by number. Here each stands beside the name of its column, in the one
//! list that a statement is given; a test compares the names with the numbers in the SQL.

use std::time::SystemTime;

use tokio_postgres::types::ToSql;

use super::NewSecret;
use super::waiting::Append;

/// A parameter, and the name of its column.
pub(super) type Named<'a> = (&'static str, &'a (dyn ToSql + Sync));

/// The columns of some events, with an element for each event.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    account: Vec<i64>,
    id: Vec<&'a str>,
    stream: Vec<&'a str>,
    version: Vec<i64>,
    event_type: Vec<&'static str>,
    deleted: Vec<bool>,
    data: Vec<&'a str>,
    previous: Vec<Option<&'a str>>,
    internal: Vec<Option<&'a str>>,
    request_id: Vec<Option<&'a str>>,
    idempotency_key: Vec<Option<&'a str>>,
    created_at: Vec<SystemTime>,
    trace: Vec<Option<String>>,
    fingerprint: Vec<Option<Vec<u8>>>,
    answer: Vec<Option<&'a str>>,
    sealed_with: Vec<Option<&'a str>>,
    /// The channel on which the commit wakes the workers.
    wake_on: Option<&'a str>,
    /// True if the answer to any of the events is stored.
    pub(super) is_any_keyed: bool,
}

impl<'a> Columns<'a> {
    /// The columns of these events.
    pub(super) fn new(events: &[&'a Append], wake_on: Option<&'a str>) -> Self {
        fn column<'a, T>(events: &[&'a Append], field: impl Fn(&'a Append) -> T) -> Vec<T> {
            events.iter().map(|event| field(event)).collect()
        }
        Self {
            account: column(events, |event| event.cause.account),
            id: column(events, |event| event.event.as_str()),
            stream: column(events, |event| event.fact.stream.as_str()),
            version: column(events, |event| event.fact.version),
            event_type: column(events, |event| event.fact.event_type.as_str()),
            deleted: column(events, |event| event.fact.deletes),
            data: column(events, |event| event.fact.data.as_str()),
            previous: column(events, |event| event.fact.previous.as_deref()),
            internal: column(events, |event| event.fact.internal.as_deref()),
            request_id: column(events, |event| event.cause.request_id.as_deref()),
            idempotency_key: column(events, |event| event.cause.idempotency_key.as_deref()),
            created_at: column(events, |event| event.at.system_time()),
            trace: column(events, |event| event.cause.trace.map(|trace| trace.to_string())),
            fingerprint: column(events, |event| event.cause.fingerprint.map(|known| known.bytes())),
            answer: column(events, |event| event.answer.as_ref().map(|answer| answer.columns().0)),
            sealed_with: column(events, |event| event.answer.as_ref()?.columns().1),
            wake_on,
            is_any_keyed: events.iter().any(|event| event.cause.fingerprint.is_some()),
        }
    }

    /// The columns of the events themselves.
    fn event_columns(&self) -> [Named<'_>; 13] {
        [
            ("account", &self.account),
            ("id", &self.id),
            ("stream", &self.stream),
            ("version", &self.version),
            ("type", &self.event_type),
            ("deleted", &self.deleted),
            ("data", &self.data),
            ("previous", &self.previous),
            ("internal", &self.internal),
            ("request_id", &self.request_id),
            ("idempotency_key", &self.idempotency_key),
            ("created_at", &self.created_at),
            ("trace", &self.trace),
        ]
    }

    /// The columns of the answers that are stored with them.
    fn answer_columns(&self) -> [Named<'_>; 3] {
        [("fingerprint", &self.fingerprint), ("answer", &self.answer), ("sealed_with", &self.sealed_with)]
    }

    /// The parameters of `append.sql`. Its other forms need the first of them.
    pub(super) fn parameters(&self) -> Vec<Named<'_>> {
        let [event, answer] = [self.event_columns().to_vec(), self.answer_columns().to_vec()];
        [event, vec![("wake_on", &self.wake_on)], answer, vec![("is_any_keyed", &self.is_any_keyed)]].concat()
    }

    /// The parameters of `append_with_secret.sql`.
    pub(super) fn parameters_with_secret<'b>(&'b self, secret: &'b NewSecret) -> Vec<Named<'b>> {
        let NewSecret { sealed, overlap_seconds } = secret;
        let secret: Vec<Named<'b>> =
            vec![("key_id", &sealed.key_id), ("sealed", &sealed.text), ("overlap_seconds", overlap_seconds)];
        [self.event_columns().to_vec(), self.answer_columns().to_vec(), secret].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Sealed;

    /// The names of the columns between two marks of a statement.
    fn names(sql: &str, from: &str, to: &str) -> Vec<String> {
        part(sql, from, to).split(',').map(|name| name.trim().to_owned()).collect()
    }

    /// The numbers of the parameters between two marks of a statement.
    fn numbers(sql: &str, from: &str, to: &str) -> Vec<usize> {
        let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse();
        part(sql, from, to).split('$').skip(1).map(|text| number(text).expect("a number")).collect()
    }

    fn part<'a>(sql: &'a str, from: &str, to: &str) -> &'a str {
        let (_, rest) = sql.split_once(from).expect("the beginning");
        rest.split_once(to).expect("the end").0
    }

    /// The names that a list of parameters has for the numbers of a statement.
    fn named(list: &[Named<'_>], numbers: &[usize]) -> Vec<String> {
        numbers.iter().map(|number| list[number - 1].0.to_owned()).collect()
    }

    #[test]
    fn each_column_has_the_number_that_the_statements_give_it() {
        let columns = Columns::new(&[], None);
        let sealed = Sealed { key_id: String::new(), text: String::new() };
        let secret = NewSecret { sealed, overlap_seconds: None };
        let (batch, with_secret) = (columns.parameters(), columns.parameters_with_secret(&secret));
        for (sql, list) in [
            (include_str!("sql/append.sql"), &batch),
            (include_str!("sql/append_with_secret.sql"), &with_secret),
        ] {
            let numbers = numbers(sql, "unnest(", "as e (");
            assert_eq!(names(sql, "as e (", ")"), named(list, &numbers));
        }
        let one = include_str!("sql/append_one.sql");
        let columns_of_one = names(one, "calmony.event\n       (", ")\nvalues");
        assert_eq!(columns_of_one, named(&batch, &numbers(one, "values (", "on conflict")));
        assert_eq!(numbers(one, "returning id", "then pg_notify").first(), Some(&14));
        assert_eq!(batch[13].0, "wake_on");
        assert_eq!(batch[17].0, "is_any_keyed");
        let of_secret = numbers(
            include_str!("sql/append_with_secret.sql"),
            "insert into calmony.endpoint_secret",
            "interval",
        );
        assert_eq!(named(&with_secret, &of_secret), ["key_id", "sealed", "overlap_seconds"]);
    }
}
