//! A receiver that was away for 42 s while 20,000 events happened. Measured is the time until it has them
//! all. It takes minutes, so it is measured only by name.

use std::time::{Duration, Instant};

use super::report::{Report, median};
use super::sink::Mode;
use super::stage::Stage;

const ROUNDS: usize = 3;
const EVENTS: u32 = 20_000;
const OUTAGE: Duration = Duration::from_secs(42);

pub(super) async fn measure(stage: &Stage, report: &mut Report) {
    report.head(&[
        "recovery after an outage of 42 s with 20,000 events owed",
        "seconds",
        "requests while it was away",
    ]);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let (seconds, requests) = run(stage).await;
        report.line(&format!("| | {seconds:.1} | {requests} |"));
        times.push(seconds);
    }
    report.line(&format!("| median | {:.1} | |", median(times)));
}

async fn run(stage: &Stage) -> (f64, u64) {
    let endpoints = stage.endpoints(1).await;
    stage.forget().await;
    stage.sink.reset(false).await;
    stage.sink.set(0, Mode::Fails).await;
    let worker = stage.system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "5s,5m,30m,2h")]).await;
    let down = Instant::now();
    stage.append(EVENTS).await;
    stage.emptied("select exists (select from calmony.outbox)").await;
    tokio::time::sleep_until((down + OUTAGE).into()).await;
    let requests = stage.sink.counts().await.requests;
    stage.sink.set(0, Mode::Takes).await;
    let back = Instant::now();
    stage.drained().await;
    let seconds = back.elapsed().as_secs_f64();
    drop(worker);
    stage.clear(endpoints).await;
    (seconds, requests)
}
