//! `expand[]`, and the headers that ask for another version or another account.

use reqwest::Method;
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
