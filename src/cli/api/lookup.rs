//! `calmony lookup`: the whole story of any id.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::objects::{self, existing, is_event};
use super::{deliveries, endpoints, events, pay};
use crate::cli::support::client::{ApiClient, ApiOptions};
use crate::cli::support::ids::object_id;
use crate::cli::support::table::text;
use crate::id::request_came;
use crate::output::{say, say_json};

/// The newest events of an object whose deliveries are shown, and the newest deliveries of an endpoint.
const SHOWN: usize = 20;
/// The most events of a call.
const OF_A_CALL_MAX: usize = 100;

/// The id to look up.
#[derive(Debug, clap::Args)]
pub(crate) struct LookupOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// Any id: an object's, an event's, an endpoint's, a replay's, or an API call's, `req_…`
    #[arg(value_name = "ID", value_parser = any_id)]
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The story of an id.
struct Story {
    object: Value,
    /// Its events, the oldest first.
    events: Vec<Value>,
    /// Deliveries of those events. For an endpoint, the deliveries to it.
    deliveries: Vec<Value>,
    /// The condition of an endpoint; `None` for anything else, and for a deleted endpoint.
    health: Option<Value>,
    /// The payment intent, charges and refunds that belong to an object of a payment.
    payment: Vec<Value>,
}

impl Story {
    /// A story of an object with nothing beside its events and their deliveries.
    const fn of(object: Value, events: Vec<Value>, deliveries: Vec<Value>) -> Self {
        Self { object, events, deliveries, health: None, payment: Vec::new() }
    }
}

fn any_id(text: &str) -> Result<String, String> {
    if request_came(text).is_some() {
        return Ok(text.to_owned());
    }
    object_id(text).map_err(|error| format!("{error}, or a call's, req_"))
}

/// The story of an API call: that of the event that it caused, or all events if it caused several.
async fn story_of_call(api: &ApiClient, id: &str) -> anyhow::Result<Story> {
    let events = api.list("/v1/events", &[("request", Some(id))], OF_A_CALL_MAX).await?;
    let first = events.first().with_context(|| {
        format!(
            "no event came of {id}: it changed nothing, was refused, or is another account's; \
             the API's own log has it"
        )
    })?;
    if events.len() == 1 {
        return story(api, &text(first, "/id")).await;
    }
    let mut deliveries = Vec::new();
    for event in &events {
        deliveries.extend(deliveries::of_event(api, &text(event, "/id")).await?);
    }
    Ok(Story::of(json!({ "id": id, "object": "request" }), events, deliveries))
}

pub(crate) async fn run(options: LookupOptions) -> anyhow::Result<()> {
    let api = options.api.client()?;
    let story = match request_came(&options.id) {
        Some(_) => story_of_call(&api, &options.id).await?,
        None => story(&api, &options.id).await?,
    };
    if options.json {
        let Story { object, events, deliveries, health, payment } = story;
        let told = json!({
            "object": object,
            "events": events,
            "deliveries": deliveries,
            "health": health,
            "payment": payment,
        });
        say_json(&told)?;
    } else {
        tell(&story)?;
    }
    Ok(())
}

async fn story(api: &ApiClient, id: &str) -> anyhow::Result<Story> {
    let object = existing(api, id).await?;
    if is_event(id) {
        let deliveries = deliveries::of_event(api, id).await?;
        return Ok(Story::of(object.clone(), vec![object], deliveries));
    }
    let events = events::history(api, id, SHOWN).await?;
    let is_endpoint = text(&object, "/object") == "webhook_endpoint";
    // A deleted one has none.
    let health =
        if is_endpoint { api.get(&format!("/v1/webhook_endpoints/{id}/health")).await? } else { None };
    let deliveries = if is_endpoint {
        api.list(&format!("/v1/webhook_endpoints/{id}/deliveries"), &[], SHOWN).await?
    } else {
        let mut all = Vec::new();
        for event in &events {
            all.extend(deliveries::of_event(api, &text(event, "/id")).await?);
        }
        all
    };
    let payment = pay::of_payment(api, &object).await?;
    Ok(Story { health, payment, ..Story::of(object, events, deliveries) })
}

fn tell(Story { object, events, deliveries, health, payment }: &Story) -> anyhow::Result<()> {
    let first = events.first().context("it has no event")?;
    say(format_args!("{}  {}", text(object, "/id"), text(object, "/object")));
    say_json(object)?;
    if let Some(health) = health {
        say("");
        endpoints::tell_health(health);
    }
    if !payment.is_empty() {
        say("");
        say("PAYMENT");
        payment.iter().for_each(pay::tell);
    }
    if first == object {
        events::tell_origin(first);
    } else {
        say("");
        say(format_args!("EVENTS, the newest {SHOWN} at the most"));
        objects::tell_history(events);
    }
    say("");
    deliveries::tell(deliveries);
    Ok(())
}
