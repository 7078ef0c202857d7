//! PostgreSQL's machine is lost, and a standby takes its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::database::{own_database, standby_of};
use support::proxy::Proxy;
use support::system::children;
use support::{Database, Receiver, System, eventually};

use super::acknowledged::{arrived, check_ledger, load};

#[tokio::test]
async fn a_failover_to_a_standby_loses_nothing_that_was_acknowledged() {
    let (mut primary, _folder, _) = own_database("primary").await;
    let (mut standby, _standby_folder) = standby_of(&mut primary).await;
    let promoted = Database { url: standby.url_text("calmony") };
    let proxy = Proxy::start(primary.port()).await;
    let system = System::on(Database { url: proxy.url(&primary.url_text("calmony")) }).await;
    // A proxy leads one worker to the new primary; the other finds it by itself.
    let (_, places) = promoted.url.split_once('@').unwrap();
    let either = primary.url_text("").trim_end_matches('/').to_owned();
    let either = format!("{either},{places}?target_session_attrs=read-write");
    let _workers =
        [system.worker().await, system.worker_with(&[("CALMONY_DATABASE_URL", either.as_str())]).await];
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;

    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..8).map(|n| tokio::spawn(load(system.client.clone(), n, stop.clone()))).collect();
    arrived(&receiver, 200).await;
    lose(primary.pid().unwrap());
    primary.ended().await;
    // A program that switches over early finds a database that only reads.
    proxy.lead_to(standby.port());
    eventually("writes are refused, and clients told to come again", async || {
        let answer = system.client.post("/v1/customers", "name=early").await;
        assert_eq!(answer.status, 503, "{}", answer.text);
        let reads = system.client.get("/v1/customers?limit=1").await;
        (reads.status == 200).then_some(())
    })
    .await;
    promoted.admin().await.batch_execute("select pg_promote()").await.unwrap();
    promoted.shared_as(&[32, 32]).await;
    // The API and the workers are not restarted: they go on by themselves.
    arrived(&receiver, receiver.all().len() + 200).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    system.drained().await;
    check_ledger(&system, &receiver, &acknowledged).await;
    standby.stop().await.unwrap();
}

/// Ends all processes of a PostgreSQL as the loss of its machine would, its sessions first. A session that
/// lived a moment longer would see that the server has ended, stop waiting for the standby, and show others
/// commits that are only on the lost machine.
fn lose(server: u32) {
    let all = children(server).into_iter().chain([server]).map(|pid| pid.to_string());
    // Some may have ended by themselves.
    std::process::Command::new("kill").arg("-9").args(all).status().unwrap();
}
