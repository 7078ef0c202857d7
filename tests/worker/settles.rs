//! Outcomes that are written together, by a session of the test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use calmony_pay::outbox::{DeliveryKey, DeliveryState, EventKey, Order, Session, Settlement, Waiting};
use support::system::SECRET_KEY;
use support::{Receiver, Reply, System, eventually};
use tokio::sync::Notify;

fn key(position: i64) -> DeliveryKey {
    let endpoint = "we_01J9ZW6QAPZK9N3FBJ0WB5K7TX".to_owned();
    DeliveryKey { event: EventKey { account: 1, position }, endpoint }
}

fn order() -> Order {
    Order { object: "cus_1".into(), group: None }
}

fn waits(settlement: &mut Settlement, position: i64, seconds: u64) {
    let state = DeliveryState::Owed(Duration::from_secs(seconds));
    settlement.waits(key(position), Waiting { bucket: 1, attempts: 0, state, order: Some(order()) });
}

/// The head of a line is done in the same statement that writes another outcome of the next one, or
/// finishes the next one, too.
#[tokio::test]
async fn a_line_moves_on_whatever_is_written_about_those_behind() {
    let system = System::start().await;
    let session =
        Session::open(&system.database.url.parse().unwrap(), SECRET_KEY.parse().unwrap()).await.unwrap();
    session.take_buckets(64).await.unwrap();
    let mut rows = Settlement::default();
    for position in 1..=4 {
        waits(&mut rows, position, 1_000);
    }
    session.settle(&rows).await.unwrap();

    let mut outcomes = Settlement::default();
    outcomes.delivered(key(1));
    waits(&mut outcomes, 2, 500);
    session.settle(&outcomes).await.unwrap();
    let due = "select coalesce(sum(position), 0)::bigint from calmony.delivery where due_at <= now()";
    assert_eq!(system.database.number("select count(*) from calmony.delivery").await, 3);
    assert_eq!(system.database.number(due).await, 0, "what was written about the second holds");

    let mut outcomes = Settlement::default();
    outcomes.delivered(key(2));
    outcomes.delivered(key(3));
    session.settle(&outcomes).await.unwrap();
    assert_eq!(
        system.database.number("select min(position) from calmony.delivery").await,
        4,
        "both are gone"
    );
    assert_eq!(system.database.number(due).await, 4, "and the next is due at once");

    // The fifth was read while the fourth stood before it. Its outcome is written when the fourth no longer
    // does, or no longer will.
    let mut rows = Settlement::default();
    waits(&mut rows, 5, 1_000);
    waits(&mut rows, 6, 1_000);
    session.settle(&rows).await.unwrap();
    let mut outcomes = Settlement::default();
    outcomes.delivered(key(4));
    let behind = |position| {
        let state = DeliveryState::Behind(Duration::from_secs(1_000));
        (key(position), Waiting { bucket: 1, attempts: 0, state, order: Some(order()) })
    };
    for (key, waiting) in [behind(5), behind(6)] {
        outcomes.waits(key, waiting);
    }
    session.settle(&outcomes).await.unwrap();
    assert_eq!(system.database.number(due).await, 5, "the fifth goes on at once, the sixth stands behind it");
}

/// A delivery that was read before an outcome of it was written must not be sent after that, even if the
/// secrets of the others that were read with it take long to read.
#[tokio::test]
async fn what_was_taken_while_others_secrets_are_read_is_not_sent_again() {
    let system = System::start().await;
    let worker = system
        .worker_with(&[("CALMONY_RETRY_SCHEDULE", "200ms,3s,1h"), ("CALMONY_ATTEMPT_TIMEOUT", "30s")])
        .await;
    let (attempts, answer) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let answered = answer.clone();
    let receiver = Receiver::behaving(move |_| match attempts.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Status(500),
        1 => Reply::When(answered.clone()),
        _ => Reply::Status(200),
    })
    .await;
    let other = Receiver::behaving(|_| Reply::Status(500)).await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let (changed, _) = system.client.endpoint(&other.url, &["customer.created"]).await;
    system.client.customer("c").await;
    // Both have failed once, and their second attempts are made: one is in flight, the other is due a third
    // time.
    for _ in 0..2 {
        receiver.next().await;
        other.next().await;
    }
    let third = format!(
        "select count(*) from calmony.delivery where endpoint = '{changed}' and attempts = 2 \
         and due_at <= clock_timestamp()"
    );
    // A changed endpoint has to be read anew.
    system.client.post(&format!("/v1/webhook_endpoints/{changed}"), "description=changed").await.ok();
    let admin = system.database.admin().await;
    admin.batch_execute("begin; lock table calmony.endpoint").await.unwrap();
    eventually("the third attempt is due", async || {
        (system.database.number(&third).await == 1).then_some(())
    })
    .await;
    // By then the worker has also asked for the due deliveries: it asks every 200 ms.
    let has_waited = async |ms: u32| {
        let waits = format!(
            "select count(*) from pg_stat_activity where application_name = 'calmony_worker' \
             and wait_event_type = 'Lock' \
                and query_start < clock_timestamp() - interval '{ms} ms'"
        );
        // The session waits, and the connections beside it with reads of new events and of due deliveries.
        eventually("the worker waits", async || (system.database.number(&waits).await == 3).then_some(()))
            .await;
    };
    has_waited(600).await;
    answer.notify_one();
    // Then the outcome is queued behind that read.
    has_waited(1_000).await;
    admin.batch_execute("commit").await.unwrap();
    other.next().await;
    let left = format!("select count(*) from calmony.delivery where endpoint <> '{changed}'");
    eventually("it is settled", async || (system.database.number(&left).await == 0).then_some(())).await;
    system.client.customer("another").await;
    assert_eq!(receiver.next().await.event["data"]["object"]["name"], "another", "nothing was sent again");
    drop(worker);
}

/// A worker that is told to stop keeps its session alive until a slow answer is written down: PostgreSQL
/// ends a session that is silent for ten seconds.
#[tokio::test]
async fn a_slow_answer_is_written_down_by_a_worker_that_stops() {
    let system = System::start().await;
    let mut worker =
        system.worker_with(&[("CALMONY_ATTEMPT_TIMEOUT", "30s"), ("CALMONY_RETRY_SCHEDULE", "1h")]).await;
    let slow = Receiver::behaving(|_| Reply::After(Duration::from_secs(12))).await;
    system.client.endpoint(&slow.url, &["customer.created"]).await;
    system.client.customer("slow").await;
    eventually("it is being sent", async || (!slow.all().is_empty()).then_some(())).await;
    worker.process.stop().await;
    let taken = "select count(*) from calmony.attempt where error is null";
    assert_eq!(system.database.number(taken).await, 1, "it is on record");
    assert_eq!(system.database.number("select count(*) from calmony.delivery").await, 0);
}
