//! The log, as clients read it.

use serde_json::{Value, json};
use support::System;

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_event_has_the_whole_envelope() {
    let system = System::start().await;
    let customer = system.client.post("/v1/customers", "name=Ada").await.ok();
    let event = system.client.get("/v1/events").await.ok()["data"][0].clone();
    assert_eq!(
        event,
        json!({
            "id": event["id"], "object": "event", "api_version": "2026-10-28.endive", "created": customer["created"],
            "data": { "object": customer }, "livemode": false, "pending_webhooks": 0,
            "request": { "id": event["request"]["id"], "idempotency_key": null }, "type": "customer.created", "version": 1,
        })
    );
    let id = event["id"].as_str().unwrap();
    assert!(id.starts_with("evt_"));
    assert_eq!(system.client.get(&format!("/v1/events/{id}")).await.ok(), event);
}

#[tokio::test]
async fn pending_webhooks_counts_who_has_not_got_it() {
    let system = System::start().await;
    for events in [&["*"][..], &["customer.created"], &["customer.deleted"]] {
        system.client.endpoint("http://127.0.0.1:9999/", events).await;
    }
    system.client.customer("Ada").await;
    let list = system.client.get("/v1/events?type=customer.created").await.ok();
    assert_eq!(list["data"][0]["pending_webhooks"], 2);
}

#[tokio::test]
async fn events_are_filtered_by_type_and_time() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    system.client.post(&format!("/v1/customers/{id}"), "name=Bob").await.ok();
    system.client.endpoint("https://example.com/", &["*"]).await;
    let count = async |query: &str| ids(&system.client.get(&format!("/v1/events?{query}")).await.ok()).len();
    assert_eq!(count("").await, 3);
    assert_eq!(count("type=customer.created").await, 1);
    assert_eq!(count("type=customer.*").await, 2);
    assert_eq!(count("type=*").await, 3);
    assert_eq!(count("type=no.such").await, 0);
    assert_eq!(count("types[]=customer.created&types[]=webhook_endpoint.created").await, 2);
    assert_eq!(count("types%5B0%5D=customer.created").await, 1);
    assert_eq!(count("created[gte]=1000000000").await, 3);
    assert_eq!(count("created[lt]=1000000000").await, 0);
    let both = system.client.get("/v1/events?type=customer.created&types[]=customer.created").await;
    assert_eq!(both.error(), (400, "invalid_request_error", "parameters_exclusive", "type"));
}

#[tokio::test]
async fn pages_of_events_join_without_a_seam_in_both_directions() {
    let system = System::start().await;
    for n in 0..7 {
        system.client.customer(&format!("c{n}")).await;
    }
    let all = ids(&system.client.get("/v1/events?limit=100").await.ok());
    let mut older = Vec::new();
    let mut query = "limit=3".to_owned();
    loop {
        let page = system.client.get(&format!("/v1/events?{query}")).await.ok();
        older.extend(ids(&page));
        if page["has_more"] == json!(false) {
            break;
        }
        query = format!("limit=3&starting_after={}", older.last().unwrap());
    }
    assert_eq!(older, all);
    let page = system.client.get(&format!("/v1/events?limit=2&ending_before={}", all[4])).await.ok();
    assert_eq!(
        (ids(&page), &page["has_more"]),
        (all[2..4].to_vec(), &json!(true)),
        "the page next to the cursor"
    );
    let page = system.client.get(&format!("/v1/events?limit=2&ending_before={}", all[2])).await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (all[0..2].to_vec(), &json!(false)));
    let unknown = system.client.get("/v1/events?starting_after=evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX").await;
    assert_eq!(unknown.error(), (400, "invalid_request_error", "resource_missing", "starting_after"));
}
