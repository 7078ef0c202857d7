//! Payment intents, charges and refunds, with the sandbox processor and its journal.

use reqwest::Method;
use serde_json::{Value, json};
use support::client::{Answer, send};
use support::{Client, Sandbox, System};

async fn paying() -> (System, Sandbox) {
    System::paying().await
}

/// The answer to creating an intent of 10.00 with these parameters besides.
pub(super) async fn create(client: &Client, more: &str) -> Answer {
    client.post("/v1/payment_intents", &format!("amount=1000&currency=usd&{more}")).await
}

/// A POST with an idempotency key.
pub(super) async fn keyed(client: &Client, key: &str, path: &str, params: &Value) -> Answer {
    let request = client.request(Method::POST, path).header("idempotency-key", key);
    send(request.header("content-type", "application/json").body(params.to_string())).await
}

/// The types of an object's events, oldest first.
pub(super) async fn types(client: &Client, object: &str) -> Vec<String> {
    let events = client.get(&format!("/v1/events?object={object}&limit=100")).await.ok();
    let types = events["data"].as_array().unwrap().iter().rev();
    types.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// The kinds, outcomes and amounts of an object's rows in the journal.
pub(super) async fn journal(sandbox: &Sandbox, object: &str) -> Vec<(String, String, i64)> {
    let rows = sandbox.caller().journal("").await;
    let of = rows.iter().filter(|row| row["key"].as_str().unwrap().starts_with(object));
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    of.map(|row| (text(row, "kind"), text(row, "outcome"), row["amount"].as_i64().unwrap())).collect()
}

fn row(kind: &str, outcome: &str, amount: i64) -> (String, String, i64) {
    (kind.to_owned(), outcome.to_owned(), amount)
}

#[tokio::test]
async fn a_payment_is_created_confirmed_and_refunded() {
    let (system, sandbox) = paying().await;
    let client = &system.client;
    // Parameters without effect are taken, too.
    let more = "payment_method_options[card][request_three_d_secure]=any&use_stripe_sdk=true";
    let made = create(client, &format!("payment_method=pm_card_visa&{more}")).await.ok();
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["status"], "requires_confirmation");
    assert!(made["client_secret"].as_str().unwrap().starts_with(&format!("{id}_secret_")));
    assert_eq!(made["capture_method"], "automatic_async");
    let paid = client.post(&format!("/v1/payment_intents/{id}/confirm"), "").await.ok();
    assert_eq!((&paid["status"], &paid["amount_received"]), (&json!("succeeded"), &json!(1000)));
    let charge = paid["latest_charge"].as_str().unwrap();
    let expanded = client.get(&format!("/v1/payment_intents/{id}?expand[]=latest_charge")).await.ok();
    assert_eq!(expanded["latest_charge"]["payment_method_details"]["card"]["last4"], "4242");
    assert_eq!(
        types(client, id).await,
        ["payment_intent.created", "payment_intent.processing", "payment_intent.succeeded"]
    );
    assert_eq!(
        journal(&sandbox, id).await,
        [row("authorize", "approved", 1000), row("capture", "approved", 1000)]
    );
    let refund = client.post("/v1/refunds", &format!("charge={charge}&amount=400")).await.ok();
    assert_eq!((&refund["status"], &refund["amount"]), (&json!("succeeded"), &json!(400)));
    let refund = refund["id"].as_str().unwrap();
    assert_eq!(types(client, refund).await, ["refund.created", "refund.updated"]);
    assert_eq!(journal(&sandbox, refund).await, [row("refund", "approved", 400)]);
    let charged = client.get(&format!("/v1/charges/{charge}")).await.ok();
    assert_eq!((&charged["amount_refunded"], &charged["refunded"]), (&json!(400), &json!(false)));
    let expected = ["charge.succeeded", "charge.updated", "charge.refunded"];
    assert_eq!(types(client, charge).await, expected);
    let again = client.post("/v1/refunds", &format!("payment_intent={id}&amount=601")).await;
    assert_eq!((again.status, &again.json["error"]["param"]), (400, &json!("amount")), "{}", again.text);
}

