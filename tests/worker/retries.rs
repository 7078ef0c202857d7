//! Failed attempts: retried by the schedule, the same event, signed anew; given up visibly.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use support::{Receiver, Reply, System, eventually};

#[tokio::test]
async fn a_receiver_that_fails_and_recovers_gets_the_same_event_again() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "1500ms,1s")]).await;
    let tries = AtomicUsize::new(0);
    // The delay may be a fifth shorter, and signatures count seconds.
    let receiver = Receiver::behaving(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Body(500, "out of order".to_owned()),
        _ => Reply::Status(204),
    })
    .await;
    let (_, secret) = system.client.endpoint(&receiver.url, &["*"]).await;
    system.client.customer("Ada").await;
    let first = receiver.next().await;
    let pending = eventually("the retry is owed", async || {
        let event = system.client.get(&format!("/v1/events/{}", first.id())).await.ok();
        let waits =
            system.database.number("select count(*) from calmony.delivery where state = 'owed'").await;
        (waits == 1).then(|| event["pending_webhooks"].clone())
    });
    assert_eq!(pending.await, json!(1));
    let second = receiver.next().await;
    assert_eq!(first.id(), second.id());
    assert_eq!(first.body, second.body);
    assert!(first.header("webhook-timestamp") < second.header("webhook-timestamp"), "signed anew");
    assert!(standardwebhooks::Webhook::new(&secret).unwrap().verify(&second.body, &second.headers).is_ok());
    system.nothing_waits().await;
    let attempts = "select number, status, error, response from calmony.attempt order by number";
    let rows = system.database.admin().await.query(attempts, &[]).await.unwrap();
    let told: Vec<(i32, i16, Option<String>, Option<String>)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    assert_eq!(told, [(1, 500, Some("status".into()), Some("out of order".into())), (2, 204, None, None)]);
    assert_eq!(receiver.all().len(), 2);
}

#[tokio::test]
async fn after_the_last_attempt_a_delivery_is_given_up_in_plain_sight() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "100ms,100ms")]).await;
    let receiver = Receiver::behaving(|_| Reply::Status(503)).await;
    system.client.endpoint(&receiver.url, &["*"]).await;
    system.client.customer("Ada").await;
    let exhausted = "select count(*) from calmony.delivery where state = 'exhausted' and attempts = 3";
    eventually("it is given up", async || (system.database.number(exhausted).await == 1).then_some(())).await;
    assert_eq!(receiver.all().len(), 3);
    assert_eq!(system.database.number("select count(*) from calmony.attempt").await, 3);
    let event = system.client.get("/v1/events?type=customer.created").await.ok();
    assert_eq!(event["data"][0]["pending_webhooks"], json!(0));
}

#[tokio::test]
async fn one_attempt_has_one_deadline_and_the_others_do_not_wait() {
    let system = System::start().await;
    let _worker =
        system.worker_with(&[("CALMONY_ATTEMPT_TIMEOUT", "3s"), ("CALMONY_RETRY_SCHEDULE", "1h")]).await;
    let (hangs, works) = (Receiver::behaving(|_| Reply::Never).await, Receiver::start().await);
    system.client.endpoint(&hangs.url, &["*"]).await;
    system.client.endpoint(&works.url, &["*"]).await;
    system.client.customer("Ada").await;
    hangs.next().await;
    works.next().await;
    // The event leaves the outbox long before the deadline: deliveries without an answer have rows of their
    // own by then.
    system.drained().await;
    let sql = "select count(*) from calmony.delivery where state = 'owed' and attempts = 0";
    assert_eq!(system.database.number(sql).await, 1);
    let timed_out = "select count(*) from calmony.attempt where error = 'timeout' \
                     and duration_us between 2900000 and 20000000";
    eventually("the deadline", async || (system.database.number(timed_out).await == 1).then_some(())).await;
    let waits = "select count(*) from calmony.delivery where state = 'owed' and attempts = 1 \
                 and due_at > now() + interval '30 min'";
    eventually("the retry is owed", async || (system.database.number(waits).await == 1).then_some(())).await;
    assert_eq!((hangs.all().len(), works.all().len()), (1, 1));
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "100ms,100ms")]).await;
    let tries = AtomicUsize::new(0);
    let receiver = Receiver::behaving(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::RetryAfter(503, "2".to_owned()),
        1 => Reply::RetryAfter(500, "3600".to_owned()),
        _ => Reply::Status(200),
    })
    .await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    receiver.next().await;
    let asked = tokio::time::Instant::now();
    receiver.next().await;
    assert!(asked.elapsed().as_millis() > 1_800, "{:?}", asked.elapsed());
    receiver.next().await;
    assert!(asked.elapsed().as_secs() < 20, "500 is not a status that may ask");
    system.nothing_waits().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_has_its_endpoint_disabled_by_an_event() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let (gone, watcher) = (Receiver::behaving(|_| Reply::Status(410)).await, Receiver::start().await);
    let (endpoint, _) = system.client.endpoint(&gone.url, &["customer.created"]).await;
    system.client.endpoint(&watcher.url, &["webhook_endpoint.disabled"]).await;
    system.client.customer("Ada").await;
    let told = watcher.next().await;
    let object = &told.event["data"]["object"];
    assert_eq!((&object["id"], &object["status"]), (&json!(endpoint), &json!("disabled")));
    assert_eq!(object["disabled_reason"], json!("gone"));
    assert_eq!(
        told.event["data"]["previous_attributes"],
        json!({ "status": "enabled", "disabled_reason": null })
    );
    assert_eq!(told.event["request"], json!({ "id": null, "idempotency_key": null }));
    let parked = "select count(*) from calmony.delivery where state = 'parked'";
    eventually("what is owed waits", async || (system.database.number(parked).await == 1).then_some(()))
        .await;
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    let enabled = system.client.post(&path, "disabled=false").await.ok();
    assert_eq!((&enabled["status"], &enabled["disabled_reason"]), (&json!("enabled"), &json!(null)));
}

/// Far more events for the receiver that hangs than may be in flight, and again when their retries are due.
#[tokio::test]
async fn a_receiver_that_hangs_does_not_hold_up_the_others() {
    let system = System::start().await;
    let _worker = system
        .worker_with(&[("CALMONY_ATTEMPT_TIMEOUT", "20s"), ("CALMONY_RETRY_SCHEDULE", "100ms,100ms")])
        .await;
    let (hangs, works) = (Receiver::behaving(|_| Reply::Never).await, Receiver::start().await);
    system.client.endpoint(&hangs.url, &["customer.created"]).await;
    system.client.endpoint(&works.url, &["customer.created"]).await;
    let burst = (0..1_200).map(|n| {
        let client = system.client.clone();
        async move { client.customer(&format!("c{n}")).await }
    });
    futures_util::stream::StreamExt::collect::<Vec<_>>(futures_util::stream::StreamExt::buffer_unordered(
        futures_util::stream::iter(burst),
        16,
    ))
    .await;
    eventually("the burst is through", async || (works.all().len() == 1_200).then_some(())).await;
    for n in 0..20 {
        let started = tokio::time::Instant::now();
        let id = system.client.customer(&format!("probe{n}")).await;
        eventually("the probe", async || {
            works
                .all()
                .iter()
                .rev()
                .take(40)
                .any(|got| got.event["data"]["object"]["id"] == id.as_str())
                .then_some(())
        })
        .await;
        assert!(started.elapsed().as_millis() < 2_000, "probe {n} took {:?}", started.elapsed());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
