//! `calmony processor`: adapters of processors.

use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Subcommand;
use secrecy::SecretString;
use url::Url;

use crate::config::{duration, processor_secret, processor_url};
use crate::output::{in_line, say, say_json};
use crate::processor::Processor;
use crate::processor::check::{Finding, Sources, State, run as try_rules};

#[derive(Debug, Subcommand)]
pub(crate) enum ProcessorCommand {
    /// Try an adapter: does it keep every rule of the protocol? A line a rule; exit code 1 if it breaks one
    Check(Box<CheckOptions>),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckOptions {
    /// Address of the adapter
    #[arg(value_name = "URL", value_parser = processor_url)]
    url: Url,
    /// The secret that it shares with its callers. Set the variable: everybody on the machine can read
    /// arguments
    #[arg(
        long,
        env = "CALMONY_PROCESSOR_SECRET",
        hide_env_values = true,
        value_name = "SECRET",
        value_parser = processor_secret
    )]
    secret: SecretString,
    /// The source of a test method that is approved
    #[arg(long, value_name = "NAME", default_value = "pm_card_visa")]
    source: String,
    /// The source of one that is declined; `pm_card_visa_chargeDeclined` is tried if none is named
    #[arg(long, value_name = "NAME")]
    declined_source: Option<String>,
    /// The source of one that asks for a challenge; `pm_card_authenticationRequired` is tried if none is
    /// named
    #[arg(long, value_name = "NAME")]
    challenge_source: Option<String>,
    /// The currency of every amount; the amounts are 1,000 of its smallest units and less
    #[arg(long, value_name = "CURRENCY", default_value = "usd", value_parser = currency)]
    currency: String,
    /// The longest time for one answer
    #[arg(long, env = "CALMONY_PROCESSOR_TIMEOUT", default_value = "15s", value_parser = duration)]
    timeout: Duration,
    /// Go on although the adapter says that it isn't a sandbox: real amounts are held, taken and given back
    #[arg(long)]
    real_money: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Three lower-case letters.
fn currency(text: &str) -> Result<String, String> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Ok(text.to_owned());
    }
    Err("expected three lower-case letters such as usd".to_owned())
}

pub(crate) async fn run(command: ProcessorCommand) -> anyhow::Result<()> {
    let ProcessorCommand::Check(options) = command;
    let processor = Processor::new(&options.url, &options.secret, options.timeout)?;
    match processor.capabilities().await {
        Ok(found) => ensure!(
            found.sandbox || options.real_money,
            "{} says that it isn't a sandbox: the rules would move real money (--real-money)",
            in_line(&found.name)
        ),
        Err(why) => bail!("its capabilities can't be read: {why}"),
    }
    let sources = Sources {
        approved: options.source,
        declined: options.declined_source,
        challenge: options.challenge_source,
        currency: options.currency,
    };
    let findings = try_rules(&processor, sources, |finding| {
        if !options.json {
            say(line(finding));
        }
    })
    .await;
    if options.json {
        say_json(&findings)?;
    }
    match findings.iter().filter(|finding| finding.state == State::Failed).count() {
        0 => Ok(()),
        1 => bail!("1 rule is broken"),
        count => bail!("{count} rules are broken"),
    }
}

/// A finding for people.
fn line(finding: &Finding) -> String {
    let state = match finding.state {
        State::Ok => "ok",
        State::Failed => "FAILED",
        State::Skipped => "skipped",
    };
    let why = finding.why.as_ref().map(|why| format!(" ({})", in_line(why))).unwrap_or_default();
    format!("{state:<8}{:<16}{}{why}", finding.rule, finding.about)
}
