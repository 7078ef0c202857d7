//! SIGHUP, as a terminal sends it when it is closed: work under way is finished, as with SIGTERM.

use std::process::Stdio;
use std::sync::Arc;

use support::{Receiver, Reply, System, eventually};
use tokio::sync::Notify;

use super::logs::Logging;

/// The options of `env` (GNU) that restore SIGHUP. The shell that runs the tests may ignore it.
const HEARD: &[&str] = &["--default-signal=HUP"];

#[tokio::test]
async fn an_api_that_hangs_up_finishes_what_it_is_answering() {
    let system = System::start().await;
    for signal in ["-HUP", "-TERM"] {
        let api = Logging::start("calmony", &system.database, (Stdio::null(), "off"), HEARD).await;
        let client = system.client.at(&api.url);
        let held = system.database.admin().await;
        held.batch_execute("begin; lock table calmony.event in exclusive mode").await.unwrap();
        let asked = tokio::spawn(async move { client.customer("Ada").await });
        eventually("the request waits for the lock", async || {
            let waiting = "select count(*) from pg_locks where not granted and locktype = 'relation' \
                           and database = (select oid from pg_database where datname = current_database())";
            (system.database.number(waiting).await > 0).then_some(())
        })
        .await;
        api.signal(signal);
        let client = system.client.at(&api.url);
        eventually("nobody new is let in", async || {
            client.request(reqwest::Method::GET, "/healthz").send().await.is_err().then_some(())
        })
        .await;
        held.batch_execute("commit").await.unwrap();
        assert!(asked.await.unwrap().starts_with("cus_"), "{signal}");
        api.ends().await;
    }
}

#[tokio::test]
async fn a_worker_that_hangs_up_writes_down_what_is_in_flight() {
    let system = System::start().await;
    let answer = Arc::new(Notify::new());
    let told = answer.clone();
    let receiver = Receiver::behaving(move |_| Reply::When(told.clone())).await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let worker = Logging::start("outbox-worker", &system.database, (Stdio::null(), "off"), HEARD).await;
    system.client.customer("Ada").await;
    receiver.next().await;
    worker.signal("-HUP");
    answer.notify_one();
    worker.ends().await;
    let taken = "select count(*) from calmony.attempt where error is null";
    assert_eq!(system.database.number(taken).await, 1);
    let owed = "select (select count(*) from calmony.delivery) + count(*) from calmony.outbox \
                join calmony.event using (account, position) where type = 'customer.created'";
    assert_eq!(system.database.number(owed).await, 0);
}

#[tokio::test]
async fn what_was_started_with_nohup_goes_on() {
    let system = System::start().await;
    let ignored = &["--ignore-signal=HUP"];
    let api = Logging::start("calmony", &system.database, (Stdio::null(), "off"), ignored).await;
    api.signal("-HUP");
    for n in 0..5 {
        system.client.at(&api.url).customer(&format!("c{n}")).await;
    }
    api.signal("-TERM");
    api.ends().await;
}
