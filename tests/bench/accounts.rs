//! An account beside others that trouble the worker: with endpoints that never answer and don't live long,
//! or with many that answer late. Measured is the delay of its webhooks, beside the delay when it is alone.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use calmony_pay::log::accounts::create_key;
use calmony_pay::secret::KeyKind;
use futures_util::future::join_all;
use support::Client;

use super::deliver::worker;
use super::generator::Plan;
use super::report::{Report, median, percentile};
use super::sink::{Arrival, Mode, Sink, Waits, waits};
use super::stage::Stage;

const ROUNDS: usize = 3;
/// Events a second of each account.
const PACE: f64 = 20.0;
/// The time before it counts: the peer's first webhook sets up the connections that the later ones use.
const WARM_UP: Duration = Duration::from_secs(1);
/// The longest wait for the peer's last webhook, and for duplicates.
const PATIENCE: Duration = Duration::from_secs(30);
const TWICE: Duration = Duration::from_secs(1);
/// The peer, and those beside it. The endpoints of each are numbered from a multiple of a hundred on.
const NAMES: [&str; 3] = ["peer", "one beside it", "another beside it"];
const OF_ACCOUNT: usize = 100;

/// The load beside the peer.
struct Beside {
    name: &'static str,
    accounts: usize,
    /// The number of endpoints of each account.
    endpoints: usize,
    mode: Mode,
    /// The time after which endpoints are deleted and made anew.
    lifetime: Option<Duration>,
    /// The time that counts.
    slice: Duration,
}

const ALONE: Beside = Beside {
    name: "the peer alone",
    accounts: 0,
    endpoints: 0,
    mode: Mode::Takes,
    lifetime: None,
    slice: Duration::from_secs(10),
};
const BESIDE: [Beside; 2] = [
    Beside {
        name: "beside two accounts of 100 endpoints that never answer, remade every 10 s",
        accounts: 2,
        endpoints: 100,
        mode: Mode::Hangs,
        lifetime: Some(Duration::from_secs(10)),
        slice: Duration::from_secs(16),
    },
    Beside {
        name: "beside an account of 99 endpoints that answer after 200 ms",
        accounts: 1,
        endpoints: 99,
        mode: Mode::Late(Duration::from_millis(200)),
        lifetime: None,
        slice: Duration::from_secs(10),
    },
];

/// The peer's measurements.
struct Sight {
    p50: f64,
    p99: f64,
    /// Requests to the endpoints of the others.
    others: u64,
    duplicates: usize,
    /// Webhooks that are missing, and requests that were refused.
    missing: u64,
}

/// An account and its endpoints.
struct Account {
    client: Client,
    numbers: Range<usize>,
    made: Vec<String>,
}

impl Account {
    /// Makes its endpoints, one after the other.
    async fn make(&mut self, sink: &Sink) {
        for number in self.numbers.clone() {
            self.made.push(self.client.endpoint(&sink.url_of(number), &["customer.created"]).await.0);
        }
    }

    async fn unmake(&mut self) {
        for endpoint in self.made.drain(..) {
            self.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
        }
    }

    /// Makes its endpoints anew whenever they have lived for `lifetime`, until `end`.
    async fn remake(&mut self, sink: &Sink, lifetime: Duration, end: Instant) {
        let mut next = Instant::now() + lifetime;
        while next < end {
            tokio::time::sleep_until(next.into()).await;
            self.unmake().await;
            self.make(sink).await;
            next += lifetime;
        }
    }
}

