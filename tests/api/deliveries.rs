//! The endpoints that have got an event, those that haven't, and the reasons.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use support::{Receiver, Reply, System, eventually};

fn states(list: &Value) -> Vec<(&str, &str)> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|delivery| (delivery["webhook_endpoint"].as_str().unwrap(), delivery["state"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn an_event_tells_of_every_delivery_and_attempt() {
    let system = System::start().await;
    let worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "100ms,1h")]).await;
    let works = Receiver::behaving(|_| Reply::Body(200, "thank you".to_owned())).await;
    let fails = Receiver::behaving(|_| Reply::Body(500, "x".repeat(5_000))).await;
    let (good, _) = system.client.endpoint(&works.url, &["*"]).await;
    let (bad, _) = system.client.endpoint(&fails.url, &["*"]).await;
    system.client.endpoint(&works.url, &["customer.deleted"]).await;
    system.client.customer("Ada").await;
    let event = works.next().await;
    let path = format!("/v1/events/{}/deliveries", event.id());
    let list = eventually("both attempts of the failing one are on record", async || {
        let list = system.client.get(&path).await.ok();
        let attempts = |n: usize| list["data"][n]["attempts"]["data"].as_array().map_or(0, Vec::len);
        (list["data"].as_array().unwrap().len() == 2 && attempts(0) + attempts(1) == 3).then_some(list)
    })
    .await;
    let mut expected = vec![(good.as_str(), "delivered"), (bad.as_str(), "owed")];
    expected.sort_unstable();
    assert_eq!(states(&list), expected);
    let of = |endpoint: &str| {
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["webhook_endpoint"] == endpoint)
            .unwrap()
            .clone()
    };
    let (good, bad) = (of(&good), of(&bad));
    assert_eq!((&good["event"], &good["next_attempt"]), (&json!(event.id()), &Value::Null));
    let attempt = &good["attempts"]["data"][0];
    assert_eq!((&attempt["status"], &attempt["response"]), (&json!(200), &json!("thank you")));
    assert_eq!(attempt["signature_timestamp"].to_string(), event.header("webhook-timestamp"));
    let phases = &attempt["phases"];
    assert!(
        phases["total"].as_f64() >= phases["first_byte"].as_f64()
            && phases["first_byte"].as_f64() > Some(0.0)
    );
    assert!(
        phases["connect"].as_f64() > Some(0.0) && phases["dns"].is_null() && phases["tls"].is_null(),
        "{phases}"
    );
    let attempts = bad["attempts"]["data"].as_array().unwrap();
    assert_eq!(
        attempts.iter().map(|one| one["number"].as_i64().unwrap()).collect::<Vec<_>>(),
        [2, 1],
        "newest first"
    );
    assert!(
        attempts[0]["response"].as_str().unwrap().len() == 1024
            && attempts[0]["response_truncated"] == json!(true)
    );
    assert!(bad["next_attempt"].as_u64().unwrap() > calmony_pay::clock::now().seconds() + 2_000);
    assert!(attempts[1]["phases"]["connect"].is_number() || attempts[0]["phases"]["connect"].is_number());

    drop(worker);
    let later = system.client.customer("Grace").await;
    let events = system.client.get("/v1/events?limit=1").await.ok();
    assert_eq!(events["data"][0]["data"]["object"]["id"], json!(later));
    let pending = system
        .client
        .get(&format!("/v1/events/{}/deliveries", events["data"][0]["id"].as_str().unwrap()))
        .await;
    assert!(states(&pending.ok()).iter().all(|(_, state)| *state == "pending"));
    let stranger = system.client.with_key(&system.other_key);
    assert_eq!(stranger.get(&path).await.error(), (404, "invalid_request_error", "resource_missing", "id"));
}

#[tokio::test]
async fn an_endpoint_lists_its_deliveries_by_state_and_in_pages() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "100ms")]).await;
    let (receiver, works) = Receiver::switched(true).await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    for n in 0..7 {
        system.client.customer(&format!("c{n}")).await;
    }
    system.drained().await;
    works.store(false, Ordering::Relaxed);
    for n in 0..2 {
        system.client.customer(&format!("bad{n}")).await;
    }
    let given_up = "select count(*) from calmony.delivery where state = 'exhausted'";
    eventually("two are given up", async || (system.database.number(given_up).await == 2).then_some(()))
        .await;
    let path = format!("/v1/webhook_endpoints/{endpoint}/deliveries");
    let events = async |query: &str| -> Vec<String> {
        let list = system.client.get(&format!("{path}?{query}")).await.ok();
        let entries = list["data"].as_array().unwrap().iter();
        entries.map(|one| one["event"].as_str().unwrap().to_owned()).collect()
    };
    let all = events("limit=100").await;
    let mut sorted = all.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    assert!(all.len() == 9 && all == sorted, "newest first: {all:?}");
    assert_eq!(events("state=exhausted").await, all[..2]);
    assert_eq!(events("state=delivered").await, all[2..]);
    assert_eq!(events("state=parked").await, Vec::<String>::new());
    assert_eq!(events(&format!("limit=4&starting_after={}", all[3])).await, all[4..8]);
    assert_eq!(events(&format!("limit=2&ending_before={}", all[3])).await, all[1..3]);
    let wrong = system.client.get(&format!("{path}?state=lost")).await;
    assert_eq!(wrong.error().3, "state");
    let cursor = system.client.get(&format!("{path}?starting_after=evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX")).await;
    assert_eq!(cursor.error().3, "starting_after");
    system.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
    assert!(events("state=delivered").await.len() == 7, "history outlives its endpoint");
    let dropped = "select count(*) from calmony.delivery";
    eventually("what was given up goes with it", async || {
        // An exhausted delivery stays listed. Only owed ones go.
        (system.database.number(dropped).await == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn events_are_filtered_by_whether_everybody_has_them() {
    let system = System::start().await;
    let worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "1h")]).await;
    let receiver = Receiver::behaving(|delivery| {
        Reply::Status(if delivery.event["data"]["object"]["name"] == "bad" { 500 } else { 200 })
    })
    .await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let names = async |query: &str| -> Vec<String> {
        let list = system.client.get(&format!("/v1/events?type=customer.created&{query}")).await.ok();
        let entries = list["data"].as_array().unwrap().iter();
        entries.map(|one| one["data"]["object"]["name"].as_str().unwrap().to_owned()).collect()
    };
    for name in ["a", "bad", "b", "bad", "c"] {
        system.client.customer(name).await;
    }
    system.drained().await;
    assert_eq!(names("delivery_success=false").await, ["bad", "bad"]);
    assert_eq!(names("delivery_success=true").await, ["c", "b", "a"]);
    assert_eq!(names("").await.len(), 5);
    drop(worker);
    system.client.customer("not yet").await;
    assert_eq!(names("delivery_success=false").await, ["not yet", "bad", "bad"]);
    assert_eq!(names("delivery_success=false&limit=1").await, ["not yet"]);
    let newest =
        system.client.get("/v1/events?limit=1").await.ok()["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(names(&format!("delivery_success=false&starting_after={newest}")).await, ["bad", "bad"]);
    let unheard = system.client.get("/v1/events?type=webhook_endpoint.*&delivery_success=true").await.ok();
    assert_eq!(unheard["data"].as_array().unwrap().len(), 1, "nobody asked for it, so nobody lacks it");
    assert_eq!(system.client.get("/v1/events?delivery_success=maybe").await.error().3, "delivery_success");
}
