//! Four times as many clients as the API takes on: what becomes of those that are taken on, and of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use support::System;

use super::{SLICE, at_percentile, median, rate};

const ROUNDS: usize = 5;
/// Requests that the process takes on at once.
const PLACES: usize = 64;

/// What a number of clients has seen.
struct Seen {
    accepted: f64,
    refused: f64,
    other: u32,
    p50: f64,
    p99: f64,
}

pub(super) async fn measure(system: &System) {
    let places = PLACES.to_string();
    let system = System::with(system.database.clone(), &[("CALMONY_REQUESTS_MAX", places.as_str())]).await;
    println!(
        "\n| overload: {PLACES} requests at once are taken on | accepted | refused (503) | others | p50 of accepted | p99 |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut pair = Vec::new();
        for clients in [PLACES, 4 * PLACES] {
            let seen = load(&system, clients).await;
            println!(
                "| {clients} clients | {:.0}/s | {:.0}/s | {} | {:.1} ms | {:.1} ms |",
                seen.accepted, seen.refused, seen.other, seen.p50, seen.p99
            );
            pair.push(seen);
        }
        if let [calm, loaded] = pair.as_slice() {
            p50.push(loaded.p50 / calm.p50);
            p99.push(loaded.p99 / calm.p99);
        }
        system.database.admin().await.batch_execute("truncate calmony.outbox").await.unwrap();
    }
    println!(
        "| ratio of the latencies, median of {ROUNDS} | | | | {:.2} | {:.2} |",
        median(p50),
        median(p99)
    );
}

/// So many clients that create customers, each the next when the last is answered, whatever the answer.
async fn load(system: &System, clients: usize) -> Seen {
    let (refused, other) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let started = Instant::now();
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let (client, refused, other) = (system.client.clone(), refused.clone(), other.clone());
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while started.elapsed() < SLICE {
                    let began = Instant::now();
                    match client.post("/v1/customers", "name=Ada+Lovelace").await.status {
                        200 => waits.push(began.elapsed().as_secs_f64() * 1000.0),
                        503 => {
                            refused.fetch_add(1, Ordering::Relaxed);
                            // As a client that is told to come back, though much sooner than the packages do.
                            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                        }
                        _ => {
                            other.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for client in clients {
        waits.extend(client.await.unwrap());
    }
    let seconds = started.elapsed().as_secs_f64();
    waits.sort_by(f64::total_cmp);
    Seen {
        accepted: rate(u32::try_from(waits.len()).unwrap(), seconds),
        refused: rate(refused.load(Ordering::Relaxed), seconds),
        other: other.load(Ordering::Relaxed),
        p50: at_percentile(&waits, 50),
        p99: at_percentile(&waits, 99),
    }
}
