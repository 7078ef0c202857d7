//! The world of the tests of card numbers: all programs, with logs and traces of everything, and the
//! places of values in the contract.

use std::cell::{Cell, RefCell};

use calmony_pay::cli::dev::cluster::Cluster;
use calmony_pay::http::contract::document;
use calmony_pay::log::accounts::create_key;
use calmony_pay::secret::KeyKind;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use support::database::{Folder, own_database};
use support::sandbox::SECRET;
use support::{Answer, Client, Database, Sandbox, client};

use crate::api::dashboard::Browser;
use crate::operate::logs::Logging;
use crate::operate::traces::{Collected, collector};

/// Numbers in the spellings that people have.
pub(super) const NUMBERS: &[&str] = &[
    "4242424242424242",
    "4111 1111 1111 1111",
    "5555-5555-5555-4444",
    "My card is 3782 822463 10005, 12/34.",
    "3056 9300 0902 0004 12/34 123",
    "６２００ ０００００００００００５",
    "4000002760003184",
    "6011-1111-1111-1117",
];
/// An API, a worker and a sandbox that write down all they can.
pub(super) struct World {
    pub(super) client: Client,
    pub(super) browser: Browser,
    pub(super) api: Logging,
    pub(super) worker: Logging,
    pub(super) sandbox: Sandbox,
    pub(super) logs: Folder,
    pub(super) cluster: (Cluster, Folder),
    pub(super) database: Database,
    pub(super) spans: Collected,
    next: Cell<usize>,
    pub(super) answers: RefCell<String>,
}

pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl World {
    pub(super) async fn start() -> Self {
        let (cluster, folder, database) = own_database("card-numbers").await;
        let logs = Folder::new("card-numbers-logs");
        let log = |name: &str| std::fs::File::create(logs.0.join(name)).unwrap();
        let sandbox = Sandbox::logging(&database, &logs.0.join("sandbox")).await;
        let (traces, spans) = collector().await;
        let variables = [
            format!("CALMONY_PROCESSOR_URL={}", sandbox.url),
            format!("CALMONY_LIVE_PROCESSOR_URL={}", sandbox.url),
            format!("CALMONY_PROCESSOR_SECRET={SECRET}"),
            format!("CALMONY_LIVE_PROCESSOR_SECRET={SECRET}"),
            format!("OTEL_EXPORTER_OTLP_ENDPOINT={traces}"),
            "OTEL_BSP_SCHEDULE_DELAY=50".to_owned(),
        ];
        let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
        let api = Logging::start("calmony", &database, (log("api").into(), "trace"), &variables).await;
        let worker =
            Logging::start("outbox-worker", &database, (log("worker").into(), "trace"), &variables).await;
        let key = create_key(&database.url.parse().unwrap(), "first", KeyKind::default(), None).await;
        let client = Client::new(&api.url, key.unwrap().reveal());
        let browser = Browser::at(&api.url, client.key()).await;
        Self {
            client,
            browser,
            api,
            worker,
            sandbox,
            logs,
            cluster: (cluster, folder),
            database,
            spans,
            next: Cell::new(0),
            answers: RefCell::default(),
        }
    }

    /// The next number, in the next spelling.
    pub(super) fn number(&self) -> &'static str {
        self.next.set(self.next.get() + 1);
        NUMBERS[self.next.get() % NUMBERS.len()]
    }

    pub(super) fn keep(&self, text: &str) {
        self.answers.borrow_mut().push_str(text);
    }

    /// Remembers an answer with its headers.
    pub(super) fn heard(&self, answer: &Answer) {
        self.keep(&format!("{:?}\n{}\n", answer.headers, answer.text));
    }

    /// An answer that must refuse the number, and name that parameter.
    pub(super) fn refused(&self, answer: &Answer, param: &str, what: &str) {
        self.heard(answer);
        let expected = (400, "invalid_request_error", "card_number_forbidden", param);
        assert_eq!(answer.error(), expected, "{what}: {}", answer.text);
    }

    /// Sends one number in one parameter of a body, as a form and as JSON.
    pub(super) async fn in_body(&self, (method, path): (&Method, &str), names: &[String], param: &str) {
        let number = self.number();
        let form = format!("{}={}", encoded(&spelled(names)), encoded(number));
        let request = self.client.request(method.clone(), path);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone());
        self.refused(&client::send(request).await, param, &format!("{method} {path} {form}"));
        let body = nested(names, number.into());
        let answer = self.client.json(method.clone(), path, &body).await;
        self.refused(&answer, param, &format!("{method} {path} {body}"));
    }
}

/// `a[b][c]` of a, b, c.
pub(super) fn spelled(names: &[String]) -> String {
    names
        .iter()
        .enumerate()
        .map(|(at, name)| if at == 0 { name.clone() } else { format!("[{name}]") })
        .collect()
}

/// The value within hashes of these names; 0 is the first entry of a list.
fn nested(names: &[String], value: Value) -> Value {
    names
        .iter()
        .rev()
        .fold(value, |inner, name| if name == "0" { json!([inner]) } else { json!({ name: inner }) })
}

/// The places of values in a schema.
pub(super) fn leaves(schema: &Value, at: &[String], all: &mut Vec<Vec<String>>) {
    if let Some(place) = schema["$ref"].as_str() {
        return leaves(document().pointer(place.trim_start_matches('#')).unwrap(), at, all);
    }
    let within = |name: &str| [at, &[name.to_owned()]].concat();
    let mut has_inner = false;
    for one in ["oneOf", "anyOf", "allOf"].iter().filter_map(|key| schema[*key].as_array()).flatten() {
        leaves(one, at, all);
        has_inner = true;
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        leaves(inner, &within(name), all);
        has_inner = true;
    }
    if schema["additionalProperties"].is_object() {
        leaves(&schema["additionalProperties"], &within("key"), all);
        has_inner = true;
    }
    if schema["items"].is_object() {
        leaves(&schema["items"], &within("0"), all);
        has_inner = true;
    }
    if !has_inner && !at.is_empty() && !all.iter().any(|known| known == at) {
        all.push(at.to_vec());
    }
}

/// Every operation of the contract.
pub(super) fn operations() -> impl Iterator<Item = (Method, &'static str, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().iter();
        operations.map(move |(method, operation)| {
            (Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap(), path.as_str(), operation)
        })
    })
}
