//! `calmony objects`: any object by its id, and its history.

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};

use super::events;
use crate::cli::support::client::{ApiClient, ApiOptions};
use crate::cli::support::ids::object_id;
use crate::cli::support::table::{text, time};
use crate::contract::{Event, Kind as _};
use crate::domain::subjects::path_of;
use crate::output::{say, say_json};

/// The sub-commands for objects.
#[derive(Debug, Subcommand)]
pub(crate) enum ObjectsCommand {
    /// Show an object
    Show(ShowOptions),
}

/// The object to show.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// Its id
    #[arg(value_name = "ID", value_parser = object_id)]
    id: String,
    /// Show every event of it, and what each changed
    #[arg(long)]
    history: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(ObjectsCommand::Show(options): ObjectsCommand) -> anyhow::Result<()> {
    let api = options.api.client()?;
    let object = existing(&api, &options.id).await?;
    let history =
        if options.history { events::history(&api, &options.id, usize::MAX).await? } else { Vec::new() };
    if options.json {
        let shown = if options.history { json!({ "object": object, "events": history }) } else { object };
        say_json(&shown)?;
        return Ok(());
    }
    say_json(&object)?;
    if options.history {
        say("");
        tell_history(&history);
    }
    Ok(())
}

/// The object of any id. A deleted object comes as the rest that is left of it.
pub(crate) async fn existing(api: &ApiClient, id: &str) -> anyhow::Result<Value> {
    let path = path_of(id).with_context(|| format!("no object of this kind can be shown: {id}"))?;
    api.get(&path).await?.with_context(|| format!("this account has no {id}"))
}

/// Prints events in the order of the log, each with its changes.
pub(crate) fn tell_history(events: &[Value]) {
    for event in events {
        say(format_args!("{}  {}  {}", time(event, "/created"), text(event, "/type"), text(event, "/id")));
        events::tell_changes(event);
    }
}

/// True if the id is an event's.
pub(crate) fn is_event(id: &str) -> bool {
    id.starts_with(&format!("{}_", Event::RESOURCE.prefix))
}
