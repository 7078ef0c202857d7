//! The API alone, no endpoints: creates beside `pgbench` of the same append with one event a statement;
//! updates, reads, lists.

use std::time::Duration;

use super::Extent;
use super::appends::{How, pgbench, pgbench_of};
use super::generator::Ask;
use super::process::micros;
use super::report::{Report, Sample, Series, add};
use super::stage::Stage;

const CONNECTIONS: [u64; 3] = [8, 32, 64];
const FLOOR: &str = "pgbench, append one by one, 32 clients";
/// Customers that are changed and read.
const CUSTOMERS: u32 = 10_000;

pub(super) async fn creates(stage: &mut Stage, report: &mut Report, Extent { rounds, slice, quick }: Extent) {
    if quick {
        return at_32(stage, report, rounds, slice).await;
    }
    let mut floor = Series::new(FLOOR);
    let mut alone = [
        Series::new("pgbench, append one by one, 1 client"),
        Series::new("pgbench, the statement for many events with one, 1 client"),
        Series::new("pgbench, the statement for an event that comes alone, 1 client").wanting(1.0),
        Series::new("the same, and its commit wakes the workers"),
        Series::new("create, 1 connection"),
    ];
    let mut group: Vec<_> =
        CONNECTIONS.iter().map(|count| Series::new(format!("create, {count} connections"))).collect();
    let mut keyed = Series::new("create, 32 connections, each with an Idempotency-Key");
    for series in group.iter_mut().filter(|series| series.name.contains("32")) {
        series.target = Some(1.5);
    }
    for _ in 0..rounds {
        floor.samples.push(pgbench(stage, 32, slice).await);
        for (connections, series) in CONNECTIONS.iter().zip(&mut group) {
            let ask = stage.creates();
            series.samples.push(load(stage, ask, *connections, slice).await);
        }
        let ask = Ask::CreateWithKey(micros().to_string());
        keyed.samples.push(load(stage, ask, 32, slice).await);
        let ask = stage.creates();
        let samples = [
            pgbench_of(stage, How::PlainInAnyOrder, 1, slice).await,
            pgbench_of(stage, How::Combined, 1, slice).await,
            pgbench_of(stage, How::Alone, 1, slice).await,
            pgbench_of(stage, How::AloneAndWaking, 1, slice).await,
            load(stage, ask, 1, slice).await,
        ];
        add(&mut alone, samples);
        stage.forget().await;
    }
    group.insert(0, floor);
    group.push(keyed);
    report.group("creates, deliveries off", &group);
    report.group("creates one after the other", &alone);
}

/// The measurement that is compared with the committed ratio.
async fn at_32(stage: &mut Stage, report: &mut Report, rounds: usize, slice: Duration) {
    let mut group = [Series::new(FLOOR), Series::new("create, 32 connections").wanting(1.5)];
    for _ in 0..rounds {
        let ask = stage.creates();
        let samples = [pgbench(stage, 32, slice).await, load(stage, ask, 32, slice).await];
        add(&mut group, samples);
        stage.forget().await;
    }
    report.group("creates, deliveries off", &group);
}

/// The request for customers that exist.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Update,
    Read,
    List,
}

pub(super) async fn others(
    stage: &mut Stage,
    report: &mut Report,
    Extent { rounds, slice, .. }: Extent,
    what: What,
) {
    stage.append(CUSTOMERS).await;
    let ids = stage.customers(CUSTOMERS).await;
    let (title, name, ask) = match what {
        What::Update => ("updates", "update, 32 connections", Ask::Update(ids)),
        What::Read => ("reads", "read, 32 connections", Ask::Read(ids)),
        What::List => ("lists", "list of ten, 32 connections", Ask::List),
    };
    let mut group = [Series::new(FLOOR), Series::new(name)];
    for _ in 0..rounds {
        let samples = [pgbench(stage, 32, slice).await, load(stage, ask.clone(), 32, slice).await];
        add(&mut group, samples);
        stage.forget().await;
    }
    report.group(title, &group);
}

async fn load(stage: &Stage, ask: Ask, connections: u64, slice: Duration) -> Sample {
    let (seen, usage) = stage.run(&stage.plan(ask, connections, slice)).await;
    Sample::of_load(&seen, usage)
}
