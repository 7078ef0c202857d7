//! The arrivals at each receiver, and their checks. All events must have come, once if that is possible, and
//! in order if the endpoint asked for order.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use support::raw::{RawReceiver, read_request};
use support::{Client, Database, Receiver, Reply};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::inject::Kind;

/// The longest time between the beginning of a fault and the record of an attempt that it repeated: the
/// attempt's own time, and that of the statement that would have written it down.
const REACH: Duration = Duration::from_secs(4);

/// One request at one receiver.
#[derive(Debug, Clone)]
struct Arrival {
    event: String,
    object: String,
    version: i64,
    taken: bool,
    at: Instant,
}

/// All arrivals, receiver by receiver, and the times of the faults.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    arrivals: Mutex<HashMap<&'static str, Vec<Arrival>>>,
    faults: Mutex<Vec<(Instant, Instant, Kind)>>,
}

/// An event of the log.
#[derive(Debug)]
pub(super) struct Logged {
    id: String,
    pub(super) stream: String,
    /// The number of the change; 0 for a creation.
    pub(super) change: u64,
}

/// The log of customers.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) events: Vec<Logged>,
}

impl Log {
    pub(super) async fn read(database: &Database) -> Self {
        let sql = "select id::text, stream::text, coalesce((data -> 'metadata' ->> 'change')::bigint, 0) \
                   from calmony.event \
                    where stream like 'cus%' order by position";
        let rows = database.admin().await.query(sql, &[]).await.unwrap();
        let logged = |row: &tokio_postgres::Row| Logged {
            id: row.get(0),
            stream: row.get(1),
            change: row.get::<_, i64>(2).unsigned_abs(),
        };
        Self { events: rows.iter().map(logged).collect() }
    }
}

impl Ledger {
    /// Notes a fault between `began` and now.
    pub(super) fn fault(&self, began: Instant, kind: Kind) {
        self.faults.lock().unwrap().push((began, Instant::now(), kind));
    }

    /// Notes a request. `takes` says by its number if it will be taken.
    fn arrived(&self, receiver: &'static str, event: &Value, takes: impl Fn(usize) -> bool) -> bool {
        let mut arrivals = self.arrivals.lock().unwrap();
        let arrivals = arrivals.entry(receiver).or_default();
        let is_taken = takes(arrivals.len());
        arrivals.push(Arrival {
            event: event["id"].as_str().unwrap().to_owned(),
            object: event["data"]["object"]["id"].as_str().unwrap().to_owned(),
            version: event["version"].as_i64().unwrap(),
            taken: is_taken,
            at: Instant::now(),
        });
        is_taken
    }

    /// True if the receiver that takes everything has received an event of that object.
    pub(super) fn has_arrived(&self, object: &str) -> bool {
        let arrivals = self.arrivals.lock().unwrap();
        arrivals
            .get("takes all")
            .is_some_and(|all| all.iter().rev().take(500).any(|one| one.object == object))
    }

    /// Checks that every event has reached every receiver, that duplicates are explained, and that order
    /// was kept if it was asked for.
    pub(super) fn check(&self, log: &Log) {
        let arrivals = self.arrivals.lock().unwrap();
        let faults = self.faults.lock().unwrap();
        assert_eq!(arrivals.len(), 5);
        for (name, arrivals) in &*arrivals {
            let taken: HashSet<&str> =
                arrivals.iter().filter(|one| one.taken).map(|one| one.event.as_str()).collect();
            for event in &log.events {
                assert!(taken.contains(event.id.as_str()), "{} was not taken by '{name}'", event.id);
            }
            assert_eq!(taken.len(), log.events.len(), "'{name}' got only what is in the log");
            let duplicates = explained_duplicates(name, arrivals, &faults);
            eprintln!("{name}: {} events, {} requests, {duplicates} duplicates", taken.len(), arrivals.len());
        }
        check_order(&arrivals["in order"]);
    }
}

/// Counts duplicates. Each must have a fault between its arrivals, or just before, which kept the first
/// answer from being written down.
fn explained_duplicates(name: &str, arrivals: &[Arrival], faults: &[(Instant, Instant, Kind)]) -> usize {
    let mut first: HashMap<&str, Instant> = HashMap::new();
    let mut duplicates = 0;
    for arrival in arrivals.iter().filter(|one| one.taken) {
        if let Some(before) = first.insert(arrival.event.as_str(), arrival.at) {
            duplicates += 1;
            let explains = |(began, ended, kind): &(Instant, Instant, Kind)| {
                !matches!(kind, Kind::PinSnapshot | Kind::KillApi)
                    && *began < arrival.at
                    && *ended + REACH > before
            };
            assert!(
                faults.iter().any(explains),
                "{} came twice to '{name}' without a fault, {:?} apart",
                arrival.event,
                arrival.at - before
            );
        }
    }
    duplicates
}

/// Checks that no version of an object was taken before the one before it.
fn check_order(arrivals: &[Arrival]) {
    let mut versions: HashMap<&str, i64> = HashMap::new();
    for arrival in arrivals.iter().filter(|one| one.taken) {
        let last = versions.entry(&arrival.object).or_default();
        assert!(arrival.version <= *last + 1, "{}: version {} after {last}", arrival.object, arrival.version);
        *last = arrival.version.max(*last);
    }
}

/// The receivers, for as long as they are needed.
pub(super) struct Receivers {
    _over_http: Vec<Receiver>,
    _raw: RawReceiver,
}

const EVENTS: &[&str] = &["customer.created", "customer.updated"];

/// Five receivers: one that takes everything, one that fails now and then, one that is slow, one that drops
/// connections, and one that asks for order and fails now and then.
pub(super) async fn receivers(client: &Client, ledger: &Arc<Ledger>) -> Receivers {
    let behaving = async |name: &'static str, ordering: &str, takes: fn(usize) -> bool| {
        let ledger = ledger.clone();
        let receiver = Receiver::behaving(move |delivery| {
            let taken = ledger.arrived(name, &delivery.event, takes);
            Reply::Status(if taken { 200 } else { 500 })
        })
        .await;
        let params = json!({ "url": receiver.url, "enabled_events": EVENTS, "ordering": ordering });
        client.json(reqwest::Method::POST, "/v1/webhook_endpoints", &params).await.ok();
        receiver
    };
    let over_http = vec![
        behaving("takes all", "none", |_| true).await,
        behaving("fails now and then", "none", |n| n % 10 != 3).await,
        behaving("in order", "per_object", |n| n % 10 != 7).await,
        slow(client, ledger).await,
    ];
    let raw = dropping(client, ledger).await;
    Receivers { _over_http: over_http, _raw: raw }
}

async fn slow(client: &Client, ledger: &Arc<Ledger>) -> Receiver {
    let ledger = ledger.clone();
    let receiver = Receiver::behaving(move |delivery| {
        ledger.arrived("slow", &delivery.event, |_| true);
        Reply::After(Duration::from_millis(150))
    })
    .await;
    client.endpoint(&receiver.url, EVENTS).await;
    receiver
}

/// A receiver that ends every tenth connection without an answer.
async fn dropping(client: &Client, ledger: &Arc<Ledger>) -> RawReceiver {
    let ledger = ledger.clone();
    let receiver = RawReceiver::start(move |mut stream| {
        let ledger = ledger.clone();
        async move {
            while let Some(body) = read_request(&mut stream).await {
                let event = serde_json::from_slice(&body).unwrap();
                if !ledger.arrived("drops connections", &event, |n| n % 10 != 5) {
                    return;
                }
                if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    client.endpoint(&format!("http://{}/", receiver.address), EVENTS).await;
    receiver
}
