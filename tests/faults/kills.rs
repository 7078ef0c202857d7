//! `kill -9` of the worker and of PostgreSQL at the worst moments.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use support::database::own_database;
use support::system::kill;
use support::{Receiver, Reply, System};

use super::acknowledged::{arrived, check_ledger, load};

#[tokio::test]
async fn a_worker_killed_between_send_and_settle_sends_again_with_the_same_id() {
    let system = System::start().await;
    let victim = Arc::new(AtomicU32::new(0));
    let to_kill = victim.clone();
    // The request has arrived whole, the answer never does. The receiver has done its part, and the worker
    // can't know.
    let receiver = Receiver::behaving(move |_| match to_kill.swap(0, Ordering::Relaxed) {
        0 => Reply::Status(200),
        pid => {
            kill(pid);
            Reply::Never
        }
    })
    .await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let mut worker = system.worker().await;
    victim.store(worker.process.pid(), Ordering::Relaxed);
    system.client.customer("Ada").await;
    let first = receiver.next().await;
    assert!(worker.process.ended().await.contains("signal: 9"));
    let owed = "select count(*) from calmony.outbox join calmony.event using (account, position) \
                 where type = 'customer.created'";
    assert_eq!(system.database.number(owed).await, 1, "what isn't settled is still in the outbox");
    assert_eq!(system.database.number("select count(*) from calmony.attempt").await, 0);

    let _second_worker = system.worker().await;
    let second = receiver.next().await;
    assert_eq!(first.id(), second.id());
    assert_eq!(first.body, second.body);
    system.drained().await;
    assert_eq!(receiver.all().len(), 2);
}

#[tokio::test]
async fn postgresql_killed_under_load_loses_nothing_that_was_acknowledged() {
    let (mut cluster, _folder, database) = own_database("crash").await;
    let system = System::on(database).await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", &["100ms"; 20].join(","))]).await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    // A receiver that fails every third time, so that rows wait when PostgreSQL dies.
    let tries = AtomicU32::new(0);
    let fails = Receiver::behaving(move |_| match tries.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    system.client.endpoint(&fails.url, &["customer.created"]).await;

    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..8).map(|n| tokio::spawn(load(system.client.clone(), n, stop.clone()))).collect();
    for crash in 1..=3 {
        arrived(&receiver, crash * 100).await;
        kill(cluster.pid().unwrap());
        cluster.ended().await;
        cluster.start().await.unwrap();
    }
    // The API and the worker are not restarted: they go on by themselves.
    arrived(&receiver, receiver.all().len() + 50).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    assert!(acknowledged.len() > 200, "there was load: {}", acknowledged.len());
    system.drained().await;
    system.nothing_waits().await;
    check_ledger(&system, &receiver, &acknowledged).await;
    check_ledger(&system, &fails, &acknowledged).await;
    cluster.stop().await.unwrap();
}