pub(super) async fn measure(stage: &mut Stage, report: &mut Report) {
    let url = stage.system.database.url.parse().unwrap();
    let mut clients = Vec::new();
    for name in NAMES {
        let key = create_key(&url, name, KeyKind::default(), None).await.unwrap();
        clients.push(stage.system.client.with_key(key.reveal()));
    }
    report.head(&[
        "isolation by account, 20 events/s of each: request to arrival at the peer",
        "p50 ms",
        "p99 ms",
        "requests to the others",
        "duplicates",
        "missing",
        "wanted",
    ]);
    let mut ratios = BESIDE.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        let alone = run(stage, &clients, &ALONE).await;
        row(report, &ALONE, &alone);
        for (beside, ratios) in BESIDE.iter().zip(&mut ratios) {
            let seen = run(stage, &clients, beside).await;
            row(report, beside, &seen);
            ratios.push((seen.p50 / alone.p50, seen.p99 / alone.p99));
        }
    }
    for (Beside { name, .. }, ratios) in BESIDE.iter().zip(ratios) {
        let (p50s, p99s): (Vec<f64>, Vec<f64>) = ratios.into_iter().unzip();
        report.line(&format!(
            "| {name}: ratio, median of {ROUNDS} | {:.2} | {:.2} | | | | p99 ≤ 1.5 |",
            median(p50s),
            median(p99s)
        ));
    }
}

fn row(report: &mut Report, Beside { name, .. }: &Beside, seen: &Sight) {
    let Sight { p50, p99, others, duplicates, missing } = seen;
    report.line(&format!("| {name} | {p50:.2} | {p99:.2} | {others} | {duplicates} | {missing} | |"));
}

async fn run(stage: &mut Stage, clients: &[Client], beside: &Beside) -> Sight {
    let mut accounts = accounts(clients, beside);
    for account in &mut accounts {
        account.make(&stage.sink).await;
    }
    for account in accounts.iter().skip(1) {
        stage.sink.set_each(account.numbers.clone(), beside.mode).await;
    }
    stage.forget().await;
    stage.sink.reset(true).await;
    let worker = worker(stage).await;
    let plans: Vec<Plan> =
        accounts.iter().map(|account| plan(stage, account.client.key(), beside.slice)).collect();
    let sink = &stage.sink;
    let remade = async {
        let Some(lifetime) = beside.lifetime else { return };
        let end = Instant::now() + WARM_UP + beside.slice;
        let others = accounts.iter_mut().skip(1);
        join_all(others.map(|account| account.remake(sink, lifetime, end))).await;
    };
    let (seen, ()) = tokio::join!(join_all(plans.iter().map(Plan::run)), remade);
    let peer = seen.first().unwrap();
    let sent = peer.sent();
    let arrivals = arrivals(stage, &sent).await;
    let requests = stage.sink.counts().await.requests;
    drop(worker);
    for account in &mut accounts {
        account.unmake().await;
        stage.sink.set_each(account.numbers.clone(), Mode::Takes).await;
    }
    stage.forget().await;
    let Waits { sorted, duplicates } = waits(&sent, &arrivals);
    Sight {
        p50: percentile(&sorted, 50),
        p99: percentile(&sorted, 99),
        // Arrivals are noted for endpoints that answer at once, which only the peer has.
        others: requests - u64::try_from(arrivals.len()).unwrap(),
        duplicates,
        missing: u64::try_from(sent.len() - sorted.len()).unwrap() + peer.refused + peer.other,
    }
}

/// The peer with one endpoint, and those beside it.
fn accounts(clients: &[Client], beside: &Beside) -> Vec<Account> {
    let counts = std::iter::once(1).chain(std::iter::repeat_n(beside.endpoints, beside.accounts));
    let account = |((index, client), count): ((usize, &Client), usize)| {
        let first = index * OF_ACCOUNT;
        Account { client: client.clone(), numbers: first..first + count, made: Vec::new() }
    };
    clients.iter().enumerate().zip(counts).map(account).collect()
}

/// The creates of one account.
fn plan(stage: &mut Stage, key: &str, slice: Duration) -> Plan {
    let ask = stage.creates();
    let plan = stage.plan(ask, 8, slice);
    Plan { key: key.to_owned(), warm_up: WARM_UP, pace: Some(PACE), marks: true, ..plan }
}

/// The arrivals, once the last one has come or patience is over. Duplicates get a moment more.
async fn arrivals(stage: &Stage, sent: &HashMap<u64, u64>) -> Vec<Arrival> {
    let (began, mut arrivals) = (Instant::now(), Vec::new());
    while waits(sent, &arrivals).sorted.len() < sent.len() && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
        arrivals.extend(stage.sink.arrivals().await);
    }
    tokio::time::sleep(TWICE).await;
    arrivals.extend(stage.sink.arrivals().await);
    arrivals
}
