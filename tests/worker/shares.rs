//! Several workers share the work, take over from one another, and stop in good order.

use std::collections::HashMap;
use std::sync::Arc;

use support::system::kill;
use support::{Receiver, Reply, System, eventually};
use tokio::sync::Notify;

/// The number of arrivals of each event.
fn counts(receiver: &Receiver) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for delivery in receiver.all() {
        *counts.entry(delivery.id()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn workers_share_the_buckets_and_one_takes_over_from_a_dead_one() {
    let system = System::start().await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let first = system.worker().await;
    system.database.shared_as(&[64]).await;
    let second = system.worker().await;
    system.database.shared_as(&[32, 32]).await;
    for n in 0..40 {
        system.client.customer(&format!("c{n}")).await;
    }
    system.drained().await;
    assert_eq!(counts(&receiver).len(), 40);
    assert!(counts(&receiver).values().all(|count| *count == 1), "two workers, and nothing twice");

    kill(second.process.pid());
    let since = std::time::Instant::now();
    system.database.shared_as(&[64]).await;
    assert!(since.elapsed() < std::time::Duration::from_secs(2), "{:?}", since.elapsed());
    for n in 0..40 {
        system.client.customer(&format!("d{n}")).await;
    }
    system.drained().await;
    assert_eq!(counts(&receiver).len(), 80);
    drop(first);
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_what_it_has_begun() {
    let system = System::start().await;
    let told = Arc::new(Notify::new());
    let waits = told.clone();
    let receiver = Receiver::behaving(move |_| Reply::When(waits.clone())).await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let mut worker = system.worker().await;
    system.client.customer("Ada").await;
    receiver.next().await;
    let pid = worker.process.pid().to_string();
    assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
    // It is stopping once it no longer says that it is ready. Only then the request in flight is answered.
    eventually("it is stopping", async || {
        let answer = support::client::http().get(format!("{}/readyz", worker.url)).send().await;
        answer.is_ok_and(|answer| answer.status().as_u16() == 503).then_some(())
    })
    .await;
    told.notify_one();
    let how = worker.process.ended().await;
    assert!(how.contains("exit status: 0"), "{how}");
    assert_eq!(system.database.number("select count(*) from calmony.outbox").await, 0);
    assert_eq!(system.database.number("select count(*) from calmony.delivery").await, 0);
    assert_eq!(system.database.number("select count(*) from calmony.attempt where status = 200").await, 1);
    assert_eq!(receiver.all().len(), 1);
}

#[tokio::test]
async fn both_processes_tell_whether_they_are_ready() {
    let system = System::start().await;
    let worker = system.worker().await;
    for url in [&system.url, &worker.url] {
        let stranger = support::Client::new(url, "");
        assert_eq!(stranger.get("/healthz").await.status, 200);
        assert_eq!(stranger.get("/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn a_worker_that_joins_gets_its_share_although_a_receiver_hangs() {
    let system = System::start().await;
    let (hangs, works) = (Receiver::behaving(|_| Reply::Never).await, Receiver::start().await);
    system.client.endpoint(&hangs.url, &["customer.created"]).await;
    system.client.endpoint(&works.url, &["customer.created"]).await;
    let slow = [("CALMONY_ATTEMPT_TIMEOUT", "60s")];
    let _first = system.worker_with(&slow).await;
    for n in 0..200 {
        system.client.customer(&format!("c{n}")).await;
    }
    let joined = tokio::time::Instant::now();
    let _second = system.worker_with(&slow).await;
    system.database.shared_as(&[32, 32]).await;
    assert!(joined.elapsed().as_secs() < 10, "{:?}", joined.elapsed());
    system.drained().await;
    eventually("the working receiver has all", async || (counts(&works).len() == 200).then_some(())).await;
    assert!(
        joined.elapsed().as_secs() < 20,
        "nobody waited for the receiver that hangs: {:?}",
        joined.elapsed()
    );
}
