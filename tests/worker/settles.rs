//! Outcomes that are written together, by a session of the test's own.

use std::sync::Arc;
use std::time::Duration;

use calmony_pay::outbox::{DeliveryKey, DeliveryState, EventKey, Session, Settlement, Waiting};
use support::System;
use support::system::SECRET_KEY;

fn key(position: i64) -> DeliveryKey {
    let endpoint = "we_01J9ZW6QAPZK9N3FBJ0WB5K7TX".to_owned();
    DeliveryKey { event: EventKey { account: 1, position }, endpoint }
}

fn waits(settlement: &mut Settlement, position: i64, seconds: u64) {
    let state = DeliveryState::Owed(Duration::from_secs(seconds));
    let line = Some(Arc::from("cus_1"));
    settlement.waits(key(position), Waiting { bucket: 1, attempts: 0, state, line });
}

/// The head of a line is taken in the same statement that writes something else about the next, or takes it, too.
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

    // The fifth was read while the fourth stood before it, and that is written when it no longer does, or no longer will.
    let mut rows = Settlement::default();
    waits(&mut rows, 5, 1_000);
    waits(&mut rows, 6, 1_000);
    session.settle(&rows).await.unwrap();
    let mut outcomes = Settlement::default();
    outcomes.delivered(key(4));
    let behind = |position| {
        let (state, line) = (DeliveryState::Behind(Duration::from_secs(1_000)), Some(Arc::from("cus_1")));
        (key(position), Waiting { bucket: 1, attempts: 0, state, line })
    };
    for (key, waiting) in [behind(5), behind(6)] {
        outcomes.waits(key, waiting);
    }
    session.settle(&outcomes).await.unwrap();
    assert_eq!(system.database.number(due).await, 5, "the fifth goes on at once, the sixth stands behind it");
}
