//! The delay of a webhook: from the request for a customer to its arrival, on an idle system; and from the
//! commit, by PostgreSQL's own note of it, at a steady pace.

use std::collections::HashMap;
use std::time::Duration;

use super::Extent;
use super::appends::pgbench;
use super::deliver::worker;
use super::report::{Report, Sample, Series, add, median, percentile};
use super::sink::{Arrival, waits};
use super::stage::Stage;
use super::usage::Usage;

const STEADY: f64 = 200.0;

pub(super) async fn measure(report: &mut Report, Extent { rounds, slice, .. }: Extent) {
    // A stage of its own: PostgreSQL notes the times of commits, which no other measurement includes.
    let mut stage = Stage::open(&["track_commit_timestamp=on"]).await;
    let mut series =
        ["pgbench, append one by one, 1 client", "idle, one after the other: request to webhook", "", ""]
            .map(Series::new);
    for _ in 0..rounds {
        add(&mut series, round(&mut stage, slice).await);
    }
    stage.close().await;
    show(report, &series);
}

/// One of each: appends one by one, an idle system, a steady pace counted from the commit, and the same
/// from the answer.
async fn round(stage: &mut Stage, slice: Duration) -> [Sample; 4] {
    let floor = pgbench(stage, 1, slice).await;
    stage.forget().await;
    let endpoints = stage.endpoints(1).await;
    let worker = worker(stage).await;
    let ask = stage.creates();
    stage.sink.reset(true).await;
    let mut plan = stage.plan(ask, 1, slice);
    (plan.marks, plan.until_arrived) = (true, Some((stage.sink.address, 1)));
    let seen = plan.run().await;
    let idle = sample(&seen.sent(), &stage.sink.arrivals().await);

    let ask = stage.creates();
    stage.sink.reset(true).await;
    // Long, so that PostgreSQL's own work after a load doesn't count for much.
    let mut plan = stage.plan(ask, 8, slice * 4);
    (plan.marks, plan.pace) = (true, Some(STEADY));
    let before = stage.usage(Some(&worker)).await;
    let seen = plan.run().await;
    stage.drained().await;
    let usage = stage.usage(Some(&worker)).await.since(before);
    let arrivals = stage.sink.arrivals().await;
    let steady = sample(&commits(stage).await, &arrivals);
    let steady = Sample { usage, count: seen.done_in_all as f64, ..steady };
    drop(worker);
    stage.clear(endpoints).await;
    [floor, idle, steady, sample(&seen.answered(), &arrivals)]
}

fn show(report: &mut Report, [floor, idle, steady, answered]: &[Series; 4]) {
    // Rates of requests that are made one after the other are the inverse of their mean times.
    let ratios =
        floor.samples.iter().zip(&idle.samples).map(|(floor, idle)| idle.rate / floor.rate).collect();
    report.ratio(&idle.name, median(ratios));
    report.head(&["latency", "p50 ms", "p99 ms", "wanted", "CPU s for 10,000: API, worker, PostgreSQL"]);
    let cpu = |of: fn(&Usage) -> f64| {
        median(steady.samples.iter().map(|sample| of(&sample.usage) / sample.count * 1e4).collect())
    };
    let (api, worker, postgres) = (cpu(|used| used.api), cpu(|used| used.worker), cpu(|used| used.postgres));
    let cpu = cpu(|used| used.api + used.worker + used.postgres);
    for (name, series, wanted, cpu) in [
        ("idle, one after the other: request sent to webhook arrived", idle, "1.5 / 3", String::new()),
        (
            "steady 200/s: commit to webhook arrived",
            steady,
            "0.6 / 1.5",
            format!("{api:.1} + {worker:.1} + {postgres:.1} = {cpu:.1} (≤ 8)"),
        ),
        ("steady 200/s: answer read to webhook arrived", answered, "", String::new()),
    ] {
        let (p50, p99) = (series.p50().unwrap(), series.p99().unwrap());
        report.line(&format!("| {name} | {p50:.2} | {p99:.2} | {wanted} | {cpu} |"));
    }
}

/// The times of the customers' commits, by number. PostgreSQL notes the time before the commit is written
/// to disk.
async fn commits(stage: &Stage) -> HashMap<u64, u64> {
    let sql = "select substr(data ->> 'name', 2)::bigint, \
               (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint \
                 from calmony.event where type = 'customer.created' and data ->> 'name' like 'n%'";
    let rows = stage.admin.query(sql, &[]).await.unwrap();
    let number = |row: &tokio_postgres::Row, column| u64::try_from(row.get::<_, i64>(column)).unwrap();
    rows.iter().map(|row| (number(row, 0), number(row, 1))).collect()
}

/// The percentiles and the mean of the time from a mark to the arrival.
fn sample(marks: &HashMap<u64, u64>, arrivals: &[Arrival]) -> Sample {
    let waits = waits(marks, arrivals).sorted;
    let (p50, p99) = (Some(percentile(&waits, 50)), Some(percentile(&waits, 99)));
    let mean = f64::from(waits.iter().sum::<f32>()) / waits.len() as f64;
    Sample { p50, p99, ..Sample::of_rate(1_000.0 / mean) }
}
