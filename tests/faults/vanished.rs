//! A machine that vanishes: its connections stay open, and nothing comes from it any more.

use std::time::{Duration, Instant};

use support::proxy::Proxy;
use support::{Database, Receiver, System, eventually};

/// The longest time for which a vanished worker's buckets may have no owner.
const TAKEN_OVER: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_buckets_of_a_machine_that_vanished_are_taken_over_within_30_s() {
    let database = Database::fresh().await;
    let port = database.url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0.parse().unwrap();
    let proxy = Proxy::start(port).await;
    let system = System::on(database.clone()).await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let through = proxy.url(&database.url);
    let vanishing = system.worker_with(&[("CALMONY_DATABASE_URL", through.as_str())]).await;
    let _stays = system.worker().await;
    database.shared_as(&[32, 32]).await;

    proxy.silence();
    let since = Instant::now();
    let customers = {
        let mut customers = Vec::new();
        for n in 0..100 {
            customers.push(system.client.customer(&format!("customer {n}")).await);
        }
        customers
    };
    database.shared_as(&[64]).await;
    let taken_over = since.elapsed();
    assert!(taken_over < TAKEN_OVER, "{taken_over:?}");
    system.drained().await;
    for customer in customers {
        let here = |event: &serde_json::Value| event["data"]["object"]["id"] == customer.as_str();
        assert!(receiver.all().iter().any(|delivery| here(&delivery.event)), "{customer}");
    }
    // The worker behind a silent connection isn't ready. It recovers by itself once its system gives the
    // connection up.
    let readiness = format!("{}/readyz", vanishing.url);
    let ready = async |status: u16| {
        eventually("readiness", async || {
            let answer = support::client::http().get(&readiness).send().await.unwrap();
            (answer.status().as_u16() == status).then_some(())
        })
        .await;
    };
    ready(503).await;
    proxy.cut();
    ready(200).await;
    database.shared_as(&[32, 32]).await;
}
