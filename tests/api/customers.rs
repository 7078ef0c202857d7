//! Customers: their fields, both spellings of a call, the changes that an update reports, and the rest
//! after a deletion.

use reqwest::Method;
use serde_json::{Value, json};
use support::System;

/// The events of an object, oldest first.
async fn events_of(system: &System, id: &str) -> Vec<Value> {
    let list = system.client.get("/v1/events?limit=100").await.ok();
    let mut events: Vec<Value> = list["data"].as_array().unwrap().clone();
    events.retain(|event| event["data"]["object"]["id"] == id);
    events.reverse();
    events
}

#[tokio::test]
async fn a_customer_has_every_documented_field() {
    let system = System::start().await;
    let customer = system.client.post("/v1/customers", "").await.ok();
    let mut expected = json!({
        "id": customer["id"], "object": "customer", "address": null, "balance": 0,
        "created": customer["created"], "currency": null, "default_source": null, "delinquent": false,
        "description": null, "discount": null, "email": null, "livemode": false, "metadata": {}, "name": null,
        "phone": null, "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null,
    });
    expected["invoice_settings"] = json!({
        "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
    });
    assert_eq!(customer, expected);
    assert!(customer["id"].as_str().unwrap().starts_with("cus_"));
    let id = customer["id"].as_str().unwrap();
    assert_eq!(system.client.get(&format!("/v1/customers/{id}")).await.ok(), customer);
}

#[tokio::test]
async fn a_form_and_json_say_the_same() {
    let system = System::start().await;
    let form = "name=Ada+Lovelace&email=ada%40example.com&balance=-150&metadata[plan]=pro\
                &address[city]=London&shipping[name]=Ada&shipping[address][line1]=1+Main\
                &preferred_locales[0]=en&preferred_locales[1]=de&tax_exempt=exempt\
                &invoice_settings[footer]=Thanks&invoice_settings[custom_fields][0][name]=PO\
                &invoice_settings[custom_fields][0][value]=7";
    let json = json!({
        "name": "Ada Lovelace", "email": "ada@example.com", "balance": -150, "metadata": { "plan": "pro" },
        "address": { "city": "London" }, "shipping": { "name": "Ada", "address": { "line1": "1 Main" } },
        "preferred_locales": ["en", "de"], "tax_exempt": "exempt",
        "invoice_settings": { "footer": "Thanks", "custom_fields": [{ "name": "PO", "value": "7" }] },
    });
    let mut by_form = system.client.post("/v1/customers", form).await.ok();
    let mut by_json = system.client.json(Method::POST, "/v1/customers", &json).await.ok();
    for customer in [&mut by_form, &mut by_json] {
        let fields = customer.as_object_mut().unwrap();
        fields.remove("id");
        fields.remove("created");
    }
    assert_eq!(by_form, by_json);
    let address = json!({
        "city": "London", "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
    });
    assert_eq!(by_form["address"], address, "a hash is returned with all its lines");
}

#[tokio::test]
async fn an_update_merges_unsets_and_tells_what_was() {
    let system = System::start().await;
    let id = system.client.post("/v1/customers", "name=Ada&phone=1&metadata[a]=1&metadata[b]=2").await.id();
    let path = format!("/v1/customers/{id}");
    let updated =
        system.client.post(&path, "phone=&email=ada@example.com&metadata[b]=&metadata[c]=3").await.ok();
    assert_eq!(updated["name"], "Ada");
    assert_eq!(updated["phone"], Value::Null);
    assert_eq!(updated["metadata"], json!({ "a": "1", "c": "3" }));
    let patched =
        system.client.json(Method::PATCH, &path, &json!({ "metadata": null, "name": "Bob" })).await.ok();
    assert_eq!(patched["metadata"], json!({}));

    let events = events_of(&system, &id).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["customer.created", "customer.updated", "customer.updated"]);
    assert_eq!(events[0]["data"].get("previous_attributes"), None);
    let previous = json!({ "phone": "1", "email": null, "metadata": { "b": "2", "c": null } });
    assert_eq!(events[1]["data"]["previous_attributes"], previous);
    assert_eq!(events[1]["data"]["object"], updated, "the event carries the object as the caller got it");
    assert_eq!(events[2]["data"]["object"], patched);
    let versions: Vec<_> = events.iter().map(|event| event["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, [1, 2, 3]);
}

#[tokio::test]
async fn an_update_that_changes_nothing_appends_nothing() {
    let system = System::start().await;
    let id = system.client.post("/v1/customers", "name=Ada&metadata[a]=1").await.id();
    let path = format!("/v1/customers/{id}");
    let before = system.client.get(&path).await.ok();
    for form in ["", "name=Ada", "metadata[a]=1", "metadata[x]=", "email="] {
        assert_eq!(system.client.post(&path, form).await.ok(), before, "{form}");
    }
    assert_eq!(events_of(&system, &id).await.len(), 1);
}

#[tokio::test]
async fn a_deleted_customer_is_still_known_and_nothing_more() {
    let system = System::start().await;
    let id = system.client.post("/v1/customers", "name=Ada").await.id();
    let path = format!("/v1/customers/{id}");
    let last = system.client.get(&path).await.ok();
    let remains = json!({ "id": id, "object": "customer", "deleted": true });
    assert_eq!(system.client.delete(&path).await.ok(), remains);
    assert_eq!(system.client.get(&path).await.ok(), remains);
    assert_eq!(system.client.get("/v1/customers").await.ok()["data"], json!([]));
    let missing = (404, "invalid_request_error", "resource_missing", "id");
    assert_eq!(system.client.post(&path, "name=Bob").await.error(), missing);
    assert_eq!(system.client.delete(&path).await.error(), missing);
    let events = events_of(&system, &id).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["type"], "customer.deleted");
    assert_eq!(events[1]["data"]["object"], last, "the event carries the last full state");
}

#[tokio::test]
async fn the_event_names_the_request_that_caused_it() {
    let system = System::start().await;
    let request = system.client.request(Method::POST, "/v1/customers").header("Idempotency-Key", "key-1");
    let answer = support::client::send(request).await;
    let request_id = answer.headers["request-id"].to_str().unwrap().to_owned();
    assert!(request_id.starts_with("req_"));
    let events = events_of(&system, &answer.id()).await;
    assert_eq!(events[0]["request"], json!({ "id": request_id, "idempotency_key": "key-1" }));
}
