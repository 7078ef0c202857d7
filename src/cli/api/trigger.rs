//! `calmony trigger`: makes an event happen, by the calls that a client would make.

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::trigger_payments::{self as payments, id};
use crate::cli::support::client::{ApiClient, ApiOptions};
use crate::contract::EventType;
use crate::domain::subjects::path_of;
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
    let object = made(&api, options.event).await?;
    let path = format!("/v1/events?object={object}&type={}&limit=1", options.event.as_str());
    let events = api.call(Method::GET, &path, &json!({})).await?;
    say(format_args!(
        "{} of {object}: {}",
        options.event.as_str(),
        events.pointer("/data/0/id").and_then(Value::as_str).context("it has no event")?
    ));
    Ok(())
}

/// Makes that event happen. Returns the id of its object.
async fn made(api: &ApiClient, event: EventType) -> anyhow::Result<String> {
    let post = async |path: &str, body: Value| id(&api.call(Method::POST, path, &body).await?);
    Ok(match event {
        EventType::CustomerCreated => customer(api).await?,
        EventType::CustomerUpdated => {
            updated(api, customer(api).await?, json!({ "metadata": { "triggered": "yes" } })).await?
        }
        EventType::CustomerDeleted => deleted(api, customer(api).await?).await?,
        EventType::PaymentMethodCreated => payment_method(api).await?,
        EventType::PaymentMethodAttached => attached(api).await?,
        EventType::PaymentMethodUpdated => {
            updated(api, attached(api).await?, json!({ "billing_details": { "name": "Ada" } })).await?
        }
        EventType::PaymentMethodDetached => {
            let made = attached(api).await?;
            post(&format!("/v1/payment_methods/{made}/detach"), json!({})).await?
        }
        EventType::PaymentIntentCreated
        | EventType::PaymentIntentUpdated
        | EventType::PaymentIntentProcessing
        | EventType::PaymentIntentRequiresAction
        | EventType::PaymentIntentAmountCapturableUpdated
        | EventType::PaymentIntentSucceeded
        | EventType::PaymentIntentPaymentFailed
        | EventType::PaymentIntentCanceled => payments::intent_with(api, event).await?,
        EventType::SetupIntentCreated
        | EventType::SetupIntentUpdated
        | EventType::SetupIntentRequiresAction
        | EventType::SetupIntentSucceeded
        | EventType::SetupIntentSetupFailed
        | EventType::SetupIntentCanceled => payments::setup_with(api, event).await?,
        EventType::ChargeSucceeded
        | EventType::ChargeFailed
        | EventType::ChargeCaptured
        | EventType::ChargeRefunded
        | EventType::ChargeUpdated => payments::charge_with(api, event).await?,
        EventType::RefundCreated | EventType::RefundUpdated => payments::refund(api).await?,
        EventType::ChargeExpired => bail!("charge.expired comes from the biller, not from a call"),
        EventType::WebhookEndpointCreated => endpoint(api).await?,
        EventType::WebhookEndpointUpdated => {
            updated(api, endpoint(api).await?, json!({ "description": "triggered" })).await?
        }
        EventType::WebhookEndpointSecretRolled => {
            let made = endpoint(api).await?;
            post(&format!("/v1/webhook_endpoints/{made}/roll_secret"), json!({})).await?
        }
        EventType::WebhookEndpointDeleted => deleted(api, endpoint(api).await?).await?,
        EventType::ReplayCreated | EventType::ReplayCanceled => {
            let of = endpoint(api).await?;
            let made = post(&format!("/v1/webhook_endpoints/{of}/replay"), json!({})).await?;
            if event == EventType::ReplayCanceled {
                post(&format!("/v1/replays/{made}/cancel"), json!({})).await?;
            }
            made
        }
        EventType::WebhookEndpointDisabled | EventType::ReplayCompleted => {
            bail!("{} comes from the worker, not from a call", event.as_str())
        }
        EventType::ProductCreated => product(api).await?,
        EventType::ProductUpdated => updated(api, product(api).await?, json!({ "active": false })).await?,
        EventType::ProductDeleted => deleted(api, product(api).await?).await?,
    })
}

/// Updates an object, and returns its id.
async fn updated(api: &ApiClient, made: String, params: Value) -> anyhow::Result<String> {
    api.call(Method::POST, &path(&made)?, &params).await?;
    Ok(made)
}

/// Deletes an object, and returns its id.
async fn deleted(api: &ApiClient, made: String) -> anyhow::Result<String> {
    api.call(Method::DELETE, &path(&made)?, &json!({})).await?;
    Ok(made)
}

fn path(id: &str) -> anyhow::Result<String> {
    path_of(id).with_context(|| format!("the answer's id is {id}"))
}

async fn customer(api: &ApiClient) -> anyhow::Result<String> {
    let params = json!({
        "name": "Ada Lovelace", "email": "ada@example.com", "description": "made by calmony trigger",
    });
    id(&api.call(Method::POST, "/v1/customers", &params).await?)
}

/// Makes a paused endpoint. The one type of event that it asks for hardly ever happens.
async fn endpoint(api: &ApiClient) -> anyhow::Result<String> {
    let params = json!({
        "url": "https://example.com/made-by-calmony-trigger",
        "enabled_events": ["webhook_endpoint.disabled"], "paused": true,
    });
    id(&api.call(Method::POST, "/v1/webhook_endpoints", &params).await?)
}

/// Makes a payment method of a test card.
async fn payment_method(api: &ApiClient) -> anyhow::Result<String> {
    let params = json!({ "type": "card", "card": { "token": "tok_visa" } });
    id(&api.call(Method::POST, "/v1/payment_methods", &params).await?)
}

/// Makes a payment method of a new customer's.
async fn attached(api: &ApiClient) -> anyhow::Result<String> {
    let (made, customer) = (payment_method(api).await?, customer(api).await?);
    let path = format!("/v1/payment_methods/{made}/attach");
    id(&api.call(Method::POST, &path, &json!({ "customer": customer })).await?)
}

async fn product(api: &ApiClient) -> anyhow::Result<String> {
    let params = json!({ "name": "Analytical Engine", "description": "made by calmony trigger" });
    id(&api.call(Method::POST, "/v1/products", &params).await?)
}
