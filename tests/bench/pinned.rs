//! The drain rate while another session has pinned a snapshot for minutes, with 100,000 events passing, beside the rate
//! without; and the dead rows that are left.

use std::time::{Duration, Instant};

use support::System;

use super::sink::Sink;
use super::{backlog, median};

const BATCH: u32 = 20_000;
/// Batches before and after the snapshot has been held for long.
const BATCHES: usize = 5;
const PINNED: Duration = Duration::from_mins(2);

pub(super) async fn measure(system: &System) {
    system.database.admin().await.batch_execute("truncate calmony.outbox, calmony.delivery").await.unwrap();
    let sink = Sink::start().await;
    let (endpoint, _) = system.client.endpoint(&format!("{}/0", sink.url), &["customer.created"]).await;
    let worker = system.worker().await;
    let free = batches(system, &sink, BATCHES).await;
    let pin = system.database.admin().await;
    pin.batch_execute("begin isolation level repeatable read; select count(*) from calmony.outbox")
        .await
        .unwrap();
    let began = Instant::now();
    let first = batches(system, &sink, BATCHES).await;
    tokio::time::sleep_until((began + PINNED).into()).await;
    let last = batches(system, &sink, BATCHES).await;
    let dead = dead_rows(system).await;
    pin.batch_execute("rollback").await.unwrap();
    drop(worker);
    system.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
    println!("\n| drain, batches of {BATCH} events, one endpoint | events/s | ratio |");
    println!("| --- | --- | --- |");
    println!("| without a pinned snapshot | {free:.0} | 1.00 |");
    println!("| pinned, the first 100,000 events | {first:.0} | {:.2} |", first / free);
    println!("| pinned for two minutes, the next 100,000 | {last:.0} | {:.2} |", last / free);
    println!("| dead rows in the outbox then | {dead} | |");
}

/// The median rate of so many batches, from the commit until the last one has arrived. The database isn't asked: looking for
/// what is left in a table of dead rows would be a load of its own.
async fn batches(system: &System, sink: &Sink, count: usize) -> f64 {
    let mut rates = Vec::new();
    for _ in 0..count {
        let before = sink.requests();
        backlog::append(system, BATCH).await;
        let began = Instant::now();
        while sink.requests() < before + u64::from(BATCH) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        rates.push(f64::from(BATCH) / began.elapsed().as_secs_f64());
    }
    median(rates)
}

async fn dead_rows(system: &System) -> i64 {
    tokio::time::sleep(Duration::from_secs(2)).await;
    system.database.number("select n_dead_tup from pg_stat_user_tables where relname = 'outbox'").await
}
