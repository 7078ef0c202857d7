//! Payments that `calmony trigger` makes.

use reqwest::Method;
use serde_json::{Value, json};

use super::trigger::{id, intent};
use crate::cli::support::client::ApiClient;
use crate::contract::EventType;

/// Confirms an intent so that it leads to that event, and returns the id of the object it is about.
pub(super) async fn confirmed(api: &ApiClient, event: EventType) -> anyhow::Result<String> {
    let (card, more) = match event {
        EventType::PaymentIntentRequiresAction => ("pm_card_authenticationRequired", json!({})),
        EventType::PaymentIntentPaymentFailed | EventType::ChargeFailed => {
            ("pm_card_chargeDeclined", json!({}))
        }
        EventType::PaymentIntentAmountCapturableUpdated => {
            ("pm_card_visa", json!({ "capture_method": "manual" }))
        }
        _ => ("pm_card_visa", json!({})),
    };
    let made = intent(api, more).await?;
    let path = format!("/v1/payment_intents/{made}/confirm");
    // A decline is what was asked for.
    let _ = api.call(Method::POST, &path, &json!({ "payment_method": card })).await;
    match event {
        EventType::ChargeFailed | EventType::ChargeSucceeded => charge(api, &made).await,
        _ => Ok(made),
    }
}

/// Makes an intent whose amount is held, captures it, and returns its charge.
pub(super) async fn captured(api: &ApiClient) -> anyhow::Result<String> {
    let made = held(api).await?;
    api.call(Method::POST, &format!("/v1/payment_intents/{made}/capture"), &json!({})).await?;
    charge(api, &made).await
}

/// Makes an intent whose amount is held, cancels it, and returns its charge.
pub(super) async fn released(api: &ApiClient) -> anyhow::Result<String> {
    let made = held(api).await?;
    api.call(Method::POST, &format!("/v1/payment_intents/{made}/cancel"), &json!({})).await?;
    charge(api, &made).await
}

/// Makes a payment and gives it back. Returns the refund, or the charge where the event is about that.
pub(super) async fn refunded(api: &ApiClient, event: EventType) -> anyhow::Result<String> {
    let made = intent(api, json!({ "payment_method": "pm_card_visa", "confirm": true })).await?;
    let params = json!({ "payment_intent": made });
    let refund = id(&api.call(Method::POST, "/v1/refunds", &params).await?)?;
    if event == EventType::ChargeRefunded { charge(api, &made).await } else { Ok(refund) }
}

/// Confirms a setup intent so that it leads to that event.
pub(super) async fn set_up(api: &ApiClient, event: EventType) -> anyhow::Result<String> {
    let card = match event {
        EventType::SetupIntentRequiresAction => "pm_card_authenticationRequired",
        EventType::SetupIntentSetupFailed => "pm_card_chargeDeclined",
        _ => "pm_card_visa",
    };
    let made = id(&api.call(Method::POST, "/v1/setup_intents", &json!({})).await?)?;
    let path = format!("/v1/setup_intents/{made}/confirm");
    // A decline is what was asked for.
    let _ = api.call(Method::POST, &path, &json!({ "payment_method": card })).await;
    Ok(made)
}

async fn held(api: &ApiClient) -> anyhow::Result<String> {
    let params = json!({
        "capture_method": "manual", "payment_method": "pm_card_visa", "confirm": true,
    });
    intent(api, params).await
}

async fn charge(api: &ApiClient, made: &str) -> anyhow::Result<String> {
    let path = format!("/v1/payment_intents/{made}");
    let intent = api.call(Method::GET, &path, &Value::Null).await?;
    Ok(intent.get("latest_charge").and_then(Value::as_str).unwrap_or_default().to_owned())
}
