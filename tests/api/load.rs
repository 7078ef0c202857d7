//! Overload: requests are refused at once and clearly, and nothing of them is done.

use std::collections::HashMap;

use support::{Client, Database, System, eventually};

/// The statuses of `count` requests at once.
async fn answered(client: &Client, count: usize) -> HashMap<u16, usize> {
    let calls: Vec<_> = (0..count)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.post("/v1/customers", "name=load").await })
        })
        .collect();
    let mut statuses = HashMap::new();
    for call in calls {
        let answer = call.await.unwrap();
        if answer.status != 200 {
            assert_eq!(answer.headers["stripe-should-retry"], "true");
        }
        *statuses.entry(answer.status).or_default() += 1;
    }
    statuses
}

async fn customers(system: &System) -> usize {
    let count = system.database.number("select count(*) from calmony.object where id like 'cus%'").await;
    usize::try_from(count).unwrap()
}

#[tokio::test]
async fn a_key_over_its_rate_is_refused_and_another_is_not() {
    let system = System::with(Database::fresh().await, &[("CALMONY_RATE_LIMIT", "5")]).await;
    let statuses = answered(&system.client, 60).await;
    let (taken, refused) = (statuses[&200], statuses[&429]);
    assert!(taken >= 5 && taken + refused == 60, "{statuses:?}");
    assert_eq!(customers(&system).await, taken, "what was refused wasn't done");
    let refused = loop {
        let answer = system.client.get("/v1/customers").await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(refused.error(), (429, "invalid_request_error", "rate_limit", ""));
    assert_eq!(system.client.with_key(&system.other_key).get("/v1/customers").await.status, 200);
}

#[tokio::test]
async fn more_than_a_process_takes_on_is_refused_and_health_is_not() {
    let system = System::with(Database::fresh().await, &[("CALMONY_REQUESTS_MAX", "2")]).await;
    let statuses = answered(&system.client, 200).await;
    assert!(statuses.contains_key(&200) && statuses.contains_key(&503), "{statuses:?}");
    assert_eq!(customers(&system).await, statuses[&200], "what was refused wasn't done");
    assert_eq!(statuses.len(), 2, "{statuses:?}");
    let health = support::client::http().get(format!("{}/healthz", system.url)).send().await.unwrap();
    assert_eq!(health.status(), 200);
    system.client.customer("afterwards").await;
}

/// The bytes of sixteen seconds at once: 256 KiB.
#[tokio::test]
async fn an_account_over_its_bytes_is_refused_before_anything_is_stored() {
    let system = System::with(Database::fresh().await, &[("CALMONY_BYTES_LIMIT", "16384")]).await;
    let entry = |n| format!("&metadata[k{n}]={}", "x".repeat(500));
    let large = (0..50).map(entry).collect::<Vec<_>>().concat();
    let mut taken = 0;
    let refused = loop {
        let answer = system.client.post("/v1/customers", &format!("name=c{large}")).await;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
    };
    assert!((5..100).contains(&taken), "{taken}");
    assert_eq!(refused.error(), (429, "invalid_request_error", "rate_limit", ""));
    assert!(refused.text.contains("more stored"), "{}", refused.text);
    assert_eq!(refused.headers["stripe-should-retry"], "true");
    assert_eq!(customers(&system).await, taken, "what was refused wasn't done");
    let stored = "select count(*) from calmony.event where stream like 'cus%'";
    assert_eq!(system.database.number(stored).await, i64::try_from(taken).unwrap());
    // Reading goes on, others' writing does, and its own after a while.
    assert_eq!(system.client.get("/v1/customers?limit=1").await.status, 200);
    let other = system.client.with_key(&system.other_key);
    assert_eq!(other.post("/v1/customers", "name=other").await.status, 200);
    eventually("there is room again", async || {
        (system.client.post("/v1/customers", "name=small").await.status == 200).then_some(())
    })
    .await;
}
