//! Ten endpoints of one account, of which one hangs and one answers 500, beside the eight others alone.
//! Measured is the wait of the eight. Then one account beside others (`accounts.rs`).

use std::time::Duration;

use super::accounts;
use super::generator::Seen;
use super::report::{Report, median, percentile};
use super::sink::{Arrival, Mode, Waits, waits};
use super::stage::Stage;

const GOOD: usize = 8;
const ROUNDS: usize = 3;

/// The measurements of the eight others.
struct Sight {
    p50: f64,
    p99: f64,
    rate: f64,
    duplicates: usize,
    missing: usize,
}

/// The pace of events.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// Events a second.
    Paced(f64),
    /// As fast as the machine delivers them: the next when one has arrived everywhere, with this many on
    /// their way.
    Outstanding(u64),
}

pub(super) async fn measure(stage: &mut Stage, report: &mut Report, slice: Duration) {
    report.head(&[
        "isolation: request to arrival at each of eight",
        "p50 ms",
        "p99 ms",
        "events/s",
        "duplicates",
        "missing",
    ]);
    for (name, load) in [
        ("50 events/s", Load::Paced(50.0)),
        ("the machine's limit, 32 events on their way", Load::Outstanding(32)),
    ] {
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let alone = run(stage, load, slice, false).await;
            let beside = run(stage, load, slice, true).await;
            for (what, seen) in [("alone", &alone), ("beside two bad ones", &beside)] {
                let Sight { p50, p99, rate, duplicates, missing } = seen;
                report.line(&format!(
                    "| {name}, eight {what} | {p50:.2} | {p99:.2} | {rate:.0} | {duplicates} | {missing} |"
                ));
            }
            p50.push(beside.p50 / alone.p50);
            p99.push(beside.p99 / alone.p99);
        }
        report.line(&format!(
            "| {name}: ratio, median of {ROUNDS} | {:.2} | {:.2} | | | |",
            median(p50),
            median(p99)
        ));
    }
    accounts::measure(stage, report).await;
}

async fn run(stage: &mut Stage, load: Load, slice: Duration, with_bad: bool) -> Sight {
    stage.sink.set(GOOD, Mode::Hangs).await;
    stage.sink.set(GOOD + 1, Mode::Fails).await;
    let endpoints = stage.endpoints(if with_bad { GOOD + 2 } else { GOOD }).await;
    stage.forget().await;
    stage.sink.reset(true).await;
    // A short deadline, so that a slice has several of them in it.
    let hasty = [("CALMONY_ATTEMPT_TIMEOUT", "3s"), ("CALMONY_RETRY_SCHEDULE", "5s,5m,30m")];
    let worker = stage.system.worker_with(&hasty).await;
    let ask = stage.creates();
    let mut plan = stage.plan(ask, 8, slice);
    (plan.warm_up, plan.marks) = (Duration::ZERO, true);
    match load {
        Load::Paced(rate) => plan.pace = Some(rate),
        Load::Outstanding(count) => {
            plan.connections = count;
            plan.until_arrived = Some((stage.sink.address, GOOD));
        }
    }
    let seen = plan.run().await;
    stage.emptied("select exists (select from calmony.outbox)").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let arrivals = stage.sink.arrivals().await;
    drop(worker);
    stage.clear(endpoints).await;
    for endpoint in [GOOD, GOOD + 1] {
        stage.sink.set(endpoint, Mode::Takes).await;
    }
    sight(&seen, &arrivals)
}

fn sight(seen: &Seen, arrivals: &[Arrival]) -> Sight {
    let sent = seen.sent();
    let Waits { sorted, duplicates } = waits(&sent, arrivals);
    Sight {
        p50: percentile(&sorted, 50),
        p99: percentile(&sorted, 99),
        rate: seen.marks.len() as f64 / seen.seconds,
        duplicates,
        missing: sent.len() * GOOD - sorted.len(),
    }
}
