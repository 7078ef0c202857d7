//! Figures, for anyone to repeat: `make bench`, or `target/release/bench isolation` and so on for some of them. Everything is on one machine, so read the ratios of one run and not the
//! absolute numbers. The load generator and the receiver are in this process; the product is the release build.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that can't go on stops")]

mod backlog;
mod create;
mod drain;
mod isolation;
mod million;
mod overload;
mod pinned;
mod recovery;
mod sink;

use std::time::Duration;

use calmony_pay::database::migrate::migrate;
use support::database::{Folder, own_cluster_with};
use support::{Database, System};

/// How often each thing is measured; the table shows medians.
const ROUNDS: usize = 5;
/// How long one measurement of creates takes.
const SLICE: Duration = Duration::from_secs(4);
/// PostgreSQL as one would run it: everything durable.
const SETTINGS: &[&str] = &[
    "shared_buffers=1GB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "random_page_cost=1.1",
    "wal_buffers=16MB",
];

#[tokio::main]
async fn main() {
    let (mut cluster, _folder): (_, Folder) = own_cluster_with("bench", SETTINGS).await;
    cluster.url("postgres").unwrap().create_database("calmony").await.unwrap();
    migrate(&cluster.url("calmony").unwrap()).await.unwrap();
    let system = System::on(Database { url: cluster.url_text("calmony") }).await;

    support::contract::ignore();
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    println!("| scenario | median | min | max | ratio to the first row of its group, median of paired |");
    println!("| --- | --- | --- | --- | --- |");
    system.client.customer("template").await;
    if wanted("create") {
        create::measure(&system).await;
    }
    if wanted("overload") {
        overload::measure(&system).await;
    }
    if wanted("drain") {
        drain::measure(&system).await;
    }
    if wanted("isolation") {
        isolation::measure(&system).await;
    }
    if wanted("recovery") {
        recovery::measure(&system).await;
    }
    if wanted("pinned") {
        pinned::measure(&system).await;
    }
    if wanted("verify") {
        verify(&system).await;
    }
    // Last, because it puts rows past the triggers, which verify would find.
    if wanted("million") {
        million::measure(&system).await;
    }
    cluster.stop().await.unwrap();
}

/// How long `calmony verify` takes over all that the other measurements have left.
async fn verify(system: &System) {
    let started = std::time::Instant::now();
    let said = tokio::process::Command::new(support::system::program("calmony"))
        .args(["verify", "--database-url", &system.database.url])
        .output()
        .await
        .unwrap();
    println!(
        "\n`calmony verify` took {:.1} s:\n{}",
        started.elapsed().as_secs_f64(),
        String::from_utf8_lossy(&said.stdout)
    );
}

/// A series of measurements of one thing, in one unit a second.
struct Series {
    name: String,
    rates: Vec<f64>,
}

impl Series {
    fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), rates: Vec::new() }
    }
}

/// Prints a group of series as rows of a table. Ratios are taken within a round, then their median.
fn print(group: &[Series]) {
    let first = group.first().map_or(&[][..], |series| &series.rates);
    for series in group {
        let ratios = series.rates.iter().zip(first).map(|(rate, base)| rate / base).collect();
        let (low, high) = bounds(&series.rates);
        let (middle, ratio) = (median(series.rates.clone()), median(ratios));
        println!("| {} | {middle:.0}/s | {low:.0} | {high:.0} | {ratio:.2} |", series.name);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that so many of a hundred stay below. They are sorted.
fn at_percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or(f64::NAN)
}

fn bounds(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// How many a second.
fn rate(count: u32, seconds: f64) -> f64 {
    f64::from(count) / seconds
}
