//! A backlog of events for one endpoint, drained by one worker that starts after it, beside a bare loop of POSTs to the same
//! receiver with the same number in flight and no signature, no database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use support::client::http;
use support::{Receiver, System};

use super::{ROUNDS, Series, backlog, print, rate};

const BACKLOG: u32 = 20_000;
const IN_FLIGHT: usize = 64;

pub(super) async fn measure(system: &System) {
    let mut group =
        [Series::new("bare POST loop, 64 in flight"), Series::new("worker, backlog of 20,000 events")];
    for _ in 0..ROUNDS {
        let bare = bare_loop().await;
        let drained = drain(system).await;
        for (series, rate) in group.iter_mut().zip([bare, drained]) {
            series.rates.push(rate);
        }
    }
    print(&group);
}

async fn bare_loop() -> f64 {
    let receiver = Receiver::start().await;
    let body = "x".repeat(760);
    let (next, started) = (Arc::new(AtomicU32::new(0)), Instant::now());
    let client = http();
    let senders: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (client, next, url, body) =
                (client.clone(), next.clone(), receiver.url.clone(), body.clone());
            tokio::spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < BACKLOG {
                    client.post(&url).body(body.clone()).send().await.unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    rate(BACKLOG, started.elapsed().as_secs_f64())
}

async fn drain(system: &System) -> f64 {
    let receiver = Receiver::start().await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let admin = system.database.admin().await;
    admin.batch_execute("truncate calmony.outbox").await.unwrap();
    backlog::append(system, BACKLOG).await;
    admin.batch_execute("vacuum analyze calmony.outbox").await.unwrap();
    let started = Instant::now();
    let worker = system.worker().await;
    backlog::drained(system).await;
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(receiver.all().len(), usize::try_from(BACKLOG).unwrap(), "each once");
    drop(worker);
    system.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
    rate(BACKLOG, seconds)
}
