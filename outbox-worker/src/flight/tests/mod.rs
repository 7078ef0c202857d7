//! The events, jobs and outcomes in memory, without a clock, a socket or a database.

mod groups;

use calmony_pay::domain::envelope::StoredEvent;
use calmony_pay::outbox::{Due, EndpointStatus, Fresh, FreshTarget, Phases, Target};
use calmony_pay::secret::SigningSecret;

use super::admit::LINE_MAX;
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

fn order(object: &str, group: Option<&str>) -> Order {
    Order { object: object.into(), group: group.map(Into::into) }
}

fn target(endpoint: &str) -> Target {
    Target {
        endpoint: endpoint.to_owned(),
        version: 1,
        url: "http://127.0.0.1/".to_owned(),
        secrets: [SigningSecret::generate()].into(),
        rate_limit: None,
        order_gap: false,
    }
}

fn fresh(position: i64, endpoints: &[&str]) -> Fresh {
    let fresh = |endpoint: &&str| FreshTarget {
        target: target(endpoint),
        paused: false,
        ordered: endpoint.starts_with("ordered"),
        behind: false,
    };
    let targets = endpoints.iter().map(fresh).collect();
    let order = order("cus_1", None);
    Fresh { key: key(position), bucket: 7, order, group_before: vec![], event: event(), trace: None, targets }
}

fn due(position: i64, endpoint: &str) -> Due {
    Due {
        key: key(position),
        bucket: 7,
        attempts: 1,
        trace: None,
        event: event(),
        status: EndpointStatus::Enabled,
        target: target(endpoint),
        pending_webhooks: 1,
        behind: None,
        group_wait: None,
        early: false,
        order: None,
    }
}

fn answered(error: Option<&'static str>) -> Report {
    Report {
        started_at: calmony_pay::clock::now(),
        duration: Duration::ZERO,
        phases: Phases::default(),
        status: None,
        error,
        response: None,
        truncated: false,
        retry_after: None,
    }
}

fn flight() -> Flight {
    Flight::new(RetrySchedule::default(), Rooms::new(64, 64), 4, TIMEOUT)
}

fn landing(holds_bucket: bool, at: Instant) -> Landing {
    Landing { jitter: 0.5, holds_bucket, at }
}

/// Takes in the result of a read that began just now.
fn admit(flight: &mut Flight, fresh: Fresh, now: Instant) {
    let number = flight.begin_read();
    flight.admit(fresh, number, now);
    flight.end_read(number);
}

/// The next first attempt to send.
fn first(flight: &mut Flight) -> Option<Job> {
    flight.next_first(Instant::now())
}

/// The next retry to send, when there is no first attempt to send.
fn retry(flight: &mut Flight) -> Option<Job> {
    flight.next_job(Instant::now()).filter(|job| job.is_retry)
}

/// Takes all that has been decided as written.
fn settle(flight: &mut Flight) {
    let settlement = std::mem::take(&mut flight.settlement);
    flight.settled(&settlement);
}

#[tokio::test]
async fn a_retry_in_the_queue_outlives_the_hand_over_of_its_event() {
    let (mut flight, now) = (flight(), Instant::now());
    admit(&mut flight, fresh(1, &["fails", "hangs"]), now);
    let fails = first(&mut flight).expect("one");
    let hangs = first(&mut flight).expect("the other");
    assert_eq!(hangs.key.endpoint, "hangs");
    flight.attempted(&fails, answered(Some("status")), landing(true, Instant::now()));
    settle(&mut flight);
    flight.admit_due(due(1, "fails"), (ReadFor::Schedule, 1), Instant::now());
    flight.hand_over_late(now + Duration::from_secs(2));
    let again = retry(&mut flight).expect("it is still queued");
    flight.attempted(&again, answered(None), landing(true, Instant::now()));
    settle(&mut flight);
    flight.admit_due(due(1, "fails"), (ReadFor::Schedule, 1), Instant::now());
    assert!(retry(&mut flight).is_some(), "nothing remembers it for ever");
}

