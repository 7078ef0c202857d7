//! `kill -9` of the worker and of PostgreSQL at the worst moments.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use support::database::own_cluster;
use support::system::kill;
use support::{Database, Receiver, Reply, System, eventually};

#[tokio::test]
async fn a_worker_killed_between_send_and_settle_sends_again_with_the_same_id() {
    let system = System::start().await;
    let victim = Arc::new(AtomicU32::new(0));
    let to_kill = victim.clone();
    // The request has arrived whole, the answer never does: the receiver's doing is done, the worker can't know.
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
    let (mut cluster, _folder) = own_cluster("crash").await;
    cluster.url("postgres").unwrap().create_database("calmony").await.unwrap();
    calmony_pay::database::migrate::migrate(&cluster.url("calmony").unwrap()).await.unwrap();
    let system = System::on(Database { url: cluster.url_text("calmony") }).await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", &["100ms"; 20].join(","))]).await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    // One that fails every third time, so that rows wait when PostgreSQL dies.
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
    // Nobody restarts the API or the worker: they go on by themselves.
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

async fn arrived(receiver: &Receiver, count: usize) {
    eventually("deliveries arrive", async || (receiver.all().len() >= count).then_some(())).await;
}

/// Every acknowledged customer has one event; every event of the log has arrived; what arrived twice has the same id.
async fn check_ledger(system: &System, receiver: &Receiver, acknowledged: &[String]) {
    let mut by_customer: HashMap<String, Vec<String>> = HashMap::new();
    for delivery in receiver.all() {
        let customer = delivery.event["data"]["object"]["id"].as_str().unwrap().to_owned();
        by_customer.entry(customer).or_default().push(delivery.id());
    }
    for id in acknowledged {
        let events =
            by_customer.get(id).unwrap_or_else(|| panic!("{id} was acknowledged and never delivered"));
        assert!(events.iter().all(|event| *event == events[0]), "a duplicate has the same id");
    }
    let logged = "select stream::text from calmony.event where type = 'customer.created'";
    let rows = system.database.admin().await.query(logged, &[]).await.unwrap();
    let mut logged: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let mut delivered: Vec<String> = by_customer.into_keys().collect();
    logged.sort();
    delivered.sort();
    assert_eq!(logged, delivered, "the log and what has arrived are the same");
}

/// Creates customers until told to stop; returns the ids of those that were acknowledged.
async fn load(client: support::Client, n: usize, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let answer = client.post("/v1/customers", &format!("name=client{n}")).await;
        match answer.status {
            200 => acknowledged.push(answer.id()),
            503 => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            other => panic!("{other}: {}", answer.text),
        }
    }
    acknowledged
}
