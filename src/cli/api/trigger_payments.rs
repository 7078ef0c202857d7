//! Payments that `calmony trigger` makes.

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::support::client::ApiClient;
use crate::contract::EventType;

/// Makes an intent that has that event. Returns its id.
pub(super) async fn intent_with(api: &ApiClient, event: EventType) -> anyhow::Result<String> {
    let (card, more) = match event {
        EventType::PaymentIntentCreated => return intent(api, json!({})).await,
        EventType::PaymentIntentUpdated => {
            let made = intent(api, json!({})).await?;
            let path = format!("/v1/payment_intents/{made}");
            return id(&api.call(Method::POST, &path, &json!({ "description": "triggered" })).await?);
        }
        EventType::PaymentIntentCanceled => {
            let path = format!("/v1/payment_intents/{}/cancel", intent(api, json!({})).await?);
            return id(&api.call(Method::POST, &path, &json!({})).await?);
        }
        EventType::PaymentIntentRequiresAction => ("pm_card_authenticationRequired", json!({})),
        EventType::PaymentIntentPaymentFailed => ("pm_card_chargeDeclined", json!({})),
        EventType::PaymentIntentAmountCapturableUpdated => {
            ("pm_card_visa", json!({ "capture_method": "manual" }))
        }
        _ => ("pm_card_visa", json!({})),
    };
    let made = intent(api, more).await?;
    confirm(api, &format!("/v1/payment_intents/{made}"), card).await;
    Ok(made)
}

/// Makes a charge that has that event. Returns its id.
pub(super) async fn charge_with(api: &ApiClient, event: EventType) -> anyhow::Result<String> {
    let made = match event {
        EventType::ChargeFailed => intent_with(api, EventType::PaymentIntentPaymentFailed).await?,
        EventType::ChargeCaptured | EventType::ChargeUpdated => {
            let made = intent_with(api, EventType::PaymentIntentAmountCapturableUpdated).await?;
            let verb = if event == EventType::ChargeCaptured { "capture" } else { "cancel" };
            api.call(Method::POST, &format!("/v1/payment_intents/{made}/{verb}"), &json!({})).await?;
            made
        }
        _ => intent_with(api, EventType::PaymentIntentSucceeded).await?,
    };
    if event == EventType::ChargeRefunded {
        api.call(Method::POST, "/v1/refunds", &json!({ "payment_intent": made })).await?;
    }
    let intent = api.call(Method::GET, &format!("/v1/payment_intents/{made}"), &json!({})).await?;
    let charge = intent.get("latest_charge").and_then(Value::as_str);
    Ok(charge.context("the intent has no charge")?.to_owned())
}

/// Makes a payment and gives it back. Returns the refund.
pub(super) async fn refund(api: &ApiClient) -> anyhow::Result<String> {
    let made = intent_with(api, EventType::PaymentIntentSucceeded).await?;
    id(&api.call(Method::POST, "/v1/refunds", &json!({ "payment_intent": made })).await?)
}

/// Makes a setup intent that has that event. Returns its id.
pub(super) async fn setup_with(api: &ApiClient, event: EventType) -> anyhow::Result<String> {
    let made = id(&api.call(Method::POST, "/v1/setup_intents", &json!({})).await?)?;
    let path = format!("/v1/setup_intents/{made}");
    let card = match event {
        EventType::SetupIntentCreated => return Ok(made),
        EventType::SetupIntentUpdated => {
            return id(&api.call(Method::POST, &path, &json!({ "description": "triggered" })).await?);
        }
        EventType::SetupIntentCanceled => {
            return id(&api.call(Method::POST, &format!("{path}/cancel"), &json!({})).await?);
        }
        EventType::SetupIntentRequiresAction => "pm_card_authenticationRequired",
        EventType::SetupIntentSetupFailed => "pm_card_chargeDeclined",
        _ => "pm_card_visa",
    };
    confirm(api, &path, card).await;
    Ok(made)
}

/// Confirms an intent with a test card. A decline may be the aim.
async fn confirm(api: &ApiClient, path: &str, card: &str) {
    let _ = api.call(Method::POST, &format!("{path}/confirm"), &json!({ "payment_method": card })).await;
}

async fn intent(api: &ApiClient, more: Value) -> anyhow::Result<String> {
    let mut params = json!({ "amount": 1999, "currency": "usd", "description": "made by calmony trigger" });
    if let (Some(params), Value::Object(more)) = (params.as_object_mut(), more) {
        params.extend(more);
    }
    id(&api.call(Method::POST, "/v1/payment_intents", &params).await?)
}

/// The id of an object.
pub(super) fn id(object: &Value) -> anyhow::Result<String> {
    Ok(object.get("id").and_then(Value::as_str).context("the answer has no id")?.to_owned())
}
