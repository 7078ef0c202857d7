//! `calmony deliveries`: the endpoints that have received an event, those that haven't, and the reasons.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::support::client::{ApiClient, ApiOptions};
use crate::cli::support::table::{self, text, time};
use crate::contract::{Event, WebhookEndpoint};
use crate::id::Id;
use crate::output::{say, say_json};

/// The sub-commands for deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// List the deliveries to an endpoint, those of the newest events first
    List(ListOptions),
    /// Send one event to one endpoint once more, whatever became of it before
    Retry(RetryOptions),
}

/// The deliveries to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// The endpoint
    #[arg(value_name = "ENDPOINT")]
    endpoint: Id<WebhookEndpoint>,
    /// Only in this state: delivered, dropped, exhausted, owed or parked
    #[arg(long, value_name = "STATE", value_parser = ["delivered", "dropped", "exhausted", "owed", "parked"])]
    state: Option<String>,
    /// Number of deliveries at the most
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    limit: usize,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

/// The delivery to send once more.
#[derive(Debug, clap::Args)]
pub(crate) struct RetryOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// The event
    #[arg(value_name = "EVENT")]
    event: Id<Event>,
    /// The endpoint
    #[arg(value_name = "ENDPOINT")]
    endpoint: Id<WebhookEndpoint>,
}

pub(crate) async fn run(command: DeliveriesCommand) -> anyhow::Result<()> {
    match command {
        DeliveriesCommand::List(options) => list(options).await,
        DeliveriesCommand::Retry(options) => {
            let body = json!({ "webhook_endpoint": options.endpoint });
            let path = format!("/v1/events/{}/retry", options.event);
            options.api.client()?.call(Method::POST, &path, &body).await?;
            say(format_args!("{} is owed to {} once more", options.event, options.endpoint));
            Ok(())
        }
    }
}

async fn list(options: ListOptions) -> anyhow::Result<()> {
    let path = format!("/v1/webhook_endpoints/{}/deliveries", options.endpoint);
    let api = options.api.client()?;
    let deliveries = api.list(&path, &[("state", options.state.as_deref())], options.limit).await?;
    if options.json {
        say_json(&deliveries)?;
    } else {
        tell(&deliveries);
    }
    Ok(())
}

/// The deliveries of an event.
pub(crate) async fn of_event(api: &ApiClient, event: &str) -> anyhow::Result<Vec<Value>> {
    let answer = api.get(&format!("/v1/events/{event}/deliveries")).await?;
    let list = answer.as_ref().and_then(|answer| answer.pointer("/data")).and_then(Value::as_array);
    Ok(list.cloned().unwrap_or_default())
}

/// Prints deliveries, each with its attempts, the newest first.
pub(crate) fn tell(deliveries: &[Value]) {
    if deliveries.is_empty() {
        say("no deliveries");
        return;
    }
    let mut rows = Vec::new();
    for delivery in deliveries {
        let attempts = delivery.pointer("/attempts/data").and_then(Value::as_array);
        rows.push(vec![
            text(delivery, "/event"),
            text(delivery, "/webhook_endpoint"),
            text(delivery, "/state"),
            time(delivery, "/next_attempt"),
        ]);
        for attempt in attempts.into_iter().flatten() {
            rows.push(vec![
                format!(
                    "  attempt {}{}",
                    text(attempt, "/number"),
                    if text(attempt, "/early") == "true" { ", early" } else { "" }
                ),
                time(attempt, "/created"),
                outcome(attempt),
                format!("{} ms", text(attempt, "/phases/total")),
            ]);
        }
    }
    table::print(&["EVENT", "ENDPOINT", "STATE", "NEXT ATTEMPT"], rows);
}

/// The status of an attempt, or the class of its failure if it got no answer.
fn outcome(attempt: &Value) -> String {
    let (status, error) = (text(attempt, "/status"), text(attempt, "/error"));
    if status.is_empty() { error } else { status }
}
