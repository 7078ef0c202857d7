//! Clocks that are set forward and back: the programs', and PostgreSQL's.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use support::database::Folder;
use support::{Database, Receiver, Reply, System};

const DAY: i64 = 24 * 60 * 60;

/// A wall clock of the test's own, for the programs that are started with its environment.
struct SteppedClock {
    library: PathBuf,
    offset: PathBuf,
}

impl SteppedClock {
    /// Makes the clock, with the C compiler that Rust links with.
    fn new(folder: &Path) -> Self {
        let clock = Self { library: folder.join("stepped_clock.so"), offset: folder.join("offset") };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/support/stepped_clock.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&clock.library).args([source, "-ldl"]);
        assert!(compiler.status().unwrap().success(), "cc makes the library");
        clock.step(0);
        clock
    }

    fn environment(&self) -> [(&'static str, &str); 2] {
        [("LD_PRELOAD", self.library.to_str().unwrap()), ("STEPPED_CLOCK", self.offset.to_str().unwrap())]
    }

    /// Sets the clock to `seconds` seconds from the right time.
    fn step(&self, seconds: i64) {
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(false).open(&self.offset).unwrap();
        file.write_all(&seconds.to_ne_bytes()).unwrap();
    }
}

#[tokio::test]
async fn a_clock_that_is_stepped_forward_and_back_stalls_nothing_and_loses_nothing() {
    let folder = Folder::new("clock");
    let clock = SteppedClock::new(&folder.0);
    let system = System::with(Database::fresh().await, &clock.environment()).await;
    let _worker = system.worker_with(&clock.environment()).await;
    // The first attempt of every fifth event fails.
    let seen = Mutex::new(HashSet::new());
    let receiver = Receiver::behaving(move |delivery| {
        let mut seen = seen.lock().unwrap();
        let fails = seen.insert(delivery.id()) && seen.len().is_multiple_of(5);
        Reply::Status(if fails { 500 } else { 200 })
    })
    .await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let mut furthest = 0;
    for offset in [0, DAY, -2 * DAY, 365 * DAY, 3 * 60 * 60] {
        clock.step(offset);
        let seen = receiver.all().len();
        let mut customers = Vec::new();
        for n in 0..60 {
            let made = system.client.post("/v1/customers", &format!("name={n}")).await.ok();
            // Ids never go back within a process, and `created` is their time.
            furthest = furthest.max(offset);
            near(made["created"].as_i64().unwrap() - now(), furthest);
            customers.push(made["id"].as_str().unwrap().to_owned());
        }
        system.drained().await;
        system.nothing_waits().await;
        let arrived = receiver.all().split_off(seen);
        for customer in customers {
            let its = |event: &serde_json::Value| event["data"]["object"]["id"] == customer.as_str();
            let times = arrived.iter().filter(|delivery| its(&delivery.event)).count();
            assert!((1..=2).contains(&times), "{customer} has arrived {times} times at {offset}");
        }
        for delivery in arrived {
            near(delivery.header("webhook-timestamp").parse::<i64>().unwrap() - now(), offset);
        }
    }
}

/// The right time, in seconds.
fn now() -> i64 {
    i64::try_from(calmony_pay::clock::now().seconds()).unwrap()
}

/// True if a clock is as far off as expected.
fn near(off: i64, expected: i64) {
    assert!((off - expected).abs() < 60, "{off} instead of {expected} seconds");
}

#[tokio::test]
async fn what_was_due_before_the_databases_clock_was_set_back_is_not_waited_for() {
    let system = System::start().await;
    let (receiver, up) = Receiver::switched(false).await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "7days")]).await;
    system.client.customer("Ada").await;
    receiver.next().await;
    system.drained().await;
    drop(worker);
    // The row that a clock leaves behind that was a month ahead. Only the owner of its bucket writes it.
    let admin = system.database.admin().await;
    admin
        .batch_execute("select pg_advisory_lock(1129270605, bucket) from generate_series(0, 63) bucket")
        .await
        .unwrap();
    let changed =
        admin.execute("update calmony.delivery set due_at = due_at + interval '30 days'", &[]).await;
    assert_eq!(changed.unwrap(), 1);
    admin.batch_execute("select pg_advisory_unlock_all()").await.unwrap();
    up.store(true, Ordering::Relaxed);
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "7days")]).await;
    receiver.next().await;
    system.nothing_waits().await;
}
