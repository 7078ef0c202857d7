//! The appends that PostgreSQL manages without the product: `pgbench` of the same row, as an API would
//! append it that doesn't combine appends, and by the statement that combines them.

use std::time::Duration;

use calmony_pay::cli::dev::programs;
use calmony_pay::database::WAKE_CHANNEL;
use calmony_pay::log::{APPEND_GROUPS, APPEND_ONE, append_keyless};
use tokio::process::Command;

use super::report::Sample;
use super::stage::Stage;

/// The columns of one append as the API makes it for a customer, in the order of the statement that
/// combines them. `u` is the rest of an id. A colon before a letter would be a variable to pgbench.
const COLUMNS: [(&str, &str); 12] = [
    ("account", "1"),
    ("id", "'evt_01' || u"),
    ("stream", "'cus_01' || u"),
    ("version", "1"),
    ("type", "'customer.created'"),
    ("deleted", "false"),
    (
        "data",
        "'{\"id\":\"cus_01' || u || '\",\"object\":\"customer\",\"address\": null,\"balance\": 0,\
        \"created\": 1795297802,\"currency\": null,\
        \"default_source\": null,\"delinquent\": false,\"description\": null,\"discount\": null,\
        \"email\": null,\
        \"invoice_settings\":{\"custom_fields\": null,\"default_payment_method\": null,\"footer\": null,\
        \"rendering_options\": null},\
        \"livemode\": false,\"metadata\":{\"plan\":\"pro\"},\"name\":\"Ada Lovelace\",\"phone\": null,\
        \"preferred_locales\":[],\
        \"shipping\": null,\"tax_exempt\":\"none\",\"test_clock\": null}'",
    ),
    ("previous", "null"),
    ("internal", "null"),
    ("request_id", "'req_01' || u"),
    ("idempotency_key", "null"),
    ("created_at", "now()"),
];
/// The rest of an id, which rises with time as the API's own do.
const ID: &str = "select \
    lpad(upper(to_hex((extract(epoch from clock_timestamp()) * 1000000)::bigint)), 14, '0') \
    || upper(substr(md5(random()::text), 1, 10)) as u";

/// The same, of a variable of pgbench, which costs the statement nothing.
const GIVEN: &str = "lpad(upper(to_hex(:u::bigint)), 24, '0')";

/// The statement that appends an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// A plain INSERT of one row, whose commit wakes no worker; ids rise, as the API's do.
    Plain,
    /// The same with ids in any order, like those of the statements below.
    PlainInAnyOrder,
    /// The statement by which the API appends many events that wait together; here one.
    Combined,
    /// The statement by which it appends an event that comes alone.
    Alone,
    /// The same, and the commit wakes the workers, as it does with such an event.
    AloneAndWaking,
    /// The statement by which it appends so many events of one decision.
    Group(usize),
}

impl How {
    fn sql(self) -> String {
        match self {
            Self::Plain => plain("u", &format!(" from ({ID}) made")),
            Self::PlainInAnyOrder => format!("{VARIABLE}{}", plain(GIVEN, "")),
            Self::Combined => given(&append_keyless(), "null"),
            Self::Alone => given(APPEND_ONE, "null"),
            Self::AloneAndWaking => given(APPEND_ONE, &format!("'{WAKE_CHANNEL}'")),
            Self::Group(size) => group(size),
        }
    }
}

/// Sets the variable.
const VARIABLE: &str = "\\set u random(1, 1000000000000000000)\n";

fn plain(id: &str, from: &str) -> String {
    let (names, values): (Vec<_>, Vec<_>) = COLUMNS.into_iter().unzip();
    let data =
        |value: &str| if value.starts_with("'{") { format!("({value})::json") } else { value.to_owned() };
    let values: Vec<_> = values.into_iter().map(|value| with_id(&data(value), id)).collect();
    format!("insert into calmony.event ({}) select {}{from};\n", names.join(", "), values.join(", "))
}

