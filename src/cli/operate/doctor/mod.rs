//! `calmony doctor`: the things that are wrong now, or soon will be, and their remedies.

mod judge;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use crate::cli::support::table;
use crate::config::{CardNumberOptions, DatabaseOptions, SecretKeyOptions};
use crate::output::say_json;
use crate::read::diagnosis::diagnose;
use judge::{Level, card_numbers, judge};

/// The system to look at.
#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Says whether the stored secrets can be opened, where it is given
    #[command(flatten)]
    secret_key: SecretKeyOptions,
    #[command(flatten)]
    card_numbers: CardNumberOptions,
    /// Print the findings and what they are drawn from as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(options: DoctorOptions) -> anyhow::Result<()> {
    let keyring = if options.secret_key.is_given() { Some(options.secret_key.keyring()?) } else { None };
    let diagnosis = diagnose(&options.database.database_url).await?;
    let mut findings = judge(&diagnosis, keyring.as_ref());
    findings.push(card_numbers(options.card_numbers.card_numbers()));
    if options.json {
        say_json(&json!({ "findings": findings, "diagnosis": diagnosis }))?;
    } else {
        let rows = findings.iter().map(|finding| {
            vec![finding.level.name().to_owned(), finding.about.to_owned(), finding.said.clone()]
        });
        table::print(&["STATE", "ABOUT", "FOUND"], rows);
    }
    match findings.iter().filter(|finding| finding.level == Level::Bad).count() {
        0 => Ok(()),
        1 => bail!("1 thing is wrong"),
        count => bail!("{count} things are wrong"),
    }
}
