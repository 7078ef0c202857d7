//! A system with one of everything, and the arguments of every command on it.

use std::time::Duration;

use calmony_pay::log::accounts::{create_key, list_keys};
use calmony_pay::secret::KeyKind;
use serde_json::{Value, json};
use support::database::Folder;
use support::{Receiver, Sandbox, System, Worker};

use super::run;
use crate::money::memory::{self, Memory, SOUND};

/// Characters that must not be printed as they are: those that end strings and lines, that act on
/// terminals, that turn the direction of text, and that don't fit into 16 bits.
pub(super) const HOSTILE: &str = "q\"b\\/\u{1}\t\u{1b}[31m\u{7f}\u{85}\u{9b}\u{61c}\u{200e}\u{200f}\
                                  \u{2028}\u{2029}\u{202a}\u{202e}\
                                  \u{2066}\u{2068}\u{2069}\u{feff}😀\u{10ffff}\u{e0001}\r\nFORGED";

/// A system in which every text that a client can choose is hostile.
pub(super) struct World {
    pub(super) system: System,
    _worker: Worker,
    _sandbox: Sandbox,
    receiver: Receiver,
    processor: Memory,
    folder: Folder,
    customer: String,
    event: String,
    endpoint: String,
    other_endpoint: String,
    replay: String,
}

impl World {
    pub(super) async fn start(name: &str) -> Self {
        let (system, sandbox) = System::paying().await;
        let worker = system.worker().await;
        let (receiver, client) = (Receiver::start().await, &system.client);
        let post = async |path: &str, body: Value| client.json(reqwest::Method::POST, path, &body).await.id();
        let endpoint = |paused: bool| {
            json!({
                "url": receiver.url, "paused": paused,
                "enabled_events": ["customer.created", "customer.updated"],
                "description": HOSTILE, "metadata": { "k\u{2068}\n": HOSTILE },
            })
        };
        let other_endpoint = post("/v1/webhook_endpoints", endpoint(true)).await;
        let endpoint = post("/v1/webhook_endpoints", endpoint(false)).await;
        let customer =
            json!({ "name": HOSTILE, "description": HOSTILE, "metadata": { "k\u{2068}\nFORGED": "v" } });
        let customer = post("/v1/customers", customer).await;
        let event = receiver.next().await.id();
        post(&format!("/v1/customers/{customer}"), json!({ "metadata": { "k\u{2068}\nFORGED": HOSTILE } }))
            .await;
        receiver.next().await;
        system.drained().await;
        let replay = post(&format!("/v1/webhook_endpoints/{other_endpoint}/replay"), json!({})).await;
        create_key(&system.database.url.parse().unwrap(), HOSTILE, KeyKind::default(), None).await.unwrap();
        let folder = Folder::new(name);
        let processor = Memory::start(SOUND).await;
        Self {
            system,
            _worker: worker,
            _sandbox: sandbox,
            receiver,
            processor,
            folder,
            customer,
            event,
            endpoint,
            other_endpoint,
            replay,
        }
    }

    /// The environment of a command.
    pub(super) fn environment(&self) -> [(&str, &str); 4] {
        [
            ("CALMONY_DATABASE_URL", &self.system.database.url),
            ("CALMONY_SECRET_KEY", support::system::SECRET_KEY),
            ("CALMONY_URL", &self.system.url),
            ("CALMONY_API_KEY", self.system.client.key()),
        ]
    }

    /// A command with arguments that allow it to run more than once; `None` for a command that goes on for
    /// ever.
    pub(super) async fn words(&self, command: &str) -> Option<Vec<String>> {
        let (event, endpoint) = (&self.event, &self.endpoint);
        let arguments = match command {
            "serve" | "sandbox-processor" | "dev" => return None,
            "migrate"
            | "biller adopt"
            | "keys list"
            | "secrets generate-key"
            | "secrets reseal"
            | "events list"
            | "endpoints list"
            | "replay list"
            | "verify"
            | "ledger"
            | "doctor"
            | "rebuild"
            | "check-config"
            | "man" => String::new(),
            "keys create" => "--account first".to_owned(),
            "keys revoke" | "keys roll" => self.spare_key().await.to_string(),
            "events show" => event.clone(),
            "events tail" => format!("--since {event} --count 1"),
            "objects show" | "lookup" => self.customer.clone(),
            "endpoints enable" | "endpoints disable" | "endpoints pause" | "endpoints resume" => {
                self.other_endpoint.clone()
            }
            "endpoints show" | "endpoints roll-secret" | "deliveries list" | "replay start" => {
                endpoint.clone()
            }
            "deliveries retry" => format!("{event} {endpoint}"),
            "replay show" | "replay cancel" => self.replay.clone(),
            "listen" => {
                let state = self.folder.0.join("listen.json");
                format!("--print-secret --forward-to {} --state {}", self.receiver.url, state.display())
            }
            "pay create" => "--amount 19.99 --currency usd --method pm_card_visa --confirm".to_owned(),
            "pay confirm" => self.intent("payment_method=pm_card_visa").await,
            "pay capture" => {
                self.intent("payment_method=pm_card_visa&capture_method=manual&confirm=true").await
            }
            "pay cancel" | "pay show" => self.intent("").await,
            "pay refund" => {
                format!("{} --amount 0.05", self.intent("payment_method=pm_card_visa&confirm=true").await)
            }
            "trigger" => "customer.created".to_owned(),
            "completion" => "bash".to_owned(),
            "processor check" => format!("{} --secret {}", self.processor.url, memory::SECRET),
            unknown => panic!("how is `calmony {unknown}` run?"),
        };
        Some(command.split(' ').chain(arguments.split_whitespace()).map(ToOwned::to_owned).collect())
    }

    /// A new payment intent.
    async fn intent(&self, more: &str) -> String {
        let mut params = json!({ "amount": 1000, "currency": "usd", "description": HOSTILE });
        for (name, value) in more.split('&').filter_map(|one| one.split_once('=')) {
            params[name] = if value == "true" { json!(true) } else { json!(value) };
        }
        self.system.client.json(reqwest::Method::POST, "/v1/payment_intents", &params).await.id()
    }

    /// The number of a key that is not used.
    pub(super) async fn spare_key(&self) -> i64 {
        let url = self.system.database.url.parse().unwrap();
        create_key(&url, "spare", KeyKind::default(), Some(Duration::from_hours(9))).await.unwrap();
        list_keys(&url, Some("spare")).await.unwrap().last().unwrap().id
    }
}

/// Every command that does something, with its help.
pub(super) async fn commands() -> Vec<(String, String)> {
    let (mut found, mut open) = (Vec::new(), vec![Vec::<String>::new()]);
    while let Some(words) = open.pop() {
        let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = run("calmony", &arguments, &[]).await.stdout;
        let Some((_, list)) = help.split_once("\nCommands:\n") else {
            found.push((words.join(" "), help));
            continue;
        };
        for line in list.lines().take_while(|line| !line.is_empty()) {
            let name = line.split_whitespace().next().unwrap();
            if name != "help" {
                open.push([&words[..], &[name.to_owned()]].concat());
            }
        }
    }
    assert!(found.len() > 25, "{found:?}");
    found
}