fn with_id(value: &str, id: &str) -> String {
    value.replace("|| u", &format!("|| {id}"))
}

/// The API's own statement, with the values in the place of its parameters.
fn given(sql: &str, wake_on: &str) -> String {
    let sql = sql.replace("$14", wake_on);
    let sql =
        ["$17", "$16", "$15", "$13"].iter().fold(sql, |sql, parameter| sql.replace(parameter, "array[null]"));
    let with_values = COLUMNS.iter().enumerate().rev().fold(sql, |sql, (index, (_, value))| {
        sql.replace(&format!("${}", index + 1), &format!("array[{}]", with_id(value, GIVEN)))
    });
    script(&with_values)
}

/// A statement that needs the variable, on one line.
fn script(sql: &str) -> String {
    let lines: Vec<_> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    format!("{VARIABLE}{};\n", lines.join(" "))
}

/// The API's own statement for a group of objects that are created together.
fn group(size: usize) -> String {
    let id = |place: usize| format!("lpad(upper(to_hex(:u::bigint + {place})), 24, '0')");
    let one = |name: &str, place| {
        let value = COLUMNS.iter().find(|column| column.0 == name).map(|column| column.1).unwrap_or_default();
        with_id(value, &id(place))
    };
    let each = |name: &str, kind: &str| {
        let values: Vec<_> = (0..size).map(|place| one(name, place)).collect();
        format!("array[{}]::{kind}[]", values.join(", "))
    };
    let all = |value: &str, kind: &str| format!("array[{}]::{kind}[]", vec![value; size].join(", "));
    let numbers = |kind: &str, number: &dyn Fn(usize) -> usize| {
        let numbers: Vec<_> = (1..=size).map(|place| number(place).to_string()).collect();
        format!("array[{}]::{kind}[]", numbers.join(", "))
    };
    let kind = |name| match name {
        "account" | "version" => "bigint",
        "deleted" => "boolean",
        "created_at" => "timestamptz",
        _ => "text",
    };
    let mut values: Vec<String> = COLUMNS.iter().map(|(name, _)| each(name, kind(name))).collect();
    values.push(all("null", "text"));
    values.push(all(&one("id", 0), "text"));
    values.extend([numbers("smallint", &|place| place), numbers("smallint", &|_| size)]);
    // No answer is stored; nothing was only read; no worker is woken.
    values.extend([all("null", "bytea"), all("false", "boolean"), all("null", "text"), all("null", "text")]);
    values.extend(["'[]'", "null"].map(ToOwned::to_owned));
    let given =
        |sql: String, (index, value): (usize, &String)| sql.replace(&format!("${}", index + 1), value);
    script(&values.iter().enumerate().rev().fold(APPEND_GROUPS.to_owned(), given))
}

/// Transactions a second of pgbench, under the API's role, triggers and all.
pub(super) async fn pgbench(stage: &Stage, clients: u32, slice: Duration) -> Sample {
    pgbench_of(stage, How::Plain, clients, slice).await
}

/// The same, of another statement.
pub(super) async fn pgbench_of(stage: &Stage, how: How, clients: u32, slice: Duration) -> Sample {
    let script = std::env::temp_dir().join(format!("calmony-bench-{}.sql", std::process::id()));
    std::fs::write(&script, how.sql()).unwrap();
    let threads = clients.min(2);
    let output = Command::new(programs::find().unwrap().join("pgbench"))
        .args(["-n", "-M", "prepared", "-c", &clients.to_string(), "-j", &threads.to_string()])
        .args(["-T", &slice.as_secs().to_string(), "-f"])
        .arg(&script)
        .arg(&stage.system.database.url)
        .env("PGOPTIONS", "-c role=calmony_api")
        .output()
        .await
        .unwrap();
    std::fs::remove_file(&script).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |line: &str| line.split(' ').next()?.parse().ok();
    let rate = text.lines().find_map(|line| number(line.strip_prefix("tps = ")?));
    let rate = rate.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    Sample::of_rate(rate)
}
