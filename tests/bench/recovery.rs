//! A receiver that was away for 42 s while 20,000 events happened: how long it takes until it has them all.

use std::time::{Duration, Instant};

use support::System;

use super::sink::{Mode, Sink};
use super::{backlog, median};

const ROUNDS: usize = 3;
const EVENTS: u32 = 20_000;
const OUTAGE: Duration = Duration::from_secs(42);

pub(super) async fn measure(system: &System) {
    println!(
        "\n| recovery after an outage of {OUTAGE:?} with {EVENTS} events owed | seconds | requests while it was away |"
    );
    println!("| --- | --- | --- |");
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let (seconds, requests) = run(system).await;
        println!("| | {seconds:.1} | {requests} |");
        times.push(seconds);
    }
    println!("| median | {:.1} | |", median(times));
}

async fn run(system: &System) -> (f64, u64) {
    system.database.admin().await.batch_execute("truncate calmony.outbox, calmony.delivery").await.unwrap();
    let sink = Sink::start().await;
    sink.set(0, Mode::Fails);
    let (endpoint, _) = system.client.endpoint(&format!("{}/0", sink.url), &["customer.created"]).await;
    let worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "5s,5m,30m,2h")]).await;
    let down = Instant::now();
    backlog::append(system, EVENTS).await;
    backlog::emptied(system, "select exists (select from calmony.outbox)").await;
    tokio::time::sleep_until((down + OUTAGE).into()).await;
    let requests = sink.requests();
    sink.set(0, Mode::Takes);
    let seconds = backlog::drained(system).await;
    drop(worker);
    system.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
    (seconds, requests)
}
