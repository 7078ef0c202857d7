//! `calmony trigger`: makes an event happen, by the calls that a client would make.

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::support::client::{ApiClient, ApiOptions};
use crate::contract::EventType;
use crate::output::say;

/// The event to make happen.
#[derive(Debug, clap::Args)]
pub(crate) struct TriggerOptions {
    #[command(flatten)]
    api: ApiOptions,
    /// The type of the event, such as `customer.created`
    #[arg(value_parser = event_type)]
    event: EventType,
}

fn event_type(text: &str) -> Result<EventType, String> {
    let names: Vec<_> = EventType::ALL.iter().map(|known| known.as_str()).collect();
    EventType::from_wire(text).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

pub(crate) async fn run(options: TriggerOptions) -> anyhow::Result<()> {
    let api = options.api.client()?;
    let post = async |path: &str, body: Value| api.call(Method::POST, path, &body).await;
    let object = match options.event {
        EventType::CustomerCreated => id(&customer(&api).await?)?,
        EventType::CustomerUpdated => {
            let made = id(&customer(&api).await?)?;
            post(&format!("/v1/customers/{made}"), json!({ "metadata": { "triggered": "yes" } })).await?;
            made
        }
        EventType::CustomerDeleted => {
            let made = id(&customer(&api).await?)?;
            api.call(Method::DELETE, &format!("/v1/customers/{made}"), &json!({})).await?;
            made
        }
        EventType::WebhookEndpointCreated => id(&endpoint(&api).await?)?,
        EventType::WebhookEndpointUpdated => {
            let made = id(&endpoint(&api).await?)?;
            post(&format!("/v1/webhook_endpoints/{made}"), json!({ "description": "triggered" })).await?;
            made
        }
        EventType::WebhookEndpointSecretRolled => {
            let made = id(&endpoint(&api).await?)?;
            post(&format!("/v1/webhook_endpoints/{made}/roll_secret"), json!({})).await?;
            made
        }
        EventType::WebhookEndpointDeleted => {
            let made = id(&endpoint(&api).await?)?;
            api.call(Method::DELETE, &format!("/v1/webhook_endpoints/{made}"), &json!({})).await?;
            made
        }
        EventType::ReplayCreated | EventType::ReplayCanceled => {
            let of = id(&endpoint(&api).await?)?;
            let made = id(&post(&format!("/v1/webhook_endpoints/{of}/replay"), json!({})).await?)?;
            if options.event == EventType::ReplayCanceled {
                post(&format!("/v1/replays/{made}/cancel"), json!({})).await?;
            }
            made
        }
        EventType::WebhookEndpointDisabled | EventType::ReplayCompleted => {
            bail!("{} comes from the worker, not from a call", options.event.as_str())
        }
    };
    let events = api.call(Method::GET, &format!("/v1/events?object={object}&limit=1"), &json!({})).await?;
    say(format_args!(
        "{} of {object}: {}",
        options.event.as_str(),
        events.pointer("/data/0/id").and_then(Value::as_str).context("it has no event")?
    ));
    Ok(())
}

async fn customer(api: &ApiClient) -> anyhow::Result<Value> {
    let params = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "description": "made by calmony trigger" });
    api.call(Method::POST, "/v1/customers", &params).await
}

/// Makes a paused endpoint. The one type of event that it asks for hardly ever happens.
async fn endpoint(api: &ApiClient) -> anyhow::Result<Value> {
    let params = json!({
        "url": "https://example.com/made-by-calmony-trigger", "enabled_events": ["webhook_endpoint.disabled"], "paused": true,
    });
    api.call(Method::POST, "/v1/webhook_endpoints", &params).await
}

fn id(object: &Value) -> anyhow::Result<String> {
    Ok(object.get("id").and_then(Value::as_str).context("the answer has no id")?.to_owned())
}
