//! Clients that create and change customers, and remember the acknowledged changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use support::random::Random;
use support::{Client, PATIENCE};

use super::ledger::{Ledger, Log};

/// The acknowledged changes: customers, and the changes of each by their numbers.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    created: Vec<String>,
    changed: Vec<(String, u64)>,
}

impl Acknowledged {
    pub(super) fn extend(&mut self, other: Self) {
        self.created.extend(other.created);
        self.changed.extend(other.changed);
    }

    /// Checks that every acknowledged change has exactly one event.
    pub(super) fn check(&self, log: &Log) {
        assert!(self.created.len() > 50, "there was load: {}", self.created.len());
        let mut events: HashMap<(&str, u64), u64> = HashMap::new();
        for event in &log.events {
            *events.entry((event.stream.as_str(), event.change)).or_default() += 1;
        }
        let created = self.created.iter().map(|id| (id.as_str(), 0));
        let changed = self.changed.iter().map(|(id, change)| (id.as_str(), *change));
        for key in created.chain(changed) {
            assert_eq!(events.get(&key), Some(&1), "{key:?} was acknowledged");
        }
        eprintln!("{} creates and {} changes acknowledged", self.created.len(), self.changed.len());
    }
}

/// Sends a form. Returns the answer's body if it was taken.
async fn post(client: &Client, path: &str, form: String, key: &str) -> Option<Value> {
    let request = client
        .request(Method::POST, path)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("idempotency-key", key)
        .timeout(Duration::from_secs(10));
    let answer = request.body(form).send().await.ok()?;
    let status = answer.status().as_u16();
    let body = answer.text().await.ok()?;
    match status {
        200 => Some(serde_json::from_str(&body).unwrap()),
        // The outcome is unknown, or nothing was done.
        409 | 500..=599 => None,
        other => panic!("{other}: {body}"),
    }
}

/// Creates customers and changes them until told to stop.
pub(super) async fn run(client: Client, n: u64, seed: u64, stop: Arc<AtomicBool>) -> Acknowledged {
    let mut random = Random::seeded(seed);
    let mut acknowledged = Acknowledged::default();
    let mut own: Vec<String> = Vec::new();
    let mut change = 0;
    while !stop.load(Ordering::Relaxed) {
        change += 1;
        let key = format!("client-{n}-{change}");
        if own.is_empty() || random.below(3) == 0 {
            if let Some(made) = post(&client, "/v1/customers", format!("name=client{n}"), &key).await {
                let id = made["id"].as_str().unwrap().to_owned();
                acknowledged.created.push(id.clone());
                own.push(id);
            }
        } else {
            let at = usize::try_from(random.below(u64::try_from(own.len()).unwrap())).unwrap();
            let path = format!("/v1/customers/{}", own[at]);
            if post(&client, &path, format!("metadata[change]={change}"), &key).await.is_some() {
                acknowledged.changed.push((own[at].clone(), change));
            }
            if own.len() > 50 {
                own.swap_remove(at);
            }
        }
        tokio::time::sleep(Duration::from_millis(5 + random.below(20))).await;
    }
    acknowledged
}

/// Waits until a new event has been delivered.
pub(super) async fn recovered(client: &Client, ledger: &Ledger) {
    let began = tokio::time::Instant::now();
    let mut tries = 0;
    let probe = loop {
        tries += 1;
        let key = format!("probe-{}-{tries}", calmony_pay::clock::now().millis());
        if let Some(made) = post(client, "/v1/customers", "name=probe".to_owned(), &key).await {
            break made["id"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "the API doesn't come back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    while !ledger.has_arrived(&probe) {
        assert!(began.elapsed() < PATIENCE, "{probe} isn't delivered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
