//! The events of one statement as its parameters, an array a column.
//!
//! A statement has its parameters by number. Here each stands beside the name of its column, in the one
//! list that a statement is given; a test compares the names with the numbers in the SQL.

use std::collections::BTreeSet;
use std::time::SystemTime;

use tokio_postgres::types::ToSql;

use super::NewSecret;
use super::idempotency::Answer;
use super::waiting::Append;
use crate::domain::Fact;

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
    group: Vec<Option<&'a str>>,
    place: Vec<Option<i16>>,
    size: Vec<Option<i16>>,
    /// At one event of an append whose answer is stored.
    fingerprint: Vec<Option<Vec<u8>>>,
    /// True if that event's object is the answer.
    has_answer: Vec<bool>,
    answer: Vec<Option<&'a str>>,
    sealed_with: Vec<Option<&'a str>>,
    /// The objects that the decisions only read.
    guards: String,
    /// The channel on which the commit wakes the workers.
    wake_on: Option<&'a str>,
    /// True if the answer to any of the events is stored.
    pub(super) is_any_keyed: bool,
}

/// One event: its append, its place in it, its id and its fact.
type Row<'a> = (&'a Append, usize, &'a str, &'a Fact);

impl<'a> Columns<'a> {
    /// The columns of the events of these appends.
    pub(super) fn new(appends: &[&'a Append], wake_on: Option<&'a str>) -> Self {
        fn column<'a, T>(rows: &[Row<'a>], field: impl Fn(&Row<'a>) -> T) -> Vec<T> {
            rows.iter().map(field).collect()
        }
        /// The place of an event, or another value that only groups have.
        fn of_group<T>((append, ..): &Row<'_>, value: T) -> Option<T> {
            (append.facts.len() > 1).then_some(value)
        }
        fn small(number: usize) -> i16 {
            i16::try_from(number).unwrap_or(i16::MAX)
        }
        /// True at the event that stands for the caller's answer.
        fn answers((append, place, ..): &Row<'_>) -> bool {
            *place == append.answering.unwrap_or(0)
        }
        let rows = |append: &&'a Append| {
            let append = *append;
            let rows = append.facts.iter().enumerate();
            rows.map(move |(place, (event, fact))| (append, place, event.as_str(), fact))
        };
        let rows: Vec<Row<'a>> = appends.iter().flat_map(rows).collect();
        let answer = |row: &Row<'a>| row.0.answer.as_ref().filter(|_| answers(row)).map(Answer::columns);
        Self {
            account: column(&rows, |(append, ..)| append.cause.account),
            id: column(&rows, |row| row.2),
            stream: column(&rows, |(.., fact)| fact.stream.as_str()),
            version: column(&rows, |(.., fact)| fact.version),
            event_type: column(&rows, |(.., fact)| fact.event_type.as_str()),
            deleted: column(&rows, |(.., fact)| fact.deletes),
            data: column(&rows, |(.., fact)| fact.data.as_str()),
            previous: column(&rows, |(.., fact)| fact.previous.as_deref()),
            internal: column(&rows, |(.., fact)| fact.internal.as_deref()),
            request_id: column(&rows, |(append, ..)| append.cause.request_id.as_deref()),
            idempotency_key: column(&rows, |(append, ..)| append.cause.idempotency_key.as_deref()),
            created_at: column(&rows, |(append, ..)| append.at.system_time()),
            trace: column(&rows, |(append, ..)| append.cause.trace.map(|trace| trace.to_string())),
            group: column(&rows, |row| of_group(row, row.0.event())),
            place: column(&rows, |row| of_group(row, small(row.1 + 1))),
            size: column(&rows, |row| of_group(row, small(row.0.facts.len()))),
            fingerprint: column(&rows, |row| {
                row.0.cause.fingerprint.filter(|_| answers(row)).map(|known| known.bytes())
            }),
            has_answer: column(&rows, |(append, ..)| append.answering.is_some()),
            answer: column(&rows, |row| answer(row).map(|(text, _)| text)),
            sealed_with: column(&rows, |row| answer(row)?.1),
            guards: guards(appends),
            wake_on,
            is_any_keyed: appends.iter().any(|append| append.cause.fingerprint.is_some()),
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

    /// The parameters of `append_groups.sql`.
    pub(super) fn parameters_of_groups(&self) -> Vec<Named<'_>> {
        let groups: [Named<'_>; 3] = [("group", &self.group), ("place", &self.place), ("size", &self.size)];
        let [fingerprint, answer, sealed_with] = self.answer_columns();
        let answers = [fingerprint, ("has_answer", &self.has_answer), answer, sealed_with];
        let others: [Named<'_>; 2] = [("guards", &self.guards), ("wake_on", &self.wake_on)];
        [&self.event_columns()[..], &groups, &answers, &others].concat()
    }

    /// The parameters of `append_with_secret.sql`.
    pub(super) fn parameters_with_secret<'b>(&'b self, secret: &'b NewSecret) -> Vec<Named<'b>> {
        let NewSecret { sealed, overlap_seconds } = secret;
        let secret: Vec<Named<'b>> =
            vec![("key_id", &sealed.key_id), ("sealed", &sealed.text), ("overlap_seconds", overlap_seconds)];
        [self.event_columns().to_vec(), self.answer_columns().to_vec(), secret].concat()
    }
}

/// The objects that some decisions only read, as the triggers expect them: `[[account, id, version], …]`.
fn guards(appends: &[&Append]) -> String {
    let of = |append: &&Append| {
        let account = append.cause.account;
        append.guards.iter().map(move |(id, version)| (account, id.clone(), *version)).collect::<Vec<_>>()
    };
    let all: BTreeSet<(i64, String, i64)> = appends.iter().flat_map(of).collect();
    serde_json::json!(all).to_string()
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

    #[test]
    fn each_column_of_a_group_has_the_number_of_its_argument() {
        let columns = Columns::new(&[], None);
        let sql = include_str!("sql/append_groups.sql");
        let arguments = part(sql, "append_groups(", ") as appended");
        let given = columns.parameters_of_groups().into_iter().map(|(name, _)| name);
        let arguments = arguments.split(',').map(|text| text.split("=>").next().unwrap_or("").trim());
        let pairs: Vec<_> = arguments.zip(given).collect();
        let expected = [
            ("accounts", "account"),
            ("ids", "id"),
            ("streams", "stream"),
            ("versions", "version"),
            ("types", "type"),
            ("ends", "deleted"),
            ("states", "data"),
            ("previous_states", "previous"),
            ("internals", "internal"),
            ("requests", "request_id"),
            ("keys", "idempotency_key"),
            ("moments", "created_at"),
            ("traces", "trace"),
            ("groups", "group"),
            ("places", "place"),
            ("sizes", "size"),
            ("key_is_for", "fingerprint"),
            ("has_answer", "has_answer"),
            ("answers", "answer"),
            ("sealed_with", "sealed_with"),
            ("guards", "guards"),
        ];
        assert_eq!(pairs, expected);
        let in_order: Vec<_> = (1..=expected.len()).collect();
        assert_eq!(numbers(sql, "append_groups(", ") as appended"), in_order);
        assert_eq!(numbers(sql, ") as appended", "then pg_notify"), [22]);
        assert_eq!(columns.parameters_of_groups().last().map(|(name, _)| *name), Some("wake_on"));
    }
}
