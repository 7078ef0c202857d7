//! `calmony verify`: proof that nothing was lost.

use std::io::IsTerminal as _;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use super::{say, say_json};
use crate::config::DatabaseOptions;
use crate::log::verify::{Report, Watch, verify};

/// How to verify.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// A progress bar on standard error, where that is a terminal.
struct Bar(ProgressBar);

impl Watch for Bar {
    fn stage(&mut self, name: &'static str, steps: u64) {
        self.0.finish_and_clear();
        if std::io::stderr().is_terminal() {
            self.0 = ProgressBar::new(steps).with_message(name);
            if let Ok(style) = ProgressStyle::with_template("{msg:10} {wide_bar} {pos}/{len} {eta}") {
                self.0.set_style(style);
            }
        }
    }

    fn done(&mut self, steps: u64) {
        self.0.inc(steps);
    }
}

pub(super) async fn run(options: VerifyOptions) -> anyhow::Result<()> {
    let mut bar = Bar(ProgressBar::hidden());
    let report = verify(&options.database.database_url, &mut bar).await?;
    bar.0.finish_and_clear();
    if options.json {
        say_json(&report)?;
    } else {
        tell(&report);
    }
    match report.problems {
        0 => Ok(()),
        1 => bail!("1 problem"),
        count => bail!("{count} problems"),
    }
}

fn tell(report: &Report) {
    let found = &report.deliveries;
    say(format_args!("events      {:>10}", report.events));
    say(format_args!("objects     {:>10}", report.objects));
    say(format_args!("deliveries"));
    let states = [
        ("delivered", found.delivered),
        ("owed", found.owed),
        ("parked", found.parked),
        ("exhausted", found.exhausted),
        ("pending", found.pending),
        ("undecided", found.undecided),
    ];
    for (name, count) in states {
        say(format_args!("  {name:<10}{count:>10}"));
    }
    for problem in &report.state {
        say(format_args!("state: {problem}"));
    }
    for lost in &report.lost {
        say(format_args!("lost: {lost}"));
    }
    if report.problems == 0 {
        say("nothing lost; the state is the fold of the log");
    }
}
