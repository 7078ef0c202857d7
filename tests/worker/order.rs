//! `ordering: "per_object"`, and pausing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use support::{Delivery, Receiver, Reply, System, eventually};

/// The versions of each object in the order in which they were taken.
fn taken(deliveries: &[Delivery], was_taken: impl Fn(usize, &Delivery) -> bool) -> HashMap<String, Vec<i64>> {
    let mut taken: HashMap<String, Vec<i64>> = HashMap::new();
    for (n, delivery) in deliveries.iter().enumerate() {
        if was_taken(n, delivery) {
            let object = delivery.event["data"]["object"]["id"].as_str().unwrap().to_owned();
            taken.entry(object).or_default().push(delivery.event["version"].as_i64().unwrap());
        }
    }
    taken
}

async fn ordered(system: &System, url: &str) -> String {
    let params = json!({ "url": url, "enabled_events": ["*"], "ordering": "per_object" });
    let made = system.client.json(reqwest::Method::POST, "/v1/webhook_endpoints", &params).await.ok();
    assert_eq!(made["ordering"], "per_object");
    made["id"].as_str().unwrap().to_owned()
}

/// Changes customers, all at the same time, each `times` times.
async fn change(system: &System, customers: usize, times: usize) {
    let changes = (0..customers).map(|n| {
        let client = system.client.clone();
        async move {
            let id = client.customer(&format!("c{n}")).await;
            for time in 1..times {
                client.post(&format!("/v1/customers/{id}"), &format!("name=v{time}")).await.ok();
            }
        }
    });
    futures_util::future::join_all(changes).await;
}

/// Waits until all owed deliveries are parked, and none is in flight.
async fn everything_waits(system: &System) {
    let moving = "select (select count(*) from calmony.delivery where state <> 'parked') \
                  + (select count(*) from calmony.outbox)";
    eventually("everything waits", async || (system.database.number(moving).await == 0).then_some(())).await;
}

#[tokio::test]
async fn events_of_one_object_come_in_order_although_the_receiver_fails_and_dawdles() {
    let system = System::start().await;
    let _workers = [
        system.worker_with(&[("CALMONY_RETRY_SCHEDULE", &["100ms"; 20].join(","))]).await,
        system.worker_with(&[("CALMONY_RETRY_SCHEDULE", &["100ms"; 20].join(","))]).await,
    ];
    let tries = AtomicUsize::new(0);
    // The number of arrival decides which request fails, because the record has the same order.
    let receiver = Receiver::behaving(move |_| {
        let n = tries.fetch_add(1, Ordering::Relaxed);
        Reply::Status(if n % 7 == 3 { 500 } else { 200 })
    })
    .await;
    ordered(&system, &receiver.url).await;
    change(&system, 12, 10).await;
    system.drained().await;
    system.nothing_waits().await;
    let deliveries = receiver.all();
    let mut seen: HashMap<String, i64> = HashMap::new();
    for delivery in &deliveries {
        let object = delivery.event["data"]["object"]["id"].as_str().unwrap().to_owned();
        let version = delivery.event["version"].as_i64().unwrap();
        let last = seen.entry(object).or_default();
        assert!(version == *last || version == *last + 1, "version {version} came after {last}");
        *last = version;
    }
    assert!(seen.values().all(|last| *last == 10) && seen.len() == 12, "{seen:?}");
}

#[tokio::test]
async fn a_failing_object_holds_back_only_itself_and_not_for_ever() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "500ms,500ms")]).await;
    // Version 2 of the first object always fails.
    let receiver = Receiver::behaving(|delivery| {
        let poison =
            delivery.event["data"]["object"]["name"] == "poison" && delivery.event["version"] == json!(2);
        Reply::Status(if poison { 500 } else { 200 })
    })
    .await;
    ordered(&system, &receiver.url).await;
    let id = system.client.customer("poison").await;
    let path = format!("/v1/customers/{id}");
    system.client.post(&path, "description=2").await.ok();
    system.client.post(&path, "description=3").await.ok();
    let other = system.client.customer("other").await;
    eventually("the other object isn't held back", async || {
        receiver.all().iter().any(|got| got.event["data"]["object"]["id"] == other.as_str()).then_some(())
    })
    .await;
    let third = async || {
        let is_third = |got: &Delivery| {
            got.event["data"]["object"]["id"] == id.as_str() && got.event["version"] == json!(3)
        };
        receiver.all().iter().position(is_third)
    };
    let at = eventually("after the last attempt the next goes on", third).await;
    let poison = |got: &Delivery| got.event["version"] == json!(2);
    assert_eq!(
        receiver.all()[..at].iter().filter(|got| poison(got)).count(),
        3,
        "all its attempts came before"
    );
    let gaps = "select count(*) from calmony.attempt where order_gap and error is null";
    eventually("the attempt log says so", async || (system.database.number(gaps).await == 1).then_some(()))
        .await;
    assert_eq!(
        system.database.number("select count(*) from calmony.delivery where state = 'exhausted'").await,
        1
    );
}

