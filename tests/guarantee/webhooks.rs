//! The contract's `x-emits`, walked: each mutation is performed, and a subscribed receiver gets exactly the
//! events that the document promises, as it describes them.

use std::collections::BTreeSet;

use calmony_pay::contract::EventType;
use calmony_pay::http::{contract::document, routes};
use support::contract::wrong_webhook;
use support::{Receiver, System, eventually};

use super::routes::{other_ends, scenario};

#[tokio::test]
async fn every_mutation_sends_exactly_the_webhooks_of_the_contract() {
    let (system, _sandbox) = System::paying().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    // Some come by themselves, at their own time, and have tests of their own.
    let own = [EventType::WebhookEndpointDisabled, EventType::ReplayCompleted, EventType::ChargeExpired];
    let asked = EventType::ALL.iter().filter(|known| !own.contains(known));
    let every: Vec<&str> = asked.map(|known| known.as_str()).collect();
    system.client.endpoint(&receiver.url, &every).await;
    let mut seen = BTreeSet::new();
    for route in routes() {
        let operation = &document()["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        let Some(emits) = operation.get("x-emits").and_then(|emits| emits.as_array()) else { continue };
        let (path, body) = scenario(&route, &system.client).await;
        system.drained().await;
        let before = receiver.all().len();
        system.client.json(route.method.clone(), &path, &body).await.ok();
        system.drained().await;
        let arrived = || receiver.all().split_off(before);
        eventually("the webhooks arrive", async || (arrived().len() >= emits.len()).then_some(())).await;
        let arrived = arrived();
        // Events of several objects are sent at the same time.
        let mut kinds: Vec<_> = arrived.iter().map(|delivery| delivery.kind().to_owned()).collect();
        let mut promised: Vec<_> = emits.iter().map(|kind| kind.as_str().unwrap()).collect();
        kinds.sort_unstable();
        promised.sort_unstable();
        assert_eq!(kinds, promised, "{path}");
        for delivery in arrived {
            if let Some(wrong) = wrong_webhook(&delivery.event) {
                panic!("{wrong}");
            }
        }
        seen.extend(kinds);
    }
    let before = receiver.all().len();
    other_ends(&system.client).await;
    system.drained().await;
    for delivery in receiver.all().split_off(before) {
        if let Some(wrong) = wrong_webhook(&delivery.event) {
            panic!("{wrong}");
        }
        seen.insert(delivery.kind().to_owned());
    }
    let missing: Vec<_> = every.iter().filter(|kind| !seen.contains(**kind)).collect();
    assert!(missing.is_empty(), "no call emits {missing:?}");
}
