//! Figures, for anyone to repeat: `make bench`, or `target/release/bench create drain` and so on for some
//! of them. Everything is on one machine, so read the ratios of one run and not the absolute numbers.
//! Generator, sink and courier are processes of their own; the product is the release build; PostgreSQL is
//! private and durable.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a measurement that can't go on stops, and its numbers are far from the limits"
)]

mod accounts;
mod api;
mod appends;
mod backlog;
mod burst;
mod ceilings;
mod connection;
mod costs;
mod deliver;
mod generator;
mod groups;
mod isolation;
mod latency;
mod overload;
mod pay;
mod pinned;
mod process;
mod recovery;
mod regression;
mod report;
mod scale;
mod sink;
mod stage;
mod usage;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use api::What;
use report::Report;
use stage::Stage;

/// The scenarios by name, in the order in which they are measured. Those of [`BY_NAME_ONLY`] take minutes.
const SCENARIOS: &[&str] = &[
    "create",
    "groups",
    "pay",
    "update",
    "read",
    "list",
    "drain",
    "e2e",
    "fanout",
    "latency",
    "costs",
    "isolation",
    "overload",
    "scale",
    "pinned",
    "verify",
    "backlog",
    "recovery",
];
const BY_NAME_ONLY: &[&str] = &["recovery"];
/// The scenarios that would be distorted by the rows that the others have left behind. `latency` and
/// `costs` have stages of their own as well, made in their own way.
const ON_ITS_OWN: &[&str] = &["scale", "pinned", "backlog"];

/// The extent of the measurements.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// The number of repetitions; the tables show medians.
    rounds: usize,
    /// The length of one measurement.
    slice: Duration,
    /// Only the measurements that are compared with the committed ratios.
    quick: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let local = tokio::task::LocalSet::new();
    match arguments.first().map(String::as_str) {
        Some("generator") => local.run_until(generator::run()).await,
        Some("sink") => local.run_until(sink::run()).await,
        Some("courier") => local.run_until(ceilings::run()).await,
        Some("appender") => local.run_until(groups::run()).await,
        Some("hold") => hold(arguments.get(1..).unwrap_or_default()).await,
        Some("quick") => {
            return regression::measure(arguments.iter().any(|argument| argument == "--keep")).await;
        }
        _ => return Box::pin(asked_for(&arguments)).await,
    }
    ExitCode::SUCCESS
}

/// Keeps everything running, for a profiler, until the standard input ends; PostgreSQL with these settings.
async fn hold(settings: &[String]) {
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let stage = Stage::open(&settings).await;
    let _worker = deliver::worker(&stage).await;
    let (key, database) = (stage.system.client.key(), &stage.system.database.url);
    let (api, sink) = (stage.address(), &stage.sink.url);
    eprintln!("CALMONY_API_KEY={key}\nCALMONY_DATABASE_URL={database}\nAPI={api}\nSINK={sink}");
    process::orphaned().await;
}

/// Measures the named scenarios, or all; `--write` puts the report into docs/BENCHMARKS.md.
async fn asked_for(arguments: &[String]) -> ExitCode {
    let write = arguments.iter().any(|argument| argument == "--write");
    let names: Vec<&str> = arguments.iter().map(String::as_str).filter(|name| *name != "--write").collect();
    if let Some(unknown) = names.iter().find(|name| !SCENARIOS.contains(name)) {
        eprintln!("bench: there is no {unknown}; there are {}, `quick` and `--write`", SCENARIOS.join(", "));
        return ExitCode::from(2);
    }
    let wanted =
        |name: &str| if names.is_empty() { !BY_NAME_ONLY.contains(&name) } else { names.contains(&name) };
    if write && !report::has_place() {
        eprintln!("bench: docs/BENCHMARKS.md has no place for the report; run this in the project's folder");
        return ExitCode::from(2);
    }
    let began = Instant::now();
    let mut report = Report::default();
    let extent = Extent { rounds: 5, slice: Duration::from_secs(3), quick: false };
    Box::pin(measure(&mut report, extent, wanted)).await;
    report.line(&format!("\nMeasured in {:.0} minutes.", began.elapsed().as_secs_f64() / 60.0));
    if write {
        report.write();
    }
    ExitCode::SUCCESS
}

async fn measure(report: &mut Report, extent: Extent, wanted: impl Fn(&str) -> bool) {
    support::contract::ignore();
    let mut shared = Stage::open(&[]).await;
    let slice = extent.slice;
    for name in SCENARIOS.iter().filter(|name| wanted(name)) {
        let mut own = if ON_ITS_OWN.contains(name) { Some(Stage::open(&[]).await) } else { None };
        let stage = own.as_mut().unwrap_or(&mut shared);
        match *name {
            "create" => api::creates(stage, report, extent).await,
            "groups" => groups::measure(stage, report).await,
            "pay" => pay::measure(report, extent).await,
            "update" => api::others(stage, report, extent, What::Update).await,
            "read" => api::others(stage, report, extent, What::Read).await,
            "list" => api::others(stage, report, extent, What::List).await,
            "drain" => deliver::drain(stage, report, extent.rounds).await,
            "e2e" => deliver::end_to_end(stage, report, extent).await,
            "fanout" => Box::pin(deliver::fan_out(stage, report, extent)).await,
            "latency" => latency::measure(report, extent).await,
            "costs" => costs::measure(report).await,
            "isolation" => Box::pin(isolation::measure(stage, report, slice * 2)).await,
            "overload" => overload::measure(stage, report, slice).await,
            "scale" => scale::measure(stage, report, extent).await,
            "pinned" => pinned::measure(stage, report).await,
            "verify" => verify(stage, report).await,
            "backlog" => backlog::measure(stage, report, slice * 3).await,
            _ => recovery::measure(stage, report).await,
        }
        if let Some(own) = own {
            own.close().await;
        }
    }
    shared.close().await;
}

/// The time that `calmony verify` takes over everything that the other measurements have left.
async fn verify(stage: &Stage, report: &mut Report) {
    let started = Instant::now();
    let said = tokio::process::Command::new(support::system::program("calmony"))
        .arg("verify")
        .env("CALMONY_DATABASE_URL", &stage.system.database.url)
        .output()
        .await
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    let seconds = started.elapsed().as_secs_f64();
    report.line(&format!(
        "\n`calmony verify` took {seconds:.1} s:\n\n```\n{}```",
        String::from_utf8_lossy(&said.stdout)
    ));
}
