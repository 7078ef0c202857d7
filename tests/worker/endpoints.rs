//! The deliveries of an endpoint that is disabled, enabled or deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Receiver, System, Worker, eventually};

/// A system whose one endpoint fails until it is told to work, with one delivery owed.
async fn owing() -> (System, Worker, Receiver, String, Arc<AtomicBool>) {
    let system = System::start().await;
    let worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "1s,1s,1s,1s,1s,1s,1s,1s")]).await;
    let (receiver, works) = Receiver::switched(false).await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    receiver.next().await;
    count(&system, "owed", 1).await;
    (system, worker, receiver, format!("/v1/webhook_endpoints/{endpoint}"), works)
}

async fn count(system: &System, state: &str, wanted: i64) {
    let sql = format!("select count(*) from calmony.delivery where state = '{state}'");
    eventually(state, async || (system.database.number(&sql).await == wanted).then_some(())).await;
}

#[tokio::test]
async fn what_is_owed_to_a_disabled_endpoint_waits_and_goes_on_when_it_is_enabled() {
    let (system, _worker, receiver, path, works) = owing().await;
    system.client.post(&path, "disabled=true").await.ok();
    count(&system, "parked", 1).await;
    system.client.customer("while it is disabled").await;
    system.drained().await;
    let before = receiver.all().len();
    works.store(true, Ordering::Relaxed);
    system.client.post(&path, "disabled=false").await.ok();
    system.nothing_waits().await;
    let names: Vec<_> =
        receiver.all()[before..].iter().map(|got| got.event["data"]["object"]["name"].clone()).collect();
    assert_eq!(names, ["Ada"], "what was owed, and not what happened while it was disabled");
}

#[tokio::test]
async fn nothing_is_owed_to_a_deleted_endpoint() {
    let (system, _worker, receiver, path, _) = owing().await;
    system.client.delete(&path).await.ok();
    system.nothing_waits().await;
    let before = receiver.all().len();
    system.client.customer("afterwards").await;
    system.drained().await;
    assert_eq!(receiver.all().len(), before);
}

#[tokio::test]
async fn what_was_parked_for_an_endpoint_goes_with_it() {
    let (system, _worker, _receiver, path, _) = owing().await;
    system.client.post(&path, "disabled=true").await.ok();
    count(&system, "parked", 1).await;
    system.client.delete(&path).await.ok();
    system.nothing_waits().await;
}

/// The worker has read that the endpoint is disabled; it is enabled; only then does the worker write that the
/// delivery is parked. In any order of these writes, an enabled endpoint gets the deliveries that it is owed.
#[tokio::test]
async fn a_delivery_that_is_parked_while_its_endpoint_is_enabled_is_not_lost() {
    let (system, _worker, _receiver, path, works) = owing().await;
    let mut admin = system.database.admin().await;
    // Settlements insert attempts, and wait here.
    let held = admin.transaction().await.unwrap();
    held.batch_execute("lock table calmony.attempt in share mode").await.unwrap();
    system.client.post(&path, "disabled=true").await.ok();
    let waiting =
        "select count(*) from pg_locks where not granted and relation = 'calmony.attempt'::regclass";
    eventually("a settlement waits", async || (system.database.number(waiting).await > 0).then_some(()))
        .await;
    works.store(true, Ordering::Relaxed);
    system.client.post(&path, "disabled=false").await.ok();
    held.rollback().await.unwrap();
    system.nothing_waits().await;
}
