//! `calmony events`: the log of an account.

use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};

use super::deliveries;
use crate::cli::support::client::{ApiClient, ApiOptions};
use crate::cli::support::ids::object_id;
use crate::cli::support::stream::Messages;
use crate::cli::support::table::{self, changes, text, time};
use crate::config::ParentOptions;
use crate::contract::Event;
use crate::id::Id;
use crate::output::{complain, say, say_json, try_say, try_say_json};
use crate::retry::Reconnect;
use crate::stop::stop_token;

/// The sub-commands for events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List events, the newest first
    List(ListOptions),
    /// Show an event: what it changed, its deliveries and their attempts
    Show(ShowOptions),
    /// Print events as they happen, until Ctrl-C
    Tail(TailOptions),
}

/// The events to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// Only of this type, such as `customer.created` or `customer.*`
    #[arg(long = "type", value_name = "TYPE")]
    of_type: Option<String>,
    /// Only of this object
    #[arg(long, value_name = "ID", value_parser = object_id)]
    object: Option<String>,
    /// Only those that every endpoint has taken (true), or that not every one has (false)
    #[arg(long, value_name = "BOOL")]
    delivered: Option<bool>,
    /// Number of events at the most
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    limit: usize,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

/// The event to show.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// Its id
    #[arg(value_name = "EVENT")]
    id: Id<Event>,
    /// Print it as JSON, with its deliveries
    #[arg(long)]
    json: bool,
}

/// The events to print.
#[derive(Debug, clap::Args)]
pub(crate) struct TailOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// Begin after this event instead of now
    #[arg(long, value_name = "EVENT")]
    since: Option<Id<Event>>,
    /// End after so many
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
    /// Print each as JSON in a line of its own
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    parent: ParentOptions,
}

pub(crate) async fn run(command: EventsCommand) -> anyhow::Result<()> {
    match command {
        EventsCommand::List(options) => list(options).await,
        EventsCommand::Show(options) => show(options).await,
        EventsCommand::Tail(options) => tail(options).await,
    }
}

async fn list(options: ListOptions) -> anyhow::Result<()> {
    let delivered = options.delivered.map(|delivered| delivered.to_string());
    let query = [
        ("type", options.of_type.as_deref()),
        ("object", options.object.as_deref()),
        ("delivery_success", delivered.as_deref()),
    ];
    let events = options.api.client()?.list("/v1/events", &query, options.limit).await?;
    if options.json {
        say_json(&events)?;
    } else {
        print_events(&events);
    }
    Ok(())
}

/// Prints events, a line each.
fn print_events(events: &[Value]) {
    let rows = events.iter().map(|event| {
        vec![
            time(event, "/created"),
            text(event, "/type"),
            text(event, "/id"),
            text(event, "/data/object/id"),
            text(event, "/pending_webhooks"),
        ]
    });
    table::print(&["TIME", "TYPE", "EVENT", "OBJECT", "PENDING"], rows);
}

async fn show(options: ShowOptions) -> anyhow::Result<()> {
    let api = options.api.client()?;
    let event = api.get(&format!("/v1/events/{}", options.id)).await?;
    let event = event.with_context(|| format!("there is no event {}", options.id))?;
    let deliveries = deliveries::of_event(&api, &options.id.to_string()).await?;
    if options.json {
        say_json(&json!({ "event": event, "deliveries": deliveries }))?;
        return Ok(());
    }
    say(format_args!(
        "{}  {}  of {}  at {}",
        text(&event, "/id"),
        text(&event, "/type"),
        text(&event, "/data/object/id"),
        time(&event, "/created")
    ));
    tell_origin(&event);
    say("");
    say_json(event.pointer("/data/object").unwrap_or(&Value::Null))?;
    say("");
    deliveries::tell(&deliveries);
    Ok(())
}

/// Prints the request that an event comes from, and the changes of that event.
pub(crate) fn tell_origin(event: &Value) {
    let (request, key) = (text(event, "/request/id"), text(event, "/request/idempotency_key"));
    say(format_args!("request {}  idempotency key {}", or_none(&request), or_none(&key)));
    tell_changes(event);
}

/// Prints the changes of an event, a line a field.
pub(crate) fn tell_changes(event: &Value) {
    for change in changes(event) {
        say(format_args!("    {change}"));
    }
}

/// The text, or `none` if it is empty.
fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

async fn tail(options: TailOptions) -> anyhow::Result<()> {
    let stop = stop_token(options.parent)?;
    let api = options.api.client()?;
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        followed = follow(&api, &options) => followed,
    }
}

/// Follows the log. A stream that breaks off is taken up after the last event. One that never began is an
/// error.
async fn follow(api: &ApiClient, options: &TailOptions) -> anyhow::Result<()> {
    let mut last = match options.since {
        Some(since) => Some(since.to_string()),
        None => api.list("/v1/events", &[], 1).await?.first().map(|newest| text(newest, "/id")),
    };
    let (mut left, mut reconnect) = (options.count, Reconnect::default());
    let mut messages = Messages::open(api, last.as_deref()).await?;
    while left != Some(0) {
        let problem = match messages.next().await {
            Ok(data) => {
                let event: Value = serde_json::from_str(&data)?;
                let heard = if options.json {
                    // A line of its own; in strings JSON has no end of line.
                    try_say_json(&data.replace('\n', " "))
                } else {
                    let (kind, object) = (text(&event, "/type"), text(&event, "/data/object/id"));
                    try_say(format_args!(
                        "{}  {kind:32} {} {object}",
                        time(&event, "/created"),
                        text(&event, "/id")
                    ))
                };
                if !heard {
                    return Ok(());
                }
                last = Some(text(&event, "/id"));
                left = left.map(|left| left.saturating_sub(1));
                reconnect.reset();
                continue;
            }
            Err(problem) => problem,
        };
        let delay: Duration = reconnect.next_delay();
        complain(format_args!("the stream broke off ({problem:#}); again in {delay:.1?}"));
        tokio::time::sleep(delay).await;
        match Messages::open(api, last.as_deref()).await {
            Ok(again) => messages = again,
            Err(error) => complain(format_args!("{error:#}")),
        }
    }
    Ok(())
}

/// The events of an object, the oldest first.
pub(crate) async fn history(api: &ApiClient, object: &str, at_most: usize) -> anyhow::Result<Vec<Value>> {
    let mut events = api.list("/v1/events", &[("object", Some(object))], at_most).await?;
    events.reverse();
    Ok(events)
}
