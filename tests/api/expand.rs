//! `expand[]`, and the headers that ask for another version or another account.

use reqwest::Method;
use serde_json::Value;
use support::client::send;
use support::{Receiver, System, eventually};

#[tokio::test]
async fn ids_become_the_objects_they_name() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    let event = receiver.next().await.id();

    let replay = format!("/v1/webhook_endpoints/{endpoint}/replay");
    let made = system.client.post(&replay, "expand[]=webhook_endpoint&expand[]=event").await.ok();
    assert_eq!(made["webhook_endpoint"]["id"], endpoint);
    assert_eq!(made["webhook_endpoint"]["url"], receiver.url);
    assert!(made["webhook_endpoint"].get("secret").is_none() && made["event"].is_null());

    let path =
        format!("/v1/events/{event}/deliveries?expand[]=data.event&expand%5B%5D=data.webhook_endpoint");
    let list = eventually("the delivery is on record", async || {
        let list = system.client.get(&path).await.ok();
        (list["data"][0]["state"] == "delivered").then_some(list)
    })
    .await;
    assert_eq!(list["data"][0]["event"]["data"]["object"]["name"], "Ada");
    assert_eq!(list["data"][0]["webhook_endpoint"]["object"], "webhook_endpoint");

    system.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
    let gone = system.client.get("/v1/replays?expand[]=data.webhook_endpoint").await.ok();
    assert_eq!(gone["data"][0]["webhook_endpoint"]["deleted"], true);
    let null = system.client.get("/v1/customers?expand[]=data.default_source").await.ok();
    assert!(null["data"][0]["default_source"].is_null());
    for list in ["/v1/customers?", "/v1/customers/search?query=-name:null&"] {
        let deep = format!("{list}expand[]=data.invoice_settings.default_payment_method");
        let found = system.client.get(&deep).await.ok();
        assert!(found["data"][0]["invoice_settings"]["default_payment_method"].is_null());
    }
}

#[tokio::test]
async fn ids_within_what_was_expanded_are_expanded_too() {
    let (system, _sandbox) = System::paying().await;
    let client = &system.client;
    let customer = client.customer("Ada").await;
    let attach = format!("customer={customer}");
    let method = client.post("/v1/payment_methods/pm_card_visa/attach", &attach).await.ok();
    let method = method["id"].as_str().unwrap();
    let default = format!("invoice_settings[default_payment_method]={method}");
    client.post(&format!("/v1/customers/{customer}"), &default).await.ok();
    let paying = format!("amount=1000&currency=usd&customer={customer}&payment_method={method}&confirm=true");
    let deep = "latest_charge.customer.invoice_settings.default_payment_method";
    let also = "expand[]=latest_charge.balance_transaction&expand[]=payment_method.customer";
    let path = format!("/v1/payment_intents?expand[]={deep}&{also}");
    let paid = client.post(&path, &paying).await.ok();
    let intent = paid["id"].as_str().unwrap();
    let is_deep = |intent: &Value| {
        let charge = &intent["latest_charge"];
        assert_eq!(charge["balance_transaction"], Value::Null);
        assert_eq!(charge["customer"]["id"], *customer);
        assert_eq!(charge["customer"]["invoice_settings"]["default_payment_method"]["card"]["last4"], "4242");
        assert_eq!(intent["payment_method"]["customer"]["name"], "Ada");
    };
    is_deep(&paid);
    is_deep(&client.get(&format!("/v1/payment_intents/{intent}?expand[]={deep}&{also}")).await.ok());
    let data = also.replace("expand[]=", "expand[]=data.");
    let list = client.get(&format!("/v1/payment_intents?expand[]=data.{deep}&{data}")).await.ok();
    is_deep(&list["data"][0]);
    // Not through an object of the same kind.
    let again = "latest_charge.payment_intent";
    let shown = client.get(&format!("/v1/payment_intents/{intent}?expand[]={again}")).await.ok();
    assert_eq!(shown["latest_charge"]["payment_intent"]["latest_charge"], shown["latest_charge"]["id"]);
    let path = format!("/v1/payment_intents/{intent}?expand[]={again}.customer");
    assert_eq!(client.get(&path).await.error().3, "expand");
}

#[tokio::test]
async fn what_cannot_be_expanded_is_refused_before_anything_is_done() {
    let system = System::start().await;
    for wrong in ["expand[]=name", "expand[]=data.default_source", "expand[]=", "expand[0]=a.b.c.d.e"] {
        let refused = system.client.post("/v1/customers", wrong).await;
        assert_eq!(refused.error(), (400, "invalid_request_error", "parameter_invalid", "expand"), "{wrong}");
        assert!(refused.text.contains("cannot be expanded"), "{}", refused.text);
    }
    let refused = system.client.post("/v1/customers", "expand=name").await;
    assert_eq!(refused.error().3, "expand");
    let refused =
        system.client.json(Method::POST, "/v1/customers", &serde_json::json!({ "expand": [1] })).await;
    assert_eq!(refused.error().3, "expand[0]");
    assert_eq!(system.database.number("select count(*) from calmony.event").await, 0);
}

#[tokio::test]
async fn the_version_is_echoed_and_another_account_refused() {
    let system = System::start().await;
    let with = async |name: &str, value: &str| {
        send(system.client.request(Method::GET, "/v1/customers").header(name, value)).await
    };
    for version in ["2026-10-28.endive", "2024-04-10", "2025-03-31.basil"] {
        let answer = with("Stripe-Version", version).await;
        assert_eq!((answer.status, answer.headers["stripe-version"].to_str().unwrap()), (200, version));
    }
    let own = system.client.get("/v1/customers").await;
    assert_eq!(own.headers["stripe-version"], calmony_pay::contract::API_VERSION);
    for version in ["", "latest", "2024-4-1", "2024-04-10.", "2024-04-10.a b"] {
        assert_eq!(with("Stripe-Version", version).await.error().3, "Stripe-Version", "{version}");
    }
    for name in ["Stripe-Account", "Stripe-Context"] {
        assert_eq!(
            with(name, "acct_1").await.error(),
            (400, "invalid_request_error", "parameter_invalid", name)
        );
    }
    let refused = system.client.get("/v1/customers/cus_x").await;
    assert_eq!(refused.headers["stripe-should-retry"], "false");
}
