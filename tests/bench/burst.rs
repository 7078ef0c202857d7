//! A burst of events to ten endpoints of one host: the connections that it opens, and the time until it has
//! arrived.

use std::time::Duration;

use super::deliver::{FAN_OUT, worker};
use super::report::{Report, median, percentile};
use super::sink::waits;
use super::stage::Stage;

const EVENTS: u64 = 2_000;
/// As fast as the API accepts them, and as fast as a key may by default.
const LOADS: [(&str, Option<f64>); 2] = [("as fast as it goes", None), ("1,000 events/s", Some(1_000.0))];
/// The longest time for the requests.
const PATIENCE: Duration = Duration::from_mins(1);

/// One burst.
struct Burst {
    /// Deliveries a second, from the first request to the last arrival.
    rate: f64,
    /// Connections that were opened.
    connections: f64,
    /// Milliseconds from the request to the arrival, and from the answer to it: p50 and p99.
    sent: (f64, f64),
    answered: (f64, f64),
}

pub(super) async fn measure(stage: &mut Stage, report: &mut Report, rounds: usize) {
    report.head(&[
        "a burst of 2,000 events to ten endpoints of one host",
        "deliveries/s",
        "connections opened",
        "request to arrival: p50 ms",
        "p99",
        "answer to arrival: p50 ms",
        "p99",
    ]);
    let mut all = LOADS.map(|_| Vec::new());
    for _ in 0..rounds {
        for ((name, pace), bursts) in LOADS.iter().zip(&mut all) {
            let burst = run(stage, *pace).await;
            row(report, name, &burst);
            bursts.push(burst);
        }
    }
    for ((name, _), bursts) in LOADS.iter().zip(&all) {
        row(report, &format!("{name}: median of {rounds}"), &typical(bursts));
    }
    report.line("| wanted: no more connections than may be in flight to a host | | ≤ 128 | ≤ 185 | | | |");
}

fn row(report: &mut Report, name: &str, burst: &Burst) {
    let Burst { rate, connections, sent, answered } = burst;
    report.line(&format!(
        "| {name} | {rate:.0} | {connections:.0} | {:.1} | {:.1} | {:.1} | {:.1} |",
        sent.0, sent.1, answered.0, answered.1
    ));
}

/// The medians of several.
fn typical(bursts: &[Burst]) -> Burst {
    let of = |what: fn(&Burst) -> f64| median(bursts.iter().map(what).collect());
    Burst {
        rate: of(|burst| burst.rate),
        connections: of(|burst| burst.connections),
        sent: (of(|burst| burst.sent.0), of(|burst| burst.sent.1)),
        answered: (of(|burst| burst.answered.0), of(|burst| burst.answered.1)),
    }
}

/// Starts with new endpoints and a new worker, to which nothing is connected yet.
async fn run(stage: &mut Stage, pace: Option<f64>) -> Burst {
    let endpoints = stage.endpoints(FAN_OUT).await;
    stage.forget().await;
    stage.sink.reset(true).await;
    let worker = worker(stage).await;
    let ask = stage.creates();
    let mut plan = stage.plan(ask, 32, PATIENCE);
    (plan.warm_up, plan.marks) = (Duration::ZERO, true);
    (plan.count, plan.pace) = (Some(EVENTS), pace);
    let seen = plan.run().await;
    assert_eq!(seen.done, EVENTS, "each is taken");
    let deliveries = EVENTS * u64::try_from(FAN_OUT).unwrap();
    let counts = stage.sink.has(deliveries).await;
    stage.drained().await;
    let arrivals = stage.sink.arrivals().await;
    drop(worker);
    stage.clear(endpoints).await;
    let [sent, answered] = [seen.sent(), seen.answered()].map(|marks| {
        let sorted = waits(&marks, &arrivals).sorted;
        (percentile(&sorted, 50), percentile(&sorted, 99))
    });
    Burst {
        rate: deliveries as f64 / (counts.last - seen.began) as f64 * 1e6,
        connections: counts.connections as f64,
        sent,
        answered,
    }
}