#[tokio::test]
async fn a_delivery_is_in_memory_once() {
    let (mut flight, now) = (flight(), Instant::now());
    admit(&mut flight, fresh(1, &["a"]), now);
    admit(&mut flight, fresh(1, &["a"]), now);
    flight.admit_due(due(1, "a"), (ReadFor::Schedule, 1), Instant::now());
    let job = first(&mut flight).expect("one");
    assert!(first(&mut flight).is_none() && retry(&mut flight).is_none());
    flight.attempted(&job, answered(None), landing(true, Instant::now()));
    // A read that began before the outcome is written shows it once more.
    admit(&mut flight, fresh(1, &["a"]), now);
    assert!(first(&mut flight).is_none());
    settle(&mut flight);
    admit(&mut flight, fresh(1, &["a"]), now);
    assert!(first(&mut flight).is_some(), "once it is written, a row that is read is a row that is owed");
}

#[tokio::test]
async fn of_a_bucket_that_was_let_go_only_the_attempt_is_recorded() {
    let (mut flight, now) = (flight(), Instant::now());
    admit(&mut flight, fresh(1, &["slow"]), now);
    let job = first(&mut flight).expect("one");
    flight.hand_over_bucket(7);
    assert_eq!(flight.settlement.deliveries().count(), 1, "it has a row");
    settle(&mut flight);
    flight.attempted(&job, answered(None), landing(false, Instant::now()));
    assert_eq!(flight.settlement.deliveries().count(), 0, "which is the new owner's");
    assert!(!flight.settlement.is_empty() && !flight.flies(7));
}

/// The positions of the events that may go now.
fn positions(flight: &mut Flight) -> Vec<i64> {
    std::iter::from_fn(|| flight.next_job(Instant::now())).map(|job| job.key.event.position).collect()
}

#[tokio::test]
async fn where_order_is_asked_for_the_next_goes_when_the_last_was_taken() {
    let (mut flight, now) = (flight(), Instant::now());
    for position in 1..=3 {
        admit(&mut flight, fresh(position, &["ordered", "free"]), now);
    }
    let mut jobs: Vec<Job> = std::iter::from_fn(|| first(&mut flight)).collect();
    jobs.retain(|job| job.key.endpoint == "ordered");
    assert_eq!(jobs.len(), 1, "the other two stand behind it");
    flight.attempted(&jobs[0], answered(None), landing(true, now));
    assert_eq!(positions(&mut flight), [2]);
}

#[tokio::test]
async fn what_stands_behind_a_failure_gets_rows_and_so_does_what_comes_before_they_are_written() {
    let (mut flight, now) = (flight(), Instant::now());
    for position in 1..=3 {
        admit(&mut flight, fresh(position, &["ordered"]), now);
    }
    let head = first(&mut flight).expect("the head");
    flight.attempted(&head, answered(Some("status")), landing(true, now));
    assert_eq!(flight.settlement.lines().count(), 3);
    assert_eq!(flight.settlement.events().count(), 3, "all are fanned out");
    admit(&mut flight, fresh(4, &["ordered"]), now);
    assert!(first(&mut flight).is_none());
    settle(&mut flight);
    admit(&mut flight, fresh(5, &["ordered"]), now);
    assert_eq!(positions(&mut flight), [5], "from here on the database knows who stands before whom");
}

#[tokio::test]
async fn a_line_whose_head_is_handed_over_gets_rows() {
    let (mut flight, now) = (flight(), Instant::now());
    for position in 1..=3 {
        admit(&mut flight, fresh(position, &["ordered"]), now);
    }
    let head = first(&mut flight).expect("the head");
    flight.hand_over_late(now + Duration::from_secs(2));
    assert_eq!(flight.settlement.lines().count(), 3);
    settle(&mut flight);
    flight.attempted(&head, answered(None), landing(true, now));
    assert!(first(&mut flight).is_none(), "the next comes from its row");
    let settlement = std::mem::take(&mut flight.settlement);
    assert!(settlement.has_moved_line(), "which may be due now");
    flight.settled(&settlement);
}