#[tokio::test]
async fn order_survives_a_killed_worker() {
    let system = System::start().await;
    let schedule = ["200ms"; 20].join(",");
    let options = [("CALMONY_RETRY_SCHEDULE", schedule.as_str())];
    let mut worker = system.worker_with(&options).await;
    let tries = AtomicUsize::new(0);
    let receiver = Receiver::behaving(move |_| {
        Reply::Status(if tries.fetch_add(1, Ordering::Relaxed) % 5 == 1 { 503 } else { 200 })
    })
    .await;
    ordered(&system, &receiver.url).await;
    for _ in 0..3 {
        let (changed, ()) = tokio::join!(change(&system, 6, 8), async {
            tokio::time::sleep(std::time::Duration::from_millis(60)).await;
            support::system::kill(worker.process.pid());
        });
        let () = changed;
        worker.process.ended().await;
        worker = system.worker_with(&options).await;
    }
    system.drained().await;
    system.nothing_waits().await;
    let mut seen: HashMap<String, i64> = HashMap::new();
    for delivery in &receiver.all() {
        let object = delivery.event["data"]["object"]["id"].as_str().unwrap().to_owned();
        let version = delivery.event["version"].as_i64().unwrap();
        let last = seen.entry(object).or_default();
        // A killed worker's delivery comes again. None is left out, and no later one comes before its time.
        assert!(version <= *last + 1, "version {version} came after {last}");
        *last = version.max(*last);
    }
    assert!(seen.values().all(|last| *last == 8), "{seen:?}");
}

#[tokio::test]
async fn what_happens_while_an_endpoint_is_paused_comes_when_it_is_resumed_in_order() {
    let system = System::start().await;
    let worker = system.worker_with(&[("CALMONY_ENDPOINT_IN_FLIGHT_MAX", "1")]).await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    let paused = system.client.post(&path, "paused=true").await.ok();
    assert_eq!((&paused["paused"], &paused["status"]), (&json!(true), &json!("enabled")));
    for n in 0..40 {
        system.client.customer(&format!("c{n}")).await;
    }
    system.drained().await;
    assert_eq!(receiver.all().len(), 0);
    let parked = "select count(*) from calmony.delivery where state = 'parked'";
    assert_eq!(system.database.number(parked).await, 40);
    let event = system.client.get("/v1/events?type=customer.created&limit=1").await.ok();
    assert_eq!(event["data"][0]["pending_webhooks"], 1);
    drop(worker);
    let _worker = system.worker_with(&[("CALMONY_ENDPOINT_IN_FLIGHT_MAX", "1")]).await;
    system.client.post(&path, "paused=false").await.ok();
    system.nothing_waits().await;
    let names: Vec<_> =
        receiver.all().iter().map(|got| got.event["data"]["object"]["name"].clone()).collect();
    assert_eq!(names, (0..40).map(|n| json!(format!("c{n}"))).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_pause_holds_back_retries_too_and_an_ordered_endpoint_stays_in_order() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", &["300ms"; 20].join(","))]).await;
    let (receiver, works) = Receiver::switched(false).await;
    let endpoint = ordered(&system, &receiver.url).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    change(&system, 2, 3).await;
    receiver.next().await;
    system.client.post(&path, "paused=true").await.ok();
    everything_waits(&system).await;
    let before = receiver.all().len();
    change(&system, 1, 3).await;
    system.drained().await;
    assert_eq!(receiver.all().len(), before, "nothing is sent");
    works.store(true, Ordering::Relaxed);
    system.client.post(&path, "paused=false").await.ok();
    system.nothing_waits().await;
    let taken = taken(&receiver.all(), |n, _| n >= before);
    assert!(taken.len() == 3 && taken.values().all(|versions| *versions == [1, 2, 3]), "{taken:?}");
}

/// A delivery that waits for its turn by the rate limit is in the worker's memory. It isn't sent if the
/// endpoint is paused meanwhile.
#[tokio::test]
async fn a_pause_reaches_what_is_queued_in_memory() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    system.client.post(&path, "rate_limit=5").await.ok();
    for n in 0..60 {
        system.client.customer(&format!("c{n}")).await;
    }
    eventually("it is under way", async || (receiver.all().len() > 8).then_some(())).await;
    system.client.post(&path, "paused=true").await.ok();
    everything_waits(&system).await;
    let before = receiver.all().len();
    assert!(before < 40, "{before}");
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(receiver.all().len(), before, "nothing more is sent");
    system.client.post(&path, "paused=false&rate_limit=").await.ok();
    system.nothing_waits().await;
    assert_eq!(receiver.all().len(), 60, "each once");
}
