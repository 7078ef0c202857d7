//! One and two workers, one and two API processes. Two cores carry everything here. So this shows the cost
//! of a second process, and not the gain that it would bring elsewhere.

use support::System;

use super::Extent;
use super::deliver::worker;
use super::report::{Report, Sample, Series};
use super::stage::{Stage, address};

const BACKLOG: u32 = 20_000;

pub(super) async fn measure(stage: &mut Stage, report: &mut Report, Extent { rounds, slice, .. }: Extent) {
    let second = System::on(stage.system.database.clone()).await;
    let mut drains = ["drain, one worker", "drain, two workers"].map(Series::new);
    let mut creates =
        ["create, 32 connections, one API", "create, 32 connections, two APIs"].map(Series::new);
    for _ in 0..rounds {
        for (count, series) in [1, 2].into_iter().zip(&mut drains) {
            series.samples.push(drain(stage, count).await);
        }
        for (others, series) in [vec![], vec![address(&second.url)]].into_iter().zip(&mut creates) {
            let ask = stage.creates();
            let mut plan = stage.plan(ask, 32, slice);
            plan.to.extend(others);
            plan.key = second.client.key().to_owned();
            let seen = plan.run().await;
            series.samples.push(Sample { rate: seen.done as f64 / seen.seconds, ..Sample::default() });
        }
        stage.forget().await;
    }
    report.group("two workers", &drains);
    report.group("two API processes", &creates);
}

/// Events that come to workers that have shared the buckets.
async fn drain(stage: &Stage, workers: usize) -> Sample {
    let endpoints = stage.endpoints(1).await;
    stage.forget().await;
    let mut running = Vec::new();
    for _ in 0..workers {
        running.push(worker(stage).await);
    }
    stage.system.database.shared_as(&vec![64 / i64::try_from(workers).unwrap(); workers]).await;
    let rate = stage.burst(BACKLOG).await;
    stage.drained().await;
    drop(running);
    stage.clear(endpoints).await;
    Sample::of_rate(rate)
}
