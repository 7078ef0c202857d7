//! Products: the whole life, the list's filters, and the refusals.

use reqwest::Method;
use serde_json::{Value, json};
use support::System;

async fn product(system: &System, params: Value) -> String {
    system.client.json(Method::POST, "/v1/products", &params).await.id()
}

#[tokio::test]
async fn a_product_is_created_changed_archived_and_deleted() {
    let system = System::start().await;
    let id = product(&system, json!({ "name": "Gold", "marketing_features": [{ "name": "Fast" }] })).await;
    assert!(id.starts_with("prod_"));
    let path = format!("/v1/products/{id}");
    let made = system.client.get(&path).await.ok();
    assert_eq!((&made["active"], &made["type"]), (&json!(true), &json!("service")));
    assert_eq!(made["updated"], made["created"]);
    let changed =
        system.client.post(&path, "active=false&images[]=https://example.com/1.png&url=").await.ok();
    assert_eq!((&changed["active"], &changed["url"]), (&json!(false), &Value::Null));
    assert_eq!(changed["images"], json!(["https://example.com/1.png"]));
    assert_eq!(changed["marketing_features"], json!([{ "name": "Fast" }]));
    let gone = system.client.delete(&path).await.ok();
    assert_eq!(gone, json!({ "id": id, "object": "product", "deleted": true }));
    assert_eq!(system.client.get(&path).await.ok(), gone);
    assert_eq!(system.client.post(&path, "active=true").await.status, 404);
    let events = system.client.get(&format!("/v1/events?object={id}")).await.ok();
    let types: Vec<&str> =
        events["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["product.deleted", "product.updated", "product.created"]);
    let group = system.client.get("/v1/events?type=product.*").await.ok();
    assert_eq!(group["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_list_is_narrowed_by_state_ids_and_url() {
    let system = System::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let params = json!({ "name": format!("p{n}"), "active": n % 2 == 0, "url": "https://example.com" });
        ids.push(product(&system, params).await);
    }
    system.client.customer("Ada").await;
    let found = async |query: &str| {
        let list = system.client.get(&format!("/v1/products?{query}")).await.ok();
        let data = list["data"].as_array().unwrap();
        let names = data.iter().map(|product| product["name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>(), list["has_more"] == json!(true))
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(found("").await, (names(&["p4", "p3", "p2", "p1", "p0"]), false));
    assert_eq!(found("active=true&limit=2").await, (names(&["p4", "p2"]), true));
    assert_eq!(found(&format!("active=true&starting_after={}", ids[2])).await, (names(&["p0"]), false));
    let before = format!("active=true&limit=1&ending_before={}", ids[0]);
    assert_eq!(found(&before).await, (names(&["p2"]), true));
    assert_eq!(found("active=false").await, (names(&["p3", "p1"]), false));
    let two = format!("ids[]={}&ids[]={}&active=true", ids[0], ids[1]);
    assert_eq!(found(&two).await, (names(&["p0"]), false));
    assert_eq!(found("url=https://example.com&limit=1").await, (names(&["p4"]), true));
    assert_eq!(found("url=https://example.org").await, (names(&[]), false));
    assert_eq!(found("created[lt]=1").await, (names(&[]), false));
}

#[tokio::test]
async fn what_is_wrong_with_a_product_is_named() {
    let system = System::start().await;
    let id = product(&system, json!({ "name": "Gold" })).await;
    let long = |count: usize| "x".repeat(count);
    let images = json!(["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    for (params, code, param) in [
        (json!({}), "parameter_missing", "name"),
        (json!({ "name": "" }), "parameter_invalid_empty", "name"),
        (json!({ "name": long(5001) }), "parameter_invalid", "name"),
        (json!({ "name": "x", "images": images }), "parameter_invalid", "images"),
        (json!({ "name": "x", "images": ["1", long(2049)] }), "parameter_invalid", "images[1]"),
        (json!({ "name": "x", "unit_label": long(13) }), "parameter_invalid", "unit_label"),
        (
            json!({ "name": "x", "marketing_features": [{}] }),
            "parameter_missing",
            "marketing_features[0][name]",
        ),
        (json!({ "name": "x", "type": "good" }), "parameter_invalid", "type"),
        (json!({ "name": "x", "id": id }), "parameter_unknown", "id"),
        (json!({ "name": "x", "active": "yes" }), "parameter_invalid", "active"),
    ] {
        let refused = system.client.json(Method::POST, "/v1/products", &params).await;
        let (status, kind, got_code, got_param) = refused.error();
        assert_eq!(
            (status, kind, got_code, got_param),
            (400, "invalid_request_error", code, param),
            "{params}"
        );
    }
    let count = "select count(*) from calmony.event where type like 'product.%'";
    assert_eq!(system.database.number(count).await, 1);
    for query in ["ids[]=prod_1", "ids[]=", "active=", "active=1", "created=x"] {
        assert_eq!(system.client.get(&format!("/v1/products?{query}")).await.status, 400, "{query}");
    }
}
