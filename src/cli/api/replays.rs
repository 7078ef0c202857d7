//! `calmony replay`: owing events of the log to an endpoint once more.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::cli::support::client::{ApiClient, ApiOptions};
use crate::cli::support::ids::object_id;
use crate::cli::support::table::{self, text, time};
use crate::clock::Timestamp;
use crate::contract::{Replay, WebhookEndpoint};
use crate::id::Id;
use crate::output::{complain, say, say_json};
use crate::retry::Reconnect;

/// The time between two looks at the progress of a replay.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// The sub-commands for replays.
#[derive(Debug, Subcommand)]
pub(crate) enum ReplayCommand {
    /// Owe events to an endpoint once more, and show how far that is. Ctrl-C ends the showing, not the replay
    Start(StartOptions),
    /// List replays, the newest first
    List(ListOptions),
    /// Show a replay and how far it is
    Show(OneOptions),
    /// Cancel a replay; what it has owed already stays owed
    Cancel(OneOptions),
}

/// The replay to start.
#[derive(Debug, clap::Args)]
pub(crate) struct StartOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// The endpoint
    #[arg(value_name = "ENDPOINT")]
    endpoint: Id<WebhookEndpoint>,
    #[command(flatten)]
    filter: Filter,
    /// Number of deliveries a second at the most
    #[arg(long, value_name = "COUNT")]
    rate_limit: Option<u32>,
    /// Only count them
    #[arg(long)]
    dry_run: bool,
    /// Don't wait for the end
    #[arg(long)]
    detach: bool,
    /// Print it as JSON, and don't wait for the end
    #[arg(long)]
    json: bool,
}

/// The events to replay. An option that isn't given doesn't narrow them.
#[derive(Debug, clap::Args)]
struct Filter {
    /// Only events created from then on: RFC 3339, or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<u64>,
    /// Only events created before then
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<u64>,
    /// Only of these types, with commas between; `customer.*` for a group
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    types: Vec<String>,
    /// Only those of this object
    #[arg(long, value_name = "ID", value_parser = object_id)]
    object: Option<String>,
    /// Only those that were given up
    #[arg(long)]
    only_failed: bool,
}

/// The replays to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// Number of replays at the most
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    limit: usize,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

/// The replay that a sub-command is about.
#[derive(Debug, clap::Args)]
pub(crate) struct OneOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// The replay
    #[arg(value_name = "REPLAY")]
    id: Id<Replay>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// A time as RFC 3339 or as Unix seconds.
fn instant(text: &str) -> Result<u64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let time = humantime::parse_rfc3339_weak(text);
    let time =
        time.map_err(|_| "expected a time such as 2026-01-31T08:00:00Z, or Unix seconds".to_owned())?;
    Ok(Timestamp::from(time).seconds())
}

pub(crate) async fn run(command: ReplayCommand) -> anyhow::Result<()> {
    match command {
        ReplayCommand::Start(options) => start(options).await,
        ReplayCommand::List(options) => {
            let replays = options.api.client()?.list("/v1/replays", &[], options.limit).await?;
            print_replays(&replays, &Value::Array(replays.clone()), options.json)
        }
        ReplayCommand::Show(options) => {
            let replay = retrieve(&options.api.client()?, &options.id.to_string()).await?;
            print_replays(std::slice::from_ref(&replay), &replay, options.json)
        }
        ReplayCommand::Cancel(options) => {
            let path = format!("/v1/replays/{}/cancel", options.id);
            let replay = options.api.client()?.call_existing(Method::POST, &path, &json!({})).await?;
            let replay = replay.with_context(|| format!("there is no replay {}", options.id))?;
            print_replays(std::slice::from_ref(&replay), &replay, options.json)
        }
    }
}

async fn start(options: StartOptions) -> anyhow::Result<()> {
    let api = options.api.client()?;
    let path = format!("/v1/webhook_endpoints/{}/replay", options.endpoint);
    let begun = api.call_existing(Method::POST, &path, &parameters(&options)).await?;
    let begun = begun.with_context(|| format!("there is no endpoint {}", options.endpoint))?;
    if options.json {
        say_json(&begun)?;
    } else if options.dry_run {
        let all = if begun.get("complete") == Some(&Value::Bool(true)) {
            ""
        } else {
            " of the newest, and perhaps more"
        };
        say(format_args!(
            "{} events{all} would be owed to {}",
            text(&begun, "/matching_events"),
            options.endpoint
        ));
    } else if options.detach {
        say(text(&begun, "/id"));
    } else {
        watch(&api, &text(&begun, "/id")).await?;
    }
    Ok(())
}

fn parameters(StartOptions { filter, rate_limit, dry_run, .. }: &StartOptions) -> Value {
    let bounds = [("gte", filter.from), ("lt", filter.until)];
    let created: Map<String, Value> =
        bounds.into_iter().filter_map(|(name, at)| Some((name.to_owned(), at?.into()))).collect();
    let given = [
        ("created", (!created.is_empty()).then(|| created.into())),
        ("types", (!filter.types.is_empty()).then(|| filter.types.clone().into())),
        ("related_object", filter.object.clone().map(Value::from)),
        ("rate_limit", rate_limit.map(Value::from)),
        ("only_failed", Some(filter.only_failed.into())),
        ("dry_run", Some((*dry_run).into())),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Shows the progress of a replay until it is over.
async fn watch(api: &ApiClient, id: &str) -> anyhow::Result<()> {
    say(format_args!("{id} has begun; `calmony replay cancel {id}` ends it"));
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(100) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent} % {eta}") {
        bar.set_style(style);
    }
    let mut reconnect = Reconnect::default();
    loop {
        let replay = match retrieve(api, id).await {
            Ok(replay) => replay,
            Err(error) => {
                // The replay goes on meanwhile.
                let delay = reconnect.next_delay();
                complain(format_args!("{error:#}; again in {delay:.1?}"));
                tokio::time::sleep(delay).await;
                continue;
            }
        };
        reconnect.reset();
        let status = text(&replay, "/status");
        if status != "running" {
            bar.finish_and_clear();
            print_replays(std::slice::from_ref(&replay), &replay, false)?;
            ensure!(status == "completed", "the replay was {status}");
            return Ok(());
        }
        let fraction = replay.pointer("/progress/fraction").and_then(Value::as_f64).unwrap_or_default();
        bar.set_position(
            (1..=100_u32)
                .take_while(|percent| f64::from(*percent) <= fraction * 100.0)
                .last()
                .unwrap_or(0)
                .into(),
        );
        bar.set_message(format!(
            "{} owed, {} wait",
            text(&replay, "/progress/owed"),
            text(&replay, "/progress/waiting")
        ));
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn retrieve(api: &ApiClient, id: &str) -> anyhow::Result<Value> {
    api.get(&format!("/v1/replays/{id}")).await?.with_context(|| format!("there is no replay {id}"))
}

fn print_replays(replays: &[Value], as_json: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        say_json(as_json)?;
        return Ok(());
    }
    let row = |replay: &Value| {
        vec![
            text(replay, "/id"),
            text(replay, "/status"),
            time(replay, "/created"),
            text(replay, "/webhook_endpoint"),
            text(replay, "/progress/owed"),
        ]
    };
    table::print(&["REPLAY", "STATUS", "CREATED", "ENDPOINT", "OWED"], replays.iter().map(row));
    Ok(())
}
