//! `calmony endpoints`: webhook endpoints of an account.

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::support::client::ApiOptions;
use crate::cli::support::table::{self, text, time};
use crate::contract::WebhookEndpoint;
use crate::id::Id;
use crate::output::{finish, say, say_json};

/// The sub-commands for endpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum EndpointsCommand {
    /// List endpoints, the newest first
    List(ListOptions),
    /// Show an endpoint
    Show(OneOptions),
    /// Enable an endpoint; what it was owed goes out. `calmony replay start` owes it what happened while
    /// it was disabled, too
    Enable(OneOptions),
    /// Disable an endpoint; new events are no longer owed to it
    Disable(OneOptions),
    /// Pause an endpoint: nothing is sent, and what is owed waits
    Pause(OneOptions),
    /// Resume a paused endpoint; what waits goes out
    Resume(OneOptions),
    /// Make a new signing secret; the old one signs beside it for a while. The new one is printed once
    RollSecret(RollOptions),
}

/// The endpoints to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// Number of endpoints at the most
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: usize,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

/// The endpoint that a sub-command is about.
#[derive(Debug, clap::Args)]
pub(crate) struct OneOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// The endpoint
    #[arg(value_name = "ENDPOINT")]
    id: Id<WebhookEndpoint>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// The endpoint whose secret is rolled.
#[derive(Debug, clap::Args)]
pub(crate) struct RollOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// The endpoint
    #[arg(value_name = "ENDPOINT")]
    id: Id<WebhookEndpoint>,
    /// For how long the old secret goes on signing; a day if not given
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    overlap: Option<std::time::Duration>,
}

pub(crate) async fn run(command: EndpointsCommand) -> anyhow::Result<()> {
    match command {
        EndpointsCommand::List(options) => list(options).await,
        EndpointsCommand::Show(options) => show(options).await,
        EndpointsCommand::Enable(options) => change(options, json!({ "disabled": false })).await,
        EndpointsCommand::Disable(options) => change(options, json!({ "disabled": true })).await,
        EndpointsCommand::Pause(options) => change(options, json!({ "paused": true })).await,
        EndpointsCommand::Resume(options) => change(options, json!({ "paused": false })).await,
        EndpointsCommand::RollSecret(options) => roll(options).await,
    }
}

async fn list(options: ListOptions) -> anyhow::Result<()> {
    let endpoints = options.api.client()?.list("/v1/webhook_endpoints", &[], options.limit).await?;
    if options.json {
        say_json(&endpoints)?;
    } else {
        table::print(&HEADINGS, endpoints.iter().map(row));
    }
    Ok(())
}

const HEADINGS: [&str; 5] = ["ENDPOINT", "STATUS", "CREATED", "URL", "EVENTS"];

fn row(endpoint: &Value) -> Vec<String> {
    let events = endpoint.get("enabled_events").and_then(Value::as_array).into_iter().flatten();
    let events: Vec<&str> = events.filter_map(Value::as_str).collect();
    vec![
        text(endpoint, "/id"),
        status(endpoint),
        time(endpoint, "/created"),
        text(endpoint, "/url"),
        events.join(","),
    ]
}

/// The status for people: enabled, disabled with the reason, or paused.
fn status(endpoint: &Value) -> String {
    let (status, reason) = (text(endpoint, "/status"), text(endpoint, "/disabled_reason"));
    if endpoint.get("paused") == Some(&Value::Bool(true)) && status == "enabled" {
        return "paused".to_owned();
    }
    if reason.is_empty() { status } else { format!("{status} ({reason})") }
}

async fn show(options: OneOptions) -> anyhow::Result<()> {
    let endpoint = options.api.client()?.get(&format!("/v1/webhook_endpoints/{}", options.id)).await?;
    print_endpoint(&endpoint.with_context(|| format!("there is no endpoint {}", options.id))?, options.json)
}

async fn change(options: OneOptions, body: Value) -> anyhow::Result<()> {
    let path = format!("/v1/webhook_endpoints/{}", options.id);
    let changed = options.api.client()?.call_existing(Method::POST, &path, &body).await?;
    print_endpoint(&changed.with_context(|| format!("there is no endpoint {}", options.id))?, options.json)
}

fn print_endpoint(endpoint: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        say_json(endpoint)?;
    } else {
        table::print(&HEADINGS, [row(endpoint)]);
    }
    Ok(())
}

async fn roll(options: RollOptions) -> anyhow::Result<()> {
    let path = format!("/v1/webhook_endpoints/{}/roll_secret", options.id);
    let body = match options.overlap {
        // Not shorter than was asked for.
        Some(overlap) => json!({ "overlap": overlap.as_secs() + u64::from(overlap.subsec_nanos() > 0) }),
        None => json!({}),
    };
    let rolled = options.api.client()?.call_existing(Method::POST, &path, &body).await?;
    let rolled = rolled.with_context(|| format!("there is no endpoint {}", options.id))?;
    say(text(&rolled, "/secret"));
    finish().context("the secret is rolled, and nobody has seen the new one: roll it again")
}

/// Prints the condition of an endpoint.
pub(crate) fn tell_health(health: &Value) {
    let number = |place: &str| health.pointer(place).and_then(Value::as_f64).unwrap_or_default();
    let since = time(health, "/failing_since");
    let since = if since.is_empty() { "no".to_owned() } else { format!("since {since}") };
    say(format_args!("HEALTH   failing: {since}"));
    say(format_args!(
        "         owed {}, parked {}, given up {}{}",
        text(health, "/owed"),
        text(health, "/parked"),
        text(health, "/exhausted"),
        match time(health, "/oldest_due").as_str() {
            "" => String::new(),
            due => format!("; the first is due {due}"),
        }
    ));
    if number("/attempts/count") > 0.0 {
        say(format_args!(
            "         of the newest {} attempts {} were taken, in {} ms (median) and {} ms (95th percentile)",
            text(health, "/attempts/count"),
            text(health, "/attempts/succeeded"),
            text(health, "/attempts/p50"),
            text(health, "/attempts/p95"),
        ));
    }
}
