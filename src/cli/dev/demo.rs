//! The first steps of a newcomer: the inbox, a sample customer that is created, updated and deleted, and
//! hints for the next steps.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::inbox::Inbox;
use super::state::{InboxState, State};
use crate::cli::support::client::ApiClient;
use crate::output::say;
use crate::secret::SigningSecret;

/// The longest time for the three webhooks to arrive.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(20);

/// Opens the inbox, and shows three webhooks on the first start. With `off` it only disables the inbox of an
/// earlier start.
pub(super) async fn run(folder: &Path, url: &str, off: bool, state: &mut State) -> anyhow::Result<()> {
    let [key, _] = state.keys.as_ref().context("no API key was made")?;
    let api = ApiClient::new(url, key)?;
    if let Some(known) = &state.inbox {
        if off {
            change_endpoint(&api, &known.endpoint, &json!({ "disabled": true })).await?;
            return Ok(());
        }
        let inbox = Inbox::bind(known.port).await?;
        if change_endpoint(&api, &known.endpoint, &json!({ "url": inbox.url()?, "disabled": false })).await? {
            inbox.receive(SigningSecret::parse(&known.secret)?);
            return Ok(());
        }
        // Somebody has deleted its endpoint: it gets another.
    }
    if off {
        return Ok(());
    }
    let first = state.inbox.is_none();
    let inbox = Inbox::bind(0).await?;
    let (made, secret) = make_endpoint(&api, &inbox).await?;
    state.inbox = Some(made);
    state.save(folder)?;
    let arrivals = inbox.receive(secret);
    if first {
        say("A sample customer is created, updated and deleted; the inbox receives:");
        sample(&api).await?;
        wait_for(3, arrivals).await?;
    }
    Ok(())
}

/// Changes the inbox's endpoint. Returns false if it has been deleted.
async fn change_endpoint(api: &ApiClient, endpoint: &str, changes: &Value) -> anyhow::Result<bool> {
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    Ok(api.call_existing(Method::POST, &path, changes).await?.is_some())
}

async fn make_endpoint(api: &ApiClient, inbox: &Inbox) -> anyhow::Result<(InboxState, SigningSecret)> {
    let params = json!({
        "url": inbox.url()?,
        "enabled_events": ["*"],
        "description": "The inbox of calmony dev",
    });
    let made = api.call(Method::POST, "/v1/webhook_endpoints", &params).await?;
    let text = |name: &str| {
        made.get(name).and_then(Value::as_str).map(ToOwned::to_owned).context("an incomplete answer")
    };
    let (endpoint, secret) = (text("id")?, text("secret")?);
    let parsed = SigningSecret::parse(&secret)?;
    Ok((InboxState { endpoint, secret, port: inbox.port()? }, parsed))
}

async fn sample(api: &ApiClient) -> anyhow::Result<()> {
    let params = json!({ "name": "Ada Lovelace", "email": "ada@example.com" });
    let customer = api.call(Method::POST, "/v1/customers", &params).await?;
    let id = customer.get("id").and_then(Value::as_str).context("an incomplete answer")?;
    let path = format!("/v1/customers/{id}");
    api.call(Method::PATCH, &path, &json!({ "metadata": { "plan": "analytical" } })).await?;
    api.call(Method::DELETE, &path, &json!({})).await?;
    Ok(())
}

async fn wait_for(count: usize, mut arrivals: UnboundedReceiver<()>) -> anyhow::Result<()> {
    for arrived in 0..count {
        let next = tokio::time::timeout(ARRIVAL_TIMEOUT, arrivals.recv()).await;
        ensure!(next.is_ok(), "only {arrived} of {count} webhooks arrived in {ARRIVAL_TIMEOUT:?}");
    }
    Ok(())
}

/// Prints the URL, the key, and hints for the next steps.
pub(super) fn greet(url: &str, keys: &[String; 2]) {
    let [key, _] = keys;
    say(format_args!(
        "\nCalmony Pay is ready at {url}\n\n\
         API key: {key}\nDashboard: {url}/dashboard (sign in with the key)\n\nTry:\n  \
         curl {url}/v1/customers -u {key}: -d name='Grace Hopper' -d email=grace@example.com\n  \
         curl {url}/v1/customers -u {key}:\n  \
         curl {url}/v1/payment_intents -u {key}: -d amount=1999 -d currency=usd \
         -d payment_method=pm_card_visa -d confirm=true\n  \
         curl {url}/v1/events -u {key}:\n\n\
         Ctrl-C stops everything; the next start keeps the data."
    ));
}
