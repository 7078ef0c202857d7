//! Overload, in its two forms: four times the requests that a key may make, and four times the clients that
//! an account has places for. Measured are the requests that are accepted, and the others.

use std::time::Duration;

use support::System;

use super::generator::{Ask, Plan, Seen};
use super::report::{Report, median, percentile};
use super::stage::{Stage, address};

const ROUNDS: usize = 5;
/// Requests that the process takes on at once. Three quarters of them may be of one account.
const PLACES: u64 = 64;
const SHARE: u64 = 48;
/// Requests a second that a key may make: about a fifth of the machine's capacity, so that the generator
/// has room.
const RATE: f64 = 2_000.0;

/// Two plans that are run in turns.
struct Pair {
    /// The title, and the names of the plans.
    name: &'static str,
    calm: (&'static str, Plan),
    loaded: (&'static str, Plan),
}

pub(super) async fn measure(stage: &mut Stage, report: &mut Report, slice: Duration) {
    let (places, rate) = (PLACES.to_string(), format!("{RATE}"));
    let shedding = System::with(stage.system.database.clone(), &[("CALMONY_REQUESTS_MAX", &places)]).await;
    let limited = System::with(stage.system.database.clone(), &[("CALMONY_RATE_LIMIT", &rate)]).await;
    report.head(&["overload", "accepted/s", "refused/s", "p50 ms of the accepted", "p99"]);
    let plan = |stage: &mut Stage, system: &System, connections, pace| {
        let plan = stage.plan(Ask::Create(0), connections, slice);
        Plan { to: vec![address(&system.url)], key: system.client.key().to_owned(), pace, ..plan }
    };
    let calm_pace = RATE * 0.95;
    let by_rate = Pair {
        name: "a key's rate limit of 2,000/s",
        calm: ("0.95 of it", plan(stage, &limited, 64, Some(calm_pace))),
        loaded: ("four times that", plan(stage, &limited, 64, Some(4.0 * calm_pace))),
    };
    let by_places = Pair {
        name: "64 requests at once are taken on, 48 of them of one account",
        calm: ("48 clients of it", plan(stage, &shedding, SHARE, None)),
        loaded: ("192 clients of it", plan(stage, &shedding, 4 * SHARE, None)),
    };
    for pair in [by_rate, by_places] {
        run(stage, report, pair).await;
    }
}

/// The calm and the loaded, in turns, and the ratios of their latencies.
async fn run(stage: &mut Stage, report: &mut Report, mut pair: Pair) {
    let name = pair.name;
    let (mut p50s, mut p99s) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut percentiles = Vec::new();
        for (what, plan) in [&mut pair.calm, &mut pair.loaded] {
            plan.ask = stage.creates();
            let Seen { done, refused, other, seconds, waits, .. } = plan.run().await;
            assert_eq!(other, 0, "an answer that is neither 200 nor 429 nor 503");
            let (p50, p99) = (percentile(&waits, 50), percentile(&waits, 99));
            let (done, refused) = (done as f64 / seconds, refused as f64 / seconds);
            report.line(&format!("| {name}: {what} | {done:.0} | {refused:.0} | {p50:.2} | {p99:.2} |"));
            percentiles.push((p50, p99));
        }
        if let [calm, loaded] = percentiles.as_slice() {
            p50s.push(loaded.0 / calm.0);
            p99s.push(loaded.1 / calm.1);
        }
        stage.forget().await;
    }
    report.line(&format!(
        "| {name}: ratio, median of {ROUNDS} | | | {:.2} | {:.2} |",
        median(p50s),
        median(p99s)
    ));
}
