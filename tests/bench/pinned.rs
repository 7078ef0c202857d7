//! The drain rate while another session has pinned a snapshot and 100,000 events pass, beside the rate
//! without; and the dead rows that are left.

use std::time::Duration;

use super::deliver::worker;
use super::report::{Report, median};
use super::stage::Stage;

const BATCH: u32 = 20_000;
const BATCHES: usize = 5;

pub(super) async fn measure(stage: &Stage, report: &mut Report) {
    let endpoints = stage.endpoints(1).await;
    stage.forget().await;
    let worker = worker(stage).await;
    stage.burst(BATCH).await;
    let free = batches(stage).await;
    let pin = stage.system.database.admin().await;
    pin.batch_execute("begin isolation level repeatable read; select count(*) from calmony.outbox")
        .await
        .unwrap();
    let pinned = batches(stage).await;
    let last = stage.burst(BATCH).await;
    // PostgreSQL's statistics come a second late.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let dead = stage
        .system
        .database
        .number(
            "select n_dead_tup from pg_stat_user_tables where relname = 'outbox' and schemaname = 'calmony'",
        )
        .await;
    pin.batch_execute("rollback").await.unwrap();
    drop(worker);
    stage.clear(endpoints).await;
    report.head(&["drain, batches of 20,000 events, one endpoint", "events/s", "ratio", "wanted"]);
    report.line(&format!("| without a pinned snapshot | {free:.0} | 1.00 | |"));
    report.line(&format!("| pinned, 100,000 events | {pinned:.0} | {:.2} | ≥ 0.9 |", pinned / free));
    report.line(&format!("| pinned, the 20,000 after them | {last:.0} | {:.2} | |", last / free));
    report.line(&format!("| dead rows in the outbox then | {dead} | | |"));
    report.ratio("pinned", pinned / free);
}

/// The median rate of some batches.
async fn batches(stage: &Stage) -> f64 {
    let mut rates = Vec::new();
    for _ in 0..BATCHES {
        rates.push(stage.burst(BATCH).await);
    }
    median(rates)
}
