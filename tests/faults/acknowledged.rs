//! The clients' acknowledgements, compared with the receivers' deliveries.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Receiver, System, eventually};

pub(super) async fn arrived(receiver: &Receiver, count: usize) {
    eventually("deliveries arrive", async || (receiver.all().len() >= count).then_some(())).await;
}

/// Checks that every acknowledged customer has one event, that every event of the log has arrived, and that
/// duplicates have the same id.
pub(super) async fn check_ledger(system: &System, receiver: &Receiver, acknowledged: &[String]) {
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

/// Creates customers until it is told to stop. Returns the ids of those that were acknowledged.
pub(super) async fn load(client: support::Client, n: usize, stop: Arc<AtomicBool>) -> Vec<String> {
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
