//! The trouble of one endpoint stays its own: the breaker, the pace, and the way back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{Receiver, Reply, System, eventually};
use tokio::time::Instant;

/// Creates customers until the database has `count` deliveries waiting.
async fn owe(system: &System, count: i64) {
    let waits = "select count(*) from calmony.delivery where state = 'owed'";
    let mut n = 0;
    eventually("an outage leaves deliveries waiting", async || {
        n += 1;
        system.client.customer(&format!("c{n}")).await;
        (system.database.number(waits).await >= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dead_endpoint_is_probed_and_not_flooded_and_gets_everything_at_once_when_it_is_back() {
    let system = System::start().await;
    // By the schedule alone the retries would come in an hour.
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "1h,1h,1h")]).await;
    let (receiver, works) = Receiver::switched(false).await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    owe(&system, 150).await;
    let attempts = receiver.all().len();
    assert!(attempts < 100, "the breaker keeps most of them from being attempted: {attempts}");
    owe(&system, 200).await;
    let probes = receiver.all().len() - attempts;
    assert!(probes < 10, "{probes} requests to an endpoint whose breaker is open");

    works.store(true, Ordering::Relaxed);
    let back = Instant::now();
    system.nothing_waits().await;
    assert!(back.elapsed() < Duration::from_secs(15), "{:?}", back.elapsed());
    let early = "select count(*) from calmony.attempt where early and error is null";
    assert!(system.database.number(early).await > 5, "what had failed doesn't wait for its schedule");
    let never_counted =
        "select count(*) from calmony.attempt where error is not null and number > 1 and not early";
    assert_eq!(
        system.database.number(never_counted).await,
        0,
        "a probe ahead of its time uses up no attempt"
    );
}

#[tokio::test]
async fn a_walk_after_an_outage_goes_in_the_order_of_the_log() {
    let system = System::start().await;
    let _worker = system
        .worker_with(&[("CALMONY_RETRY_SCHEDULE", "1h,1h,1h"), ("CALMONY_ENDPOINT_IN_FLIGHT_MAX", "1")])
        .await;
    let (receiver, works) = Receiver::switched(false).await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    owe(&system, 60).await;
    let before = receiver.all().len();
    works.store(true, Ordering::Relaxed);
    system.nothing_waits().await;
    let arrived: Vec<String> = receiver.all()[before..].iter().map(support::Delivery::id).collect();
    // First the successful probe, which may be for any of them, since probes go round; then the walk.
    let (_probe, walk) = arrived.split_first().unwrap();
    assert!(walk.len() >= 59 && walk.is_sorted(), "{arrived:?}");
}

#[tokio::test]
async fn an_endpoint_that_fails_now_and_then_keeps_being_sent_to() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "1h")]).await;
    let tries = AtomicUsize::new(0);
    let receiver = Receiver::behaving(move |_| {
        Reply::Status(if tries.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { 500 } else { 200 })
    })
    .await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    for n in 0..200 {
        system.client.customer(&format!("c{n}")).await;
    }
    system.drained().await;
    assert_eq!(receiver.all().len(), 200, "each was attempted once");
}

#[tokio::test]
async fn a_rate_limit_is_kept_and_waiting_is_no_attempt() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    assert_eq!(system.client.post(&path, "rate_limit=20").await.ok()["rate_limit"], 20);
    let started = Instant::now();
    for n in 0..80 {
        system.client.customer(&format!("c{n}")).await;
    }
    eventually("all have arrived", async || (receiver.all().len() == 80).then_some(())).await;
    let took = started.elapsed();
    assert!(took > Duration::from_millis(3_500), "80 at 20 a second took {took:?}");
    system.nothing_waits().await;
    assert_eq!(system.database.number("select count(*) from calmony.attempt").await, 80);
    assert_eq!(system.database.number("select count(*) from calmony.attempt where number > 1").await, 0);
    assert_eq!(system.client.post(&path, "rate_limit=").await.ok()["rate_limit"], serde_json::Value::Null);
    for wrong in ["rate_limit=0", "rate_limit=10001", "rate_limit=-1", "rate_limit=many"] {
        let refused = system.client.post(&path, wrong).await;
        assert_eq!(refused.error().3, "rate_limit", "{wrong}");
    }
}

/// More endpoints that hang than there is room for requests.
#[tokio::test]
async fn many_receivers_that_hang_leave_room_for_the_others() {
    let system = System::start().await;
    let _worker =
        system.worker_with(&[("CALMONY_IN_FLIGHT_MAX", "16"), ("CALMONY_ATTEMPT_TIMEOUT", "20s")]).await;
    let (hangs, works) = (Receiver::behaving(|_| Reply::Never).await, Receiver::start().await);
    for n in 0..4 {
        system.client.endpoint(&format!("{}/{n}", hangs.url), &["customer.created"]).await;
    }
    system.client.endpoint(&works.url, &["customer.created"]).await;
    let mut slowest = Duration::ZERO;
    for n in 0..60 {
        let started = Instant::now();
        system.client.customer(&format!("c{n}")).await;
        eventually("the working receiver has it", async || (works.all().len() > n).then_some(())).await;
        slowest = slowest.max(started.elapsed());
    }
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
}

#[tokio::test]
async fn an_endpoint_without_a_success_for_too_long_is_disabled_by_an_event() {
    let system = System::start().await;
    let _worker = system
        .worker_with(&[("CALMONY_DISABLE_AFTER", "2s"), ("CALMONY_RETRY_SCHEDULE", &["300ms"; 30].join(","))])
        .await;
    let (receiver, works) = Receiver::switched(false).await;
    let (watcher, other) = (Receiver::start().await, Receiver::start().await);
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.endpoint(&watcher.url, &["webhook_endpoint.disabled"]).await;
    system.client.endpoint(&other.url, &["*"]).await;
    let started = Instant::now();
    system.client.customer("Ada").await;
    let told = watcher.next().await;
    assert!(started.elapsed() > Duration::from_millis(1_900), "{:?}", started.elapsed());
    assert_eq!(told.event["data"]["object"]["disabled_reason"], "failing");
    let parked = "select count(*) from calmony.delivery where state = 'parked'";
    eventually("what is owed waits", async || (system.database.number(parked).await == 1).then_some(()))
        .await;
    works.store(true, Ordering::Relaxed);
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    system.client.post(&path, "disabled=false").await.ok();
    system.nothing_waits().await;
    assert!(other.all().iter().all(|got| got.kind() == "customer.created"), "only who names it is told");
}

#[tokio::test]
async fn one_success_starts_the_clock_of_disabling_again() {
    let system = System::start().await;
    let _worker = system
        .worker_with(&[("CALMONY_DISABLE_AFTER", "2s"), ("CALMONY_RETRY_SCHEDULE", &["200ms"; 30].join(","))])
        .await;
    let tries = AtomicUsize::new(0);
    let receiver = Receiver::behaving(move |_| {
        Reply::Status(if tries.fetch_add(1, Ordering::Relaxed) % 4 == 3 { 200 } else { 500 })
    })
    .await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let started = Instant::now();
    let mut n = 0;
    while started.elapsed() < Duration::from_secs(5) {
        n += 1;
        system.client.customer(&format!("c{n}")).await;
        receiver.next().await;
    }
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    assert_eq!(system.client.get(&path).await.ok()["status"], "enabled");
}
