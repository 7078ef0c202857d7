//! What is in memory, without a clock, a socket or a database.

use super::*;

const TIMEOUT: Duration = Duration::from_secs(15);

fn event() -> StoredEvent {
    StoredEvent {
        id: "evt_1".to_owned(),
        event_type: "customer.created".to_owned(),
        created: 0,
        version: 1,
        data: "{}".to_owned(),
        previous: None,
        request_id: None,
        idempotency_key: None,
        livemode: false,
    }
}

fn key(position: i64) -> EventKey {
    EventKey { account: 1, position }
}

fn target(endpoint: &str) -> Target {
    Target { endpoint: endpoint.to_owned(), url: "http://127.0.0.1/".to_owned(), secrets: Vec::new() }
}

fn fresh(position: i64, endpoints: &[&str]) -> Fresh {
    let targets = endpoints.iter().map(|endpoint| target(endpoint)).collect();
    Fresh { key: key(position), bucket: 7, event: event(), targets }
}

fn due(position: i64, endpoint: &str) -> Due {
    let (target, status) = (target(endpoint), EndpointStatus::Enabled);
    Due { key: key(position), bucket: 7, attempts: 1, event: event(), status, target, pending_webhooks: 1 }
}

fn answered(error: Option<&'static str>) -> Report {
    let (started_at, duration) = (calmony_pay::clock::now(), Duration::ZERO);
    Report { started_at, duration, status: None, error, response: None, truncated: false, retry_after: None }
}

fn flight() -> Flight {
    Flight::new(RetrySchedule::default(), 4)
}

/// What has been decided is taken as written.
fn settle(flight: &mut Flight) {
    let settlement = std::mem::take(&mut flight.settlement);
    flight.settled(&settlement);
}

#[tokio::test]
async fn a_retry_in_the_queue_outlives_the_hand_over_of_its_event() {
    let (mut flight, now) = (flight(), Instant::now());
    flight.admit(fresh(1, &["fails", "hangs"]), now);
    let fails = flight.firsts.next().expect("one");
    let hangs = flight.firsts.next().expect("the other");
    assert_eq!(hangs.key.endpoint, "hangs");
    flight.attempted(&fails, answered(Some("status")), 0.5, true);
    settle(&mut flight);
    flight.admit_due(due(1, "fails"));
    flight.hand_over_late(now + Duration::from_secs(2), TIMEOUT);
    let retry = flight.retries.next().expect("it is still queued");
    flight.attempted(&retry, answered(None), 0.5, true);
    settle(&mut flight);
    flight.admit_due(due(1, "fails"));
    assert!(flight.retries.next().is_some(), "nothing remembers it for ever");
}

#[tokio::test]
async fn a_delivery_is_in_memory_once() {
    let (mut flight, now) = (flight(), Instant::now());
    flight.admit(fresh(1, &["a"]), now);
    flight.admit(fresh(1, &["a"]), now);
    flight.admit_due(due(1, "a"));
    let job = flight.firsts.next().expect("one");
    assert!(flight.firsts.next().is_none() && flight.retries.next().is_none());
    flight.attempted(&job, answered(None), 0.5, true);
    // A read that began before the outcome is written shows it once more.
    flight.admit(fresh(1, &["a"]), now);
    assert!(flight.firsts.next().is_none());
    settle(&mut flight);
    flight.admit(fresh(1, &["a"]), now);
    assert!(flight.firsts.next().is_some(), "once it is written, a row that is read is a row that is owed");
}

#[tokio::test]
async fn an_endpoint_takes_no_more_retries_than_its_share() {
    let mut flight = flight();
    for position in 0..100 {
        flight.admit_due(due(position, "hangs"));
    }
    assert_eq!(flight.retries.queued(), 2, "half of the share of first attempts");
    assert_eq!(flight.retries.full(), ["hangs"]);
}

#[tokio::test]
async fn of_a_bucket_that_was_let_go_only_the_attempt_is_recorded() {
    let (mut flight, now) = (flight(), Instant::now());
    flight.admit(fresh(1, &["slow"]), now);
    let job = flight.firsts.next().expect("one");
    flight.hand_over_bucket(7, TIMEOUT);
    assert_eq!(flight.settlement.deliveries().count(), 1, "it has a row");
    settle(&mut flight);
    flight.attempted(&job, answered(None), 0.5, false);
    assert_eq!(flight.settlement.deliveries().count(), 0, "which is the new owner's");
    assert!(!flight.settlement.is_empty() && !flight.flies(7));
}