#[tokio::test]
async fn when_a_breaker_opens_what_is_queued_gets_rows_and_what_comes_too() {
    let (mut flight, now) = (flight(), Instant::now());
    for position in 1..=20 {
        admit(&mut flight, fresh(position, &["fails"]), now);
    }
    for n in 0..6 {
        let job = first(&mut flight).expect("one");
        let at = now + Duration::from_millis(200) * n;
        flight.attempted(&job, answered(Some("status")), landing(true, at));
        if flight.endpoints.is_held("fails") {
            break;
        }
    }
    assert!(flight.endpoints.is_held("fails") && first(&mut flight).is_none());
    assert_eq!(flight.settlement.events().count(), 20, "all have rows");
    admit(&mut flight, fresh(21, &["fails"]), now + Duration::from_millis(900));
    assert!(first(&mut flight).is_none());
    flight.admit_due(due(30, "fails"), (ReadFor::Schedule, 1), now);
    assert!(retry(&mut flight).is_none(), "a read that began before");
    flight.admit_due(Due { early: true, ..due(31, "fails") }, (ReadFor::Endpoint, 1), now);
    let probe = retry(&mut flight).expect("the probe");
    settle(&mut flight);
    flight.attempted(&probe, answered(Some("timeout")), landing(true, now));
    assert_eq!(flight.settlement.deliveries().count(), 0, "ahead of its time, it leaves its row as it is");
}

/// After a takeover: the first event is still in the outbox, the second has a row, the third is new.
#[tokio::test]
async fn nobody_joins_a_line_past_an_event_that_has_a_row() {
    let (mut flight, now) = (flight(), Instant::now());
    admit(&mut flight, fresh(1, &["ordered"]), now);
    let mut third = fresh(3, &["ordered"]);
    third.targets.iter_mut().for_each(|target| target.behind = true);
    admit(&mut flight, third, now);
    assert_eq!(flight.settlement.lines().count(), 1, "it gets a row, behind the other");
    assert_eq!(positions(&mut flight), [1]);
}

#[tokio::test]
async fn nothing_is_sent_unsigned() {
    let (mut flight, now) = (flight(), Instant::now());
    let mut first = fresh(1, &["a"]);
    first.targets.iter_mut().for_each(|target| target.target.secrets = Arc::default());
    admit(&mut flight, first, now);
    let mut second = due(2, "a");
    second.target.secrets = Arc::default();
    flight.admit_due(second, (ReadFor::Schedule, 1), now);
    assert!(flight.next_job(now).is_none());
    assert_eq!(flight.settlement.deliveries().count(), 2, "both wait in rows");
}

#[tokio::test]
async fn an_old_event_that_is_resent_moves_no_line() {
    let (mut flight, now) = (flight(), Instant::now());
    for position in 5..=6 {
        admit(&mut flight, fresh(position, &["ordered"]), now);
    }
    assert_eq!(positions(&mut flight), [5]);
    flight.admit_due(
        Due { order: Some(order("cus_1", None)), ..due(1, "ordered") },
        (ReadFor::Schedule, 1),
        now,
    );
    let resent = retry(&mut flight).expect("the resend");
    flight.attempted(&resent, answered(None), landing(true, now));
    assert_eq!(positions(&mut flight), Vec::<i64>::new(), "the sixth stands behind the fifth");
}

