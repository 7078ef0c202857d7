//! Deliveries: a backlog drained by a worker that starts after it, beside the two ceilings; then creates
//! and deliveries at the same time, to one endpoint and to ten.

use std::time::Duration;

use support::Worker;

use super::appends::pgbench;
use super::process::micros;
use super::report::{Report, Sample, Series, add};
use super::stage::Stage;
use super::{Extent, burst, ceilings};

const BACKLOG: u32 = 20_000;
/// Endpoints of one account, at one host.
pub(super) const FAN_OUT: usize = 10;

/// A worker with its usual configuration.
pub(super) async fn worker(stage: &Stage) -> Worker {
    stage
        .system
        .worker_with(&[("CALMONY_RETRY_SCHEDULE", "5s,5m,30m"), ("CALMONY_ATTEMPT_TIMEOUT", "15s")])
        .await
}

pub(super) async fn drain(stage: &Stage, report: &mut Report, rounds: usize) {
    let mut group = [
        Series::new("ceiling: a bare outbox, POSTs, outcomes in batches"),
        Series::new("ceiling: POSTs alone"),
        Series::new("drain, 20,000 events, one endpoint").wanting(0.8),
        Series::new("the same, to a worker that runs").wanting(0.8),
    ];
    for _ in 0..rounds {
        stage.append(BACKLOG).await;
        ceilings::fill(stage, BACKLOG).await;
        stage.forget().await;
        let samples = [
            ceilings::courier(stage, BACKLOG, Some(&stage.system.database.url)).await,
            ceilings::courier(stage, BACKLOG, None).await,
            drained(stage, false).await,
            drained(stage, true).await,
        ];
        add(&mut group, samples);
    }
    stage.admin.batch_execute("drop schema bare cascade").await.unwrap();
    report.group("a backlog of 20,000", &group);
}

/// Events that wait for a worker to start, or come to one that runs, all in one commit.
async fn drained(stage: &Stage, is_running: bool) -> Sample {
    let endpoints = stage.endpoints(1).await;
    stage.forget().await;
    stage.sink.reset(false).await;
    let early = if is_running { Some(worker(stage).await) } else { None };
    stage.append(BACKLOG).await;
    let mut began = micros();
    let before = stage.usage(early.as_ref()).await;
    if !is_running {
        stage.admin.batch_execute("vacuum analyze calmony.outbox").await.unwrap();
        began = micros();
    }
    let running = match early {
        Some(worker) => worker,
        None => worker(stage).await,
    };
    let counts = stage.sink.has(BACKLOG.into()).await;
    let seconds = (counts.last - began) as f64 / 1e6;
    stage.drained().await;
    let usage = stage.usage(Some(&running)).await.since(before);
    assert_eq!(stage.sink.counts().await.requests, u64::from(BACKLOG), "each once");
    drop(running);
    stage.clear(endpoints).await;
    Sample { rate: f64::from(BACKLOG) / seconds, count: BACKLOG.into(), usage, p50: None, p99: None }
}

/// Creates at full load while a worker delivers them to one endpoint; until the last one has arrived.
pub(super) async fn end_to_end(stage: &mut Stage, report: &mut Report, extent: Extent) {
    let events = Series::new("end to end, one endpoint: events").wanting(1.09);
    full_load(stage, report, extent, events, 1).await;
}

/// The same to ten endpoints; then a burst.
pub(super) async fn fan_out(stage: &mut Stage, report: &mut Report, extent: Extent) {
    let deliveries = Series::new("end to end, ten endpoints: deliveries");
    full_load(stage, report, extent, deliveries, FAN_OUT).await;
    if !extent.quick {
        burst::measure(stage, report, extent.rounds).await;
    }
}

async fn full_load(
    stage: &mut Stage,
    report: &mut Report,
    Extent { rounds, slice, .. }: Extent,
    series: Series,
    endpoints: usize,
) {
    let mut group = [Series::new("pgbench, append one by one, 32 clients"), series];
    let mut memory = (0.0_f64, 0.0_f64);
    for _ in 0..rounds {
        let samples = [pgbench(stage, 32, slice).await, delivered(stage, endpoints, slice).await];
        for Sample { usage, .. } in &samples {
            memory = (memory.0.max(usage.api_memory), memory.1.max(usage.worker_memory));
        }
        add(&mut group, samples);
    }
    report.group("creates and deliveries, 32 connections", &group);
    report.line("");
    report.line(&format!(
        "Peak memory of it: API {:.0} MiB, worker {:.0} MiB (wanted: ≤ 64 each).",
        memory.0, memory.1
    ));
}

async fn delivered(stage: &mut Stage, count: usize, slice: Duration) -> Sample {
    let endpoints = stage.endpoints(count).await;
    stage.forget().await;
    stage.sink.reset(false).await;
    let worker = worker(stage).await;
    let ask = stage.creates();
    let mut plan = stage.plan(ask, 32, slice);
    plan.warm_up = Duration::ZERO;
    let before = stage.usage(Some(&worker)).await;
    let seen = plan.run().await;
    let deliveries = seen.done_in_all * u64::try_from(count).unwrap();
    let counts = stage.sink.has(deliveries).await;
    let usage = stage.usage(Some(&worker)).await.since(before);
    stage.drained().await;
    drop(worker);
    stage.clear(endpoints).await;
    let seconds = (counts.last - seen.began) as f64 / 1e6;
    Sample { rate: deliveries as f64 / seconds, count: deliveries as f64, ..Sample::of_load(&seen, usage) }
}
