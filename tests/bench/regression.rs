//! The short run that guards against getting slower: some ratios, compared with those that were committed.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use super::report::Report;
use super::{Extent, measure as run};

/// The committed ratios; in the folder of the project, where `make` runs this.
const RATIOS: &str = "tests/bench/ratios.json";
/// A ratio below this part of the committed one has fallen.
const FALLEN: f64 = 0.75;
const EXTENT: Extent = Extent { rounds: 3, slice: Duration::from_secs(2), quick: true };

/// Measures; compares, or keeps the ratios for the next time. Fails when one has fallen by more than a
/// quarter.
pub(super) async fn measure(keep: bool) -> ExitCode {
    // Read first, so as not to measure for minutes in vain.
    let committed: Option<BTreeMap<String, f64>> =
        std::fs::read_to_string(RATIOS).ok().and_then(|text| serde_json::from_str(&text).ok());
    if committed.is_none() && !keep {
        eprintln!("bench: {RATIOS} can't be read; run this in the project's folder");
        return ExitCode::FAILURE;
    }
    let mut report = Report::default();
    Box::pin(run(&mut report, EXTENT, |name| {
        ["create", "drain", "e2e", "fanout", "latency"].contains(&name)
    }))
    .await;
    if keep {
        let text = serde_json::to_string_pretty(&report.ratios).unwrap();
        std::fs::write(RATIOS, format!("{text}\n")).unwrap();
        return ExitCode::SUCCESS;
    }
    compare(&mut report, &committed.unwrap_or_default())
}

fn compare(report: &mut Report, committed: &BTreeMap<String, f64>) -> ExitCode {
    let mut fallen = 0;
    report.head(&["compared with the committed ratios", "then", "now", ""]);
    for (name, then) in committed {
        let now = report.ratios.get(name).copied().unwrap_or_default();
        // A ratio that wasn't measured has fallen, too.
        let holds = now >= then * FALLEN;
        let verdict = if holds { "" } else { "**fallen**" };
        fallen += usize::from(!holds);
        report.line(&format!("| {name} | {then:.2} | {now:.2} | {verdict} |"));
    }
    if fallen > 0 {
        eprintln!("bench: {fallen} ratios have fallen by more than a quarter");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
