//! A mutation becomes a verified webhook.

use calmony_pay::clock;
use calmony_pay::secret::SigningSecret;
use calmony_pay::signature::verify_stripe;
use serde_json::json;
use support::{Delivery, Receiver, System};
use tokio::time::Instant;

fn verifies(delivery: &Delivery, secret: &str) -> bool {
    let parsed = SigningSecret::parse(secret).unwrap();
    let now = clock::now().seconds();
    let stripe = ["stripe-signature", "calmony-signature"]
        .iter()
        .all(|name| verify_stripe(delivery.header(name), &delivery.body, &parsed, now, 300));
    let oracle = standardwebhooks::Webhook::new(secret).unwrap();
    stripe && oracle.verify(&delivery.body, &delivery.headers).is_ok()
}

#[tokio::test]
async fn a_mutation_becomes_a_verified_webhook() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    let (_, secret) = system.client.endpoint(&receiver.url, &["*"]).await;
    let id = system.client.post("/v1/customers", "name=Ada&metadata[a]=1").await.id();
    let path = format!("/v1/customers/{id}");
    system.client.post(&path, "name=Bob&metadata[a]=").await.ok();
    system.client.delete(&path).await.ok();

    let mut deliveries = Vec::new();
    for _ in 0..3 {
        deliveries.push(receiver.next().await);
    }
    deliveries.sort_by_key(|delivery| delivery.event["version"].as_i64());
    let kinds: Vec<_> = deliveries.iter().map(Delivery::kind).collect();
    assert_eq!(kinds, ["customer.created", "customer.updated", "customer.deleted"]);
    for delivery in &deliveries {
        assert!(verifies(delivery, &secret));
        assert!(!verifies(delivery, SigningSecret::generate().reveal()));
        assert_eq!(delivery.header("webhook-id"), delivery.id());
        assert_eq!(delivery.header("content-type"), "application/json; charset=utf-8");
    }
    let previous = json!({ "name": "Ada", "metadata": { "a": "1" } });
    assert_eq!(deliveries[1].event["data"]["previous_attributes"], previous);
    system.drained().await;
    for delivery in deliveries {
        let event = system.client.get(&format!("/v1/events/{}", delivery.id())).await.ok();
        let mut sent = delivery.event.clone();
        assert_eq!(sent["pending_webhooks"], 1);
        sent["pending_webhooks"] = json!(0);
        assert_eq!(event, sent, "the API shows what was sent");
    }
    assert_eq!(system.database.number("select count(*) from calmony.attempt where status = 200").await, 3);
    assert_eq!(system.database.number("select count(*) from calmony.delivery").await, 0);
    assert_eq!(
        system.database.number("select count(*) from calmony.attempt_default").await,
        0,
        "the day has a partition of its own"
    );
}

#[tokio::test]
async fn each_endpoint_gets_its_own_copy_of_what_it_asked_for() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let (all, deletions, endpoints) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let (_, secret_all) = system.client.endpoint(&all.url, &["*"]).await;
    let (_, secret_deletions) = system.client.endpoint(&deletions.url, &["customer.deleted"]).await;
    let named = ["webhook_endpoint.created", "webhook_endpoint.updated"];
    let (endpoint, _) = system.client.endpoint(&endpoints.url, &named).await;
    let id = system.client.customer("Ada").await;
    system.client.delete(&format!("/v1/customers/{id}")).await.ok();
    system.client.post(&format!("/v1/webhook_endpoints/{endpoint}"), "description=x").await.ok();
    let other = system.client.with_key(&system.other_key);
    other.customer("of another account").await;

    let deletion = deletions.next().await;
    assert_eq!(deletion.kind(), "customer.deleted");
    assert!(verifies(&deletion, &secret_deletions) && !verifies(&deletion, &secret_all));
    let update = endpoints.next().await;
    system.drained().await;
    // The creation of the endpoint may be among them: it was subscribed when that event was fanned out.
    assert!(endpoints.all().iter().all(|delivery| delivery.kind().starts_with("webhook_endpoint.")));
    assert!(update.event["data"]["object"]["id"].as_str().unwrap().starts_with("we_"));
    let mut kinds: Vec<_> = all.all().iter().map(|delivery| delivery.kind().to_owned()).collect();
    kinds.sort();
    assert_eq!(
        kinds,
        ["customer.created", "customer.deleted"],
        "* is not the endpoints' own, nor another account's"
    );
    assert_eq!(deletions.all().len(), 1);
    let copy = all.all().into_iter().find(|delivery| delivery.kind() == "customer.deleted").unwrap();
    assert_eq!(copy.id(), deletion.id());
}

#[tokio::test]
async fn an_idle_worker_is_woken_by_the_commit() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let mut latencies = Vec::new();
    for n in 0..21 {
        let started = Instant::now();
        system.client.customer(&format!("c{n}")).await;
        receiver.next().await;
        latencies.push(started.elapsed());
        system.drained().await;
    }
    latencies.sort();
    // Each begins when the outbox was just found empty: without the wake-up it would wait for nearly all of
    // the poll interval of 200 ms.
    assert!(latencies[10].as_millis() < 100, "{latencies:?}");
    // Appends that are combined wake the worker in another way.
    latencies.clear();
    for _ in 0..11 {
        let started = Instant::now();
        futures_util::future::join_all((0..8).map(|_| system.client.customer("together"))).await;
        for _ in 0..8 {
            receiver.next().await;
        }
        latencies.push(started.elapsed());
        system.drained().await;
    }
    latencies.sort();
    assert!(latencies[8].as_millis() < 120, "{latencies:?}");
}