#[tokio::test]
async fn a_decline_is_answered_402_with_the_whole_intent_and_stays_under_its_key() {
    let (system, sandbox) = paying().await;
    let client = &system.client;
    let params = json!({
        "amount": 1000, "currency": "usd", "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds",
        "confirm": true,
    });
    let ask = || keyed(client, "decline-1", "/v1/payment_intents", &params);
    let declined = ask().await;
    assert_eq!(declined.status, 402, "{}", declined.text);
    let error = &declined.json["error"];
    assert_eq!(
        (&error["type"], &error["code"], &error["decline_code"]),
        (&json!("card_error"), &json!("card_declined"), &json!("insufficient_funds"))
    );
    let intent = &error["payment_intent"];
    assert_eq!(
        (&intent["status"], &intent["payment_method"]),
        (&json!("requires_payment_method"), &Value::Null)
    );
    assert_eq!(error["payment_method"]["card"]["brand"], "visa");
    assert_eq!(error["charge"], intent["latest_charge"]);
    assert_eq!(intent["last_payment_error"]["code"], "card_declined");
    let id = intent["id"].as_str().unwrap();
    let again = ask().await;
    assert_eq!((again.status, &again.json), (402, &declined.json));
    assert_eq!(journal(&sandbox, id).await, [row("authorize", "declined", 1000)]);
    let expected = ["payment_intent.created", "payment_intent.processing", "payment_intent.payment_failed"];
    assert_eq!(types(client, id).await, expected);
    let other =
        client.post(&format!("/v1/payment_intents/{id}/confirm"), "payment_method=pm_card_visa").await;
    assert_eq!(other.ok()["status"], "succeeded");
}

#[tokio::test]
async fn a_hold_is_captured_in_part_or_canceled() {
    let (system, sandbox) = paying().await;
    let client = &system.client;
    let held = || create(client, "payment_method=pm_card_visa&capture_method=manual&confirm=true");
    let made = held().await.ok();
    assert_eq!((&made["status"], &made["amount_capturable"]), (&json!("requires_capture"), &json!(1000)));
    let id = made["id"].as_str().unwrap();
    for wrong in ["-1", "0", "1001", "1.5", "1000000000000000000000000000000"] {
        let path = format!("/v1/payment_intents/{id}/capture");
        let refused = client.post(&path, &format!("amount_to_capture={wrong}")).await;
        let param = (refused.status, &refused.json["error"]["param"]);
        assert_eq!(param, (400, &json!("amount_to_capture")), "{wrong}: {}", refused.text);
    }
    let taken = client.post(&format!("/v1/payment_intents/{id}/capture"), "amount_to_capture=400").await.ok();
    assert_eq!((&taken["status"], &taken["amount_received"]), (&json!("succeeded"), &json!(400)));
    assert_eq!(
        journal(&sandbox, id).await,
        [row("authorize", "approved", 1000), row("capture", "approved", 400)]
    );
    let again = client.post(&format!("/v1/payment_intents/{id}/capture"), "").await;
    assert_eq!(
        (again.status, &again.json["error"]["code"]),
        (400, &json!("payment_intent_unexpected_state"))
    );
    assert_eq!(again.json["error"]["payment_intent"]["id"], json!(id));
    let other = held().await.id();
    let path = format!("/v1/payment_intents/{other}/cancel");
    let canceled = client.post(&path, "cancellation_reason=duplicate").await.ok();
    assert_eq!((&canceled["status"], &canceled["amount_capturable"]), (&json!("canceled"), &json!(0)));
    assert_eq!(
        journal(&sandbox, &other).await,
        [row("authorize", "approved", 1000), row("void", "approved", 1000)]
    );
    let again = client.post(&format!("/v1/payment_intents/{other}/cancel"), "").await;
    assert_eq!(again.status, 400, "{}", again.text);
}

#[tokio::test]
async fn a_setup_intent_saves_a_method_that_is_charged_without_the_buyer() {
    let (system, _sandbox) = paying().await;
    let client = &system.client;
    let customer = client.customer("Ada").await;
    let params = format!("customer={customer}&payment_method=pm_card_visa&confirm=true");
    let set_up = client.post("/v1/setup_intents", &params).await.ok();
    assert_eq!((&set_up["status"], &set_up["usage"]), (&json!("succeeded"), &json!("off_session")));
    let method = set_up["payment_method"].as_str().unwrap();
    let saved = client.get(&format!("/v1/payment_methods/{method}")).await.ok();
    assert_eq!(saved["customer"], json!(customer));
    let params = format!("customer={customer}&payment_method={method}&off_session=true&confirm=true");
    assert_eq!(create(client, &params).await.ok()["status"], "succeeded");
    let params = format!("customer={customer}&payment_method=pm_card_chargeDeclined&confirm=true");
    let declined = client.post("/v1/setup_intents", &params).await;
    assert_eq!(declined.status, 402, "{}", declined.text);
    let intent = &declined.json["error"]["setup_intent"];
    assert_eq!(
        (&intent["status"], &intent["payment_method"]),
        (&json!("requires_payment_method"), &Value::Null)
    );
}
