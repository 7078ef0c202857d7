//! Ten endpoints, of which one hangs and one answers 500, beside the eight others alone: how long the eight wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::System;

use super::sink::{Mode, Sink};
use super::{at_percentile, backlog, median};

const ROUNDS: usize = 3;
const SLICE: Duration = Duration::from_secs(20);
const GOOD: usize = 8;

/// What the eight others have seen.
struct Seen {
    p50: f64,
    p99: f64,
    events: u64,
    duplicates: usize,
    missing: usize,
}

/// How events are offered.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// One after so long, whatever becomes of the others.
    Every(Duration),
    /// As fast as the machine delivers them: the next when one has arrived everywhere, with so many on their way.
    Outstanding(usize),
}

pub(super) async fn measure(system: &System) {
    println!("\n| isolation | p50 | p99 | events/s | duplicates | missing |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (name, load) in [
        ("50 events/s", Load::Every(Duration::from_millis(20))),
        ("the machine's limit, 32 events on their way", Load::Outstanding(32)),
    ] {
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let alone = run(system, load, false).await;
            let beside = run(system, load, true).await;
            for (what, seen) in [("alone", &alone), ("beside two bad ones", &beside)] {
                println!(
                    "| {name}, eight {what} | {:.2} ms | {:.2} ms | {} | {} | {} |",
                    seen.p50,
                    seen.p99,
                    seen.events / SLICE.as_secs(),
                    seen.duplicates,
                    seen.missing
                );
            }
            p50.push(beside.p50 / alone.p50);
            p99.push(beside.p99 / alone.p99);
        }
        println!("| {name}: ratio, median of {ROUNDS} | {:.2} | {:.2} | | | |", median(p50), median(p99));
    }
}

async fn run(system: &System, load: Load, with_bad: bool) -> Seen {
    let sink = Sink::start().await;
    sink.set(GOOD, Mode::Hangs);
    sink.set(GOOD + 1, Mode::Fails);
    let count = if with_bad { GOOD + 2 } else { GOOD };
    let mut endpoints = Vec::new();
    for n in 0..count {
        endpoints.push(system.client.endpoint(&format!("{}/{n}", sink.url), &["customer.created"]).await.0);
    }
    let worker = system
        .worker_with(&[("CALMONY_ATTEMPT_TIMEOUT", "5s"), ("CALMONY_RETRY_SCHEDULE", "5s,5m,30m")])
        .await;
    let sent = offer(system, &sink, load).await;
    backlog::emptied(system, "select exists (select from calmony.outbox)").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for endpoint in endpoints {
        system.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
    }
    drop(worker);
    let admin = system.database.admin().await;
    admin.batch_execute("truncate calmony.outbox, calmony.delivery").await.unwrap();
    seen(&sent, &sink)
}

/// Creates numbered customers; returns when each was sent.
async fn offer(system: &System, sink: &Sink, load: Load) -> HashMap<u64, Instant> {
    let sent = Arc::new(Mutex::new(HashMap::new()));
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let clients = match load {
        Load::Every(_) => 8,
        Load::Outstanding(count) => count,
    };
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let (client, sink) = (system.client.clone(), sink.clone());
            let (sent, next) = (sent.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if let Load::Every(pace) = load {
                        tokio::time::sleep_until((started + pace * u32::try_from(n).unwrap()).into()).await;
                    }
                    if started.elapsed() >= SLICE {
                        return;
                    }
                    let arrived = sink.arrived_at(n, GOOD);
                    sent.lock().unwrap().insert(n, Instant::now());
                    client.post("/v1/customers", &format!("name=n{n}")).await.ok();
                    if let Load::Outstanding(_) = load {
                        arrived.await.unwrap();
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    std::mem::take(&mut *sent.lock().unwrap())
}

fn seen(sent: &HashMap<u64, Instant>, sink: &Sink) -> Seen {
    let mut first: HashMap<(usize, u64), f64> = HashMap::new();
    let mut duplicates = 0;
    for (endpoint, n, at) in sink.take_arrivals() {
        let Some(began) = sent.get(&n) else { continue };
        let ms = at.duration_since(*began).as_secs_f64() * 1000.0;
        if first.insert((endpoint, n), ms).is_some() {
            duplicates += 1;
        }
    }
    let mut latencies: Vec<f64> = first.into_values().collect();
    latencies.sort_by(f64::total_cmp);
    Seen {
        p50: at_percentile(&latencies, 50),
        p99: at_percentile(&latencies, 99),
        events: u64::try_from(sent.len()).unwrap(),
        duplicates,
        missing: sent.len() * GOOD - latencies.len(),
    }
}
