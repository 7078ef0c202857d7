//! An append that commits late, below the cursor of the worker, is not skipped.

use std::time::Duration;

use support::{Receiver, System, Worker};

const APPEND: &str = "insert into calmony.event (account, id, stream, version, type, data, created_at) \
    select account, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, \
           'customer.created', jsonb_set(data::jsonb, '{name}', '\"late\"')::json, now() \
      from calmony.object where id like 'cus%'";

/// A worker that delivers, and an append that has drawn its position and hasn't committed.
async fn appending() -> (System, Worker, Receiver, tokio_postgres::Client) {
    let system = System::start().await;
    system.client.customer("template").await;
    let worker = system.worker().await;
    system.drained().await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let api = system.database.login_in("calmony_api").await;
    api.batch_execute("begin").await.unwrap();
    api.batch_execute(APPEND).await.unwrap();
    (system, worker, receiver, api)
}

#[tokio::test]
async fn a_commit_below_the_cursor_is_found() {
    let (system, _worker, receiver, api) = appending().await;
    for n in 0..5 {
        system.client.customer(&format!("c{n}")).await;
        assert_eq!(receiver.next().await.event["data"]["object"]["name"], format!("c{n}"));
    }
    api.batch_execute("commit").await.unwrap();
    // The scan from the head would find it too, within half a minute.
    let late =
        tokio::time::timeout(Duration::from_secs(5), receiver.next()).await.expect("the gap is asked for");
    assert_eq!(late.event["data"]["object"]["name"], "late");
    system.drained().await;
    assert_eq!(receiver.all().len(), 6, "each once");
}

#[tokio::test]
async fn a_roll_back_leaves_a_gap_that_nobody_waits_for() {
    let (system, _worker, receiver, api) = appending().await;
    api.batch_execute("rollback").await.unwrap();
    system.client.customer("Ada").await;
    assert_eq!(receiver.next().await.event["data"]["object"]["name"], "Ada");
    system.drained().await;
    assert_eq!(receiver.all().len(), 1);
}

#[tokio::test]
async fn an_event_of_nobody_stops_nothing() {
    let system = System::start().await;
    let api = system.database.login_in("calmony_api").await;
    api.batch_execute(&APPEND.replace("(1,", "(99999,")).await.unwrap();
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    receiver.next().await;
    system.drained().await;
}
