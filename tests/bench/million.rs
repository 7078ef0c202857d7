//! A million deliveries owed to one dead endpoint: how long another endpoint waits for its first attempts, beside the same
//! without them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use support::System;

use super::sink::{Mode, Sink};
use super::{at_percentile, median};

const OWED: u32 = 1_000_000;
const ROUNDS: usize = 3;
const EVENTS: u64 = 500;
/// Between two creates.
const PACE: Duration = Duration::from_millis(5);
const DEAD: usize = 0;
const GOOD: usize = 1;

pub(super) async fn measure(system: &System) {
    let admin = system.database.admin().await;
    admin.batch_execute("truncate calmony.outbox, calmony.delivery").await.unwrap();
    let sink = Sink::start().await;
    sink.set(DEAD, Mode::Fails);
    let dead = system.client.endpoint(&format!("{}/{DEAD}", sink.url), &["customer.deleted"]).await.0;
    let good = system.client.endpoint(&format!("{}/{GOOD}", sink.url), &["customer.created"]).await.0;
    println!("\n| create to arrival elsewhere, {OWED} deliveries owed to a dead endpoint | p50 | p99 |");
    println!("| --- | --- | --- |");
    let worker = system.worker().await;
    run(system, &sink).await;
    let without = rounds("without", system, &sink).await;
    owe(system, &dead).await;
    let with = rounds("with", system, &sink).await;
    println!("| ratio of the medians | {:.2} | {:.2} |", with.0 / without.0, with.1 / without.1);
    drop(worker);
    for endpoint in [dead, good] {
        system.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
    }
}

/// Makes the rows as they would be after an outage, past the triggers, because a million appends take minutes.
async fn owe(system: &System, endpoint: &str) {
    let admin = system.database.admin().await;
    triggers(&admin, "disable").await;
    let rows = format!(
        "with appended as ( \
             insert into calmony.event (account, id, stream, version, type, data, created_at) \
             select 1, 'evt_01' || u, 'cus_01' || u, 1, 'customer.deleted', '{{\"object\":\"customer\"}}', now() \
               from generate_series(1, {OWED}) n, lateral (select upper(substr(md5(n::text || random()), 1, 24)) u) m \
             returning account, position, stream) \
         insert into calmony.delivery (account, position, due_at, attempts, bucket, endpoint, state) \
         select account, position, now(), 0, calmony.bucket_of(stream), '{endpoint}', 'owed' from appended"
    );
    admin.batch_execute(&rows).await.unwrap();
    triggers(&admin, "enable always").await;
    for table in ["event", "delivery"] {
        admin.batch_execute(&format!("vacuum analyze calmony.{table}")).await.unwrap();
    }
}

async fn triggers(admin: &tokio_postgres::Client, change: &str) {
    for (table, trigger) in [
        ("event", "derive_from_event"),
        ("event", "event_is_append_only"),
        ("event", "derive_endpoint"),
        ("event", "derive_replay"),
        ("delivery", "delivery_comes_only_by_its_owner"),
    ] {
        let sql = format!("alter table calmony.{table} {change} trigger {trigger}");
        admin.batch_execute(&sql).await.unwrap();
    }
}

/// The medians of the rounds' percentiles.
async fn rounds(name: &str, system: &System, sink: &Sink) -> (f64, f64) {
    let (mut p50s, mut p99s) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (p50, p99) = run(system, sink).await;
        println!("| {name} | {p50:.2} ms | {p99:.2} ms |");
        p50s.push(p50);
        p99s.push(p99);
    }
    (median(p50s), median(p99s))
}

/// Creates customers one after the other; the percentiles of the time from the request to the arrival.
async fn run(system: &System, sink: &Sink) -> (f64, f64) {
    sink.take_arrivals();
    let mut sent = HashMap::new();
    for n in 0..EVENTS {
        let arrived = sink.arrived_at(n, 1);
        sent.insert(n, Instant::now());
        system.client.post("/v1/customers", &format!("name=n{n}")).await.ok();
        arrived.await.unwrap();
        tokio::time::sleep(PACE).await;
    }
    let arrivals = sink.take_arrivals();
    let mut waits: Vec<f64> = arrivals
        .iter()
        .map(|(_, n, at)| at.duration_since(sent.remove(n).unwrap()).as_secs_f64() * 1000.0)
        .collect();
    waits.sort_by(f64::total_cmp);
    (at_percentile(&waits, 50), at_percentile(&waits, 99))
}
