//! `calmony verify`: proof that nothing was lost.

use anyhow::bail;

use crate::cli::support::bar::Bar;
use crate::config::DatabaseOptions;
use crate::log::verify::{Report, verify};
use crate::output::{say, say_json};

/// The database to verify.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(options: VerifyOptions) -> anyhow::Result<()> {
    let mut bar = Bar::hidden();
    let report = verify(&options.database.database_url, &mut bar).await?;
    bar.clear();
    if options.json {
        say_json(&report)?;
    } else {
        print_report(&report);
    }
    match report.problems {
        0 => Ok(()),
        1 => bail!("1 problem"),
        count => bail!("{count} problems"),
    }
}

fn print_report(report: &Report) {
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