#[tokio::test]
async fn what_is_written_next_is_not_forgotten_when_the_last_is_written() {
    let (mut flight, now) = (flight(), Instant::now());
    admit(&mut flight, fresh(1, &["ordered"]), now);
    let job = first(&mut flight).expect("one");
    flight.hand_over_late(now + Duration::from_secs(2));
    let first_write = std::mem::take(&mut flight.settlement);
    flight.attempted(&job, answered(None), landing(true, now));
    flight.settled(&first_write);
    flight.admit_due(due(1, "ordered"), (ReadFor::Endpoint, 1), now);
    assert!(retry(&mut flight).is_none(), "a read between the two writes shows the row once more");
    settle(&mut flight);
    admit(&mut flight, fresh(2, &["ordered"]), now);
    assert_eq!(positions(&mut flight), [2], "and the line is open again");
}

#[tokio::test]
async fn what_was_written_while_due_was_read_is_not_taken_for_due_and_what_is_read_later_is() {
    let (mut flight, now) = (flight(), Instant::now());
    let early = flight.begin_read();
    flight.admit_due(due(1, "a"), (ReadFor::Schedule, early), now);
    let job = retry(&mut flight).expect("one");
    let meanwhile = flight.begin_read();
    flight.attempted(&job, answered(Some("status")), landing(true, now));
    settle(&mut flight);
    let late = flight.begin_read();
    flight.admit_due(due(1, "a"), (ReadFor::Schedule, meanwhile), now);
    assert!(retry(&mut flight).is_none(), "it may have begun before the outcome was written");
    flight.end_read(early);
    flight.admit_due(due(1, "a"), (ReadFor::Schedule, late), now);
    assert!(retry(&mut flight).is_some(), "it began afterwards");
    flight.end_read(meanwhile);
    assert!(flight.meanwhile.is_empty());
}

#[tokio::test]
async fn an_event_that_was_written_off_while_it_was_read_is_not_begun_again() {
    let (mut flight, now) = (flight(), Instant::now());
    admit(&mut flight, fresh(1, &["a"]), now);
    let job = first(&mut flight).expect("one");
    let meanwhile = flight.begin_read();
    flight.attempted(&job, answered(None), landing(true, now));
    settle(&mut flight);
    assert!(flight.knows(&key(1), meanwhile), "the read may have begun before the outcome was written");
    flight.admit(fresh(1, &["a"]), meanwhile, now);
    assert!(first(&mut flight).is_none());
    let late = flight.begin_read();
    assert!(!flight.knows(&key(1), late), "it began afterwards");
    for number in [meanwhile, late] {
        flight.end_read(number);
    }
    assert!(flight.meanwhile.is_empty());
}

#[tokio::test]
async fn a_line_stays_closed_for_reads_that_began_before_its_row_was_written() {
    let (mut flight, now) = (flight(), Instant::now());
    admit(&mut flight, fresh(1, &["ordered"]), now);
    let head = first(&mut flight).expect("the head");
    let (early, later) = (flight.begin_read(), flight.begin_read());
    flight.attempted(&head, answered(Some("status")), landing(true, now));
    settle(&mut flight);
    flight.admit(fresh(2, &["ordered"]), early, now);
    assert_eq!(positions(&mut flight), [0; 0], "what is read stands behind a row that the read doesn't show");
    settle(&mut flight);
    flight.end_read(early);
    flight.admit(fresh(3, &["ordered"]), later, now);
    assert_eq!(positions(&mut flight), [0; 0]);
    settle(&mut flight);
    flight.end_read(later);
    admit(&mut flight, fresh(4, &["ordered"]), now);
    assert_eq!(positions(&mut flight), [4], "from here on the database knows who stands before whom");
}

#[tokio::test]
async fn a_long_line_goes_on_in_the_database() {
    let (mut flight, now) = (flight(), Instant::now());
    let positions = i64::try_from(LINE_MAX).expect("few") + 2;
    for position in 1..=positions {
        admit(&mut flight, fresh(position, &["ordered"]), now);
    }
    let rows = flight.settlement.lines().count();
    assert_eq!(rows, LINE_MAX + 1, "the last one doesn't fit, and all before it but the head go with it");
}
