//! An account beside others that trouble the worker: with endpoints that never answer and don't live long,
//! or with many that answer late. Measured is the delay of its webhooks, beside the delay when it is alone,
//! and when the others do the same at another installation on the same machine: that is the part of the
//! cores, which no share of ours can give back.

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

/// An installation, with a client of each account.
struct Place<'a> {
    stage: &'a mut Stage,
    clients: Vec<Client>,
}

impl<'a> Place<'a> {
    async fn new(stage: &'a mut Stage) -> Self {
        let url = stage.system.database.url.parse().unwrap();
        let mut clients = Vec::new();
        for name in NAMES {
            let key = create_key(&url, name, KeyKind::default(), None).await.unwrap();
            clients.push(stage.system.client.with_key(key.reveal()));
        }
        Self { stage, clients }
    }

    /// The account of that number, with so many endpoints.
    fn account(&self, index: usize, endpoints: usize) -> Account {
        let client = self.clients.get(index).unwrap().clone();
        let first = index * OF_ACCOUNT;
        Account { client, numbers: first..first + endpoints, made: Vec::new() }
    }
}

pub(super) async fn measure(stage: &mut Stage, report: &mut Report) {
    let mut another = Stage::open(&[]).await;
    measure_both([Place::new(stage).await, Place::new(&mut another).await], report).await;
    another.close().await;
}

/// Measures at the first of two installations.
async fn measure_both([mut here, mut elsewhere]: [Place<'_>; 2], report: &mut Report) {
    report.head(&[
        "isolation by account, 20 events/s of each: request to arrival at the peer",
        "p50 ms",
        "p99 ms",
        "requests to the others",
        "duplicates",
        "missing",
        "wanted",
    ]);
    // For each load: beside the peer alone, and beside the same load at the other installation.
    let mut ratios = BESIDE.map(|_| (Vec::new(), Vec::new(), Vec::new()));
    for _ in 0..ROUNDS {
        let alone = run([&mut here, &mut elsewhere], &ALONE, false).await;
        row(report, (&ALONE, ""), &alone);
        for (beside, (p50s, p99s, of_apart)) in BESIDE.iter().zip(&mut ratios) {
            let seen = run([&mut here, &mut elsewhere], beside, false).await;
            row(report, (beside, ""), &seen);
            let apart = run([&mut here, &mut elsewhere], beside, true).await;
            row(report, (beside, ", at another installation"), &apart);
            p50s.push(seen.p50 / alone.p50);
            p99s.push(seen.p99 / alone.p99);
            of_apart.push(seen.p99 / apart.p99);
        }
    }
    for (Beside { name, .. }, (p50s, p99s, of_apart)) in BESIDE.iter().zip(ratios) {
        let (p50, p99, of_apart) = (median(p50s), median(p99s), median(of_apart));
        report.line(&format!("| {name}: to alone, median of {ROUNDS} | {p50:.2} | {p99:.2} | | | | ≤ 1.5 |"));
        report.line(&format!("| {name}: to the same load elsewhere | | {of_apart:.2} | | | | |"));
    }
}

fn row(report: &mut Report, (Beside { name, .. }, at): (&Beside, &str), seen: &Sight) {
    let Sight { p50, p99, others, duplicates, missing } = seen;
    report.line(&format!("| {name}{at} | {p50:.2} | {p99:.2} | {others} | {duplicates} | {missing} | |"));
}

/// Measures the peer here, with the others here or, if they are apart, elsewhere.
async fn run([here, elsewhere]: [&mut Place<'_>; 2], beside: &Beside, is_apart: bool) -> Sight {
    let at = if is_apart { &mut *elsewhere } else { &mut *here };
    let mut others: Vec<_> = (1..=beside.accounts).map(|index| at.account(index, beside.endpoints)).collect();
    let mut plans: Vec<_> =
        others.iter().map(|account| plan(at.stage, account.client.key(), beside.slice)).collect();
    let mut peer = here.account(0, 1);
    plans.push(plan(here.stage, peer.client.key(), beside.slice));
    let stages = [&*here.stage, &*elsewhere.stage];
    let [own, _] = stages;
    let sink = if is_apart { &elsewhere.stage.sink } else { &own.sink };
    peer.make(&own.sink).await;
    for account in &mut others {
        account.make(sink).await;
        sink.set_each(account.numbers.clone(), beside.mode).await;
    }
    let mut workers = Vec::new();
    for stage in stages {
        stage.forget().await;
        stage.sink.reset(true).await;
        workers.push(worker(stage).await);
    }
    let remade = async {
        let Some(lifetime) = beside.lifetime else { return };
        let end = Instant::now() + WARM_UP + beside.slice;
        join_all(others.iter_mut().map(|account| account.remake(sink, lifetime, end))).await;
    };
    let (seen, ()) = tokio::join!(join_all(plans.iter().map(Plan::run)), remade);
    let of_peer = seen.last().unwrap();
    let sent = of_peer.sent();
    let arrivals = arrivals(own, &sent).await;
    let mut requests = 0;
    for stage in stages {
        requests += stage.sink.counts().await.requests;
    }
    drop(workers);
    peer.unmake().await;
    for account in &mut others {
        account.unmake().await;
        sink.set_each(account.numbers.clone(), Mode::Takes).await;
    }
    for stage in stages {
        stage.forget().await;
    }
    let Waits { sorted, duplicates } = waits(&sent, &arrivals);
    Sight {
        p50: percentile(&sorted, 50),
        p99: percentile(&sorted, 99),
        // Arrivals are noted for endpoints that answer at once, which only the peer has.
        others: requests - u64::try_from(arrivals.len()).unwrap(),
        duplicates,
        missing: u64::try_from(sent.len() - sorted.len()).unwrap() + of_peer.refused + of_peer.other,
    }
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
