//! Owing events once more: a single one, or a part of the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use support::system::kill;
use support::{Delivery, Receiver, Reply, System, eventually};

/// A system with an endpoint that has received `count` customers' events, and the endpoint's id.
async fn delivered(count: usize) -> (System, support::Worker, Receiver, String) {
    let system = System::start().await;
    let worker = system.worker().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    for n in 0..count {
        system.client.customer(&format!("c{n}")).await;
    }
    eventually("all have arrived", async || (receiver.all().len() == count).then_some(())).await;
    system.drained().await;
    (system, worker, receiver, endpoint)
}

async fn start(system: &System, endpoint: &str, params: Value) -> Value {
    let path = format!("/v1/webhook_endpoints/{endpoint}/replay");
    system.client.json(reqwest::Method::POST, &path, &params).await.ok()
}

async fn ended(system: &System, replay: &Value) -> Value {
    let path = format!("/v1/replays/{}", replay["id"].as_str().unwrap());
    eventually("the replay ends", async || {
        let now = system.client.get(&path).await.ok();
        (now["status"] != "running").then_some(now)
    })
    .await
}

/// The number of arrivals of each event.
fn counts(deliveries: &[Delivery]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for delivery in deliveries {
        *counts.entry(delivery.id()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn one_event_is_resent_to_one_endpoint_with_the_same_id() {
    let (system, _worker, receiver, endpoint) = delivered(3).await;
    let other = Receiver::start().await;
    system.client.endpoint(&other.url, &["*"]).await;
    let event = receiver.all()[1].id();
    let path = format!("/v1/events/{event}/retry");
    let answer = system.client.post(&path, &format!("webhook_endpoint={endpoint}")).await.ok();
    assert_eq!((&answer["id"], &answer["object"]), (&json!(event), &json!("event")));
    for _ in 0..3 {
        receiver.next().await;
    }
    let again = receiver.next().await;
    assert_eq!((again.id(), &again.body), (event.clone(), &receiver.all()[1].body));
    system.nothing_waits().await;
    assert_eq!((receiver.all().len(), other.all().len()), (4, 0), "to that endpoint, once");
    let replays = system.client.get("/v1/replays").await.ok();
    let replay = ended(&system, &replays["data"][0]).await;
    assert_eq!((&replay["status"], &replay["progress"]["owed"]), (&json!("completed"), &json!(1)));

    let refused = system.client.post(&path, "webhook_endpoint=we_01J9ZW6QAPZK9N3FBJ0WB5K7TX").await;
    assert_eq!(refused.error(), (400, "invalid_request_error", "resource_missing", "webhook_endpoint"));
    assert_eq!(system.client.post(&path, "").await.error().2, "parameter_missing");
    let unknown =
        system.client.post("/v1/events/evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX/retry", "webhook_endpoint=x").await;
    assert_eq!(unknown.status, 404);
    let stranger = system.client.with_key(&system.other_key);
    assert_eq!(stranger.post(&path, &format!("webhook_endpoint={endpoint}")).await.status, 404);
}

#[tokio::test]
async fn a_resend_goes_out_although_the_endpoint_does_not_ask_for_the_type() {
    let (system, _worker, receiver, endpoint) = delivered(1).await;
    let event = system.client.get("/v1/events?type=webhook_endpoint.created").await.ok();
    let event = event["data"][0]["id"].as_str().unwrap().to_owned();
    system
        .client
        .post(&format!("/v1/events/{event}/retry"), &format!("webhook_endpoint={endpoint}"))
        .await
        .ok();
    eventually("it arrives", async || receiver.all().iter().any(|got| got.id() == event).then_some(())).await;
}

#[tokio::test]
async fn what_a_disabled_endpoint_missed_is_one_replay_away() {
    let (system, _worker, receiver, endpoint) = delivered(2).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    system.client.post(&path, "disabled=true").await.ok();
    let id = system.client.customer("missed").await;
    system.client.delete(&format!("/v1/customers/{id}")).await.ok();
    system.client.customer("another").await;
    system.drained().await;
    system.client.post(&path, "disabled=false").await.ok();
    let filter = json!({ "related_object": id, "dry_run": true });
    let dry = start(&system, &endpoint, filter).await;
    assert_eq!(
        (&dry["matching_events"], &dry["dry_run"]),
        (&json!(1), &json!(true)),
        "it asks for no deletions"
    );
    assert_eq!(start(&system, &endpoint, json!({ "dry_run": true })).await["matching_events"], 4);
    assert_eq!(
        start(&system, &endpoint, json!({ "dry_run": true, "only_failed": true })).await["matching_events"],
        0
    );
    let soon = calmony_pay::clock::now().seconds() + 100;
    let later = start(&system, &endpoint, json!({ "dry_run": true, "created": { "gte": soon } })).await;
    assert_eq!(later["matching_events"], 0);
    assert_eq!(system.client.get("/v1/replays").await.ok()["data"], json!([]), "a dry run starts nothing");

    let replay = start(&system, &endpoint, json!({ "related_object": id })).await;
    assert!(replay["id"].as_str().unwrap().starts_with("rpl_"));
    assert_eq!((&replay["status"], &replay["related_object"]), (&json!("running"), &json!(id)));
    let ended = ended(&system, &replay).await;
    assert_eq!((&ended["status"], &ended["progress"]["owed"]), (&json!("completed"), &json!(1)));
    assert!((ended["progress"]["fraction"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    system.nothing_waits().await;
    assert_eq!(receiver.all().len(), 3);
    assert_eq!(receiver.all()[2].event["data"]["object"]["id"], json!(id));
}

#[tokio::test]
async fn a_replay_outlives_its_workers_and_owes_nothing_twice() {
    let (system, mut worker, receiver, endpoint) = delivered(300).await;
    let before = receiver.all().len();
    let replay = start(&system, &endpoint, json!({ "types": ["customer.*"], "rate_limit": 100 })).await;
    for share in [1, 2, 3] {
        eventually("it gets on", async || (receiver.all().len() > before + share * 40).then_some(())).await;
        kill(worker.process.pid());
        worker.process.ended().await;
        worker = system.worker().await;
    }
    let _second = system.worker().await;
    let ended = ended(&system, &replay).await;
    assert_eq!((&ended["status"], &ended["progress"]["owed"]), (&json!("completed"), &json!(300)));
    system.nothing_waits().await;
    let counts = counts(&receiver.all());
    assert!(counts.len() == 300 && counts.values().all(|count| *count >= 2), "each came once more");
    let thrice = counts.values().filter(|count| **count > 2).count();
    // A killed worker may have sent deliveries whose outcomes it couldn't write down any more: those in
    // flight, and no others.
    assert!(thrice <= 3 * 64, "{thrice}");
}

#[tokio::test]
async fn a_replay_keeps_to_its_rate_and_can_be_canceled() {
    let (system, _worker, receiver, endpoint) = delivered(60).await;
    let before = receiver.all().len();
    let replay = start(&system, &endpoint, json!({ "rate_limit": 5 })).await;
    eventually("it begins", async || (receiver.all().len() > before).then_some(())).await;
    let began = tokio::time::Instant::now();
    eventually("it gets on", async || (receiver.all().len() >= before + 10).then_some(())).await;
    assert!(began.elapsed().as_millis() > 900, "10 at 5 a second took {:?}", began.elapsed());
    let path = format!("/v1/replays/{}/cancel", replay["id"].as_str().unwrap());
    assert_eq!(system.client.post(&path, "").await.ok()["status"], "canceled");
    assert_eq!(system.client.post(&path, "").await.ok()["status"], "canceled", "once more is harmless");
    system.nothing_waits().await;
    let after = receiver.all().len();
    assert!(after < before + 60, "the rest isn't sent");
    let types = system.client.get("/v1/events?type=replay.*").await.ok();
    assert_eq!(types["data"].as_array().unwrap().len(), 2);
    for (wrong, param) in [
        (json!({ "rate_limit": 0 }), "rate_limit"),
        (json!({ "types": ["no.such"] }), "types[0]"),
        (json!({ "until": 5 }), "until"),
        (json!({ "related_object": "" }), "related_object"),
        (json!({ "related_object": "cus_1" }), "related_object"),
        (json!({ "created": { "gte": "soon" } }), "created[gte]"),
    ] {
        let path = format!("/v1/webhook_endpoints/{endpoint}/replay");
        let refused = system.client.json(reqwest::Method::POST, &path, &wrong).await;
        assert_eq!((refused.status, refused.error().3), (400, param), "{wrong}");
    }
}

#[tokio::test]
async fn a_replay_of_what_was_given_up_tries_it_anew() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "100ms")]).await;
    let works = Arc::new(AtomicBool::new(false));
    let switch = works.clone();
    let receiver = Receiver::behaving(move |delivery| {
        let bad = delivery.event["data"]["object"]["name"] == "bad" && !switch.load(Ordering::Relaxed);
        Reply::Status(if bad { 500 } else { 200 })
    })
    .await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    for name in ["good", "bad", "good", "bad"] {
        system.client.customer(name).await;
    }
    let given_up = "select count(*) from calmony.delivery where state = 'exhausted'";
    eventually("two are given up", async || (system.database.number(given_up).await == 2).then_some(()))
        .await;
    works.store(true, Ordering::Relaxed);
    let before = receiver.all().len();
    let replay = start(&system, &endpoint, json!({ "only_failed": true })).await;
    assert_eq!(ended(&system, &replay).await["progress"]["owed"], 2);
    system.nothing_waits().await;
    assert_eq!(receiver.all().len(), before + 2);
}

#[tokio::test]
async fn a_replay_ends_with_its_endpoint() {
    let (system, _worker, _receiver, endpoint) = delivered(5).await;
    let replay = start(&system, &endpoint, json!({ "rate_limit": 1 })).await;
    system.client.delete(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
    assert_eq!(ended(&system, &replay).await["status"], "canceled");
    let path = format!("/v1/webhook_endpoints/{endpoint}/replay");
    assert_eq!(system.client.post(&path, "").await.status, 404);
    system.nothing_waits().await;
}
