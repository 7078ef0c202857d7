//! Breaker, window and pace, without a clock.

use super::*;
use std::sync::Arc;

const ERROR: Failure = Failure { overload: false, answered: true, retry_after: None };
const OVERLOAD: Failure = Failure { overload: true, answered: true, retry_after: None };
const TIMEOUT: Duration = Duration::from_secs(15);

fn target(rate_limit: Option<u32>, version: i64) -> Target {
    let (endpoint, url) = ("e".to_owned(), String::new());
    Target { endpoint, version, url, secrets: Arc::default(), rate_limit, order_gap: false }
}

/// A first attempt with `firsts` first attempts in flight.
fn first(firsts: usize) -> Asking {
    Asking { kind: Kind::First { retries_wait: false }, firsts, retries: 0 }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// An endpoint whose breaker is open since `now`, and the instant of its last failure.
fn broken(now: Instant) -> (Endpoints, Instant) {
    let mut endpoints = Endpoints::new(64, TIMEOUT);
    for _ in 1..FAILURES {
        assert_eq!(endpoints.failed(1, "e", ERROR, now), Change::None);
    }
    let last = now + FAILING;
    assert_eq!(endpoints.failed(1, "e", ERROR, last), Change::Broken);
    (endpoints, last)
}

#[tokio::test]
async fn a_breaker_opens_after_failures_in_a_row_and_a_while() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(64, TIMEOUT);
    for _ in 1..FAILURES_MANY {
        assert_eq!(endpoints.failed(1, "e", ERROR, now), Change::None, "they may be of one instant");
    }
    endpoints.succeeded(1, "e", 1, now);
    assert_eq!(endpoints.failed(1, "e", ERROR, now + seconds(9)), Change::None, "a success between");
    broken(now);
}

#[tokio::test]
async fn a_broken_endpoint_is_probed_by_one_request_at_an_eighth_of_its_absence() {
    let now = Instant::now();
    let (mut endpoints, last) = broken(now);
    assert_eq!(endpoints.held().collect::<Vec<_>>(), ["e"]);
    assert_eq!(endpoints.route("e", last), Route::Wait);
    assert_eq!(endpoints.next_probe(last), None);
    let probe = last + seconds(1);
    assert_eq!(endpoints.next_probe(probe).expect("a probe").0.endpoint, "e");
    assert_eq!((endpoints.next_probe(probe), endpoints.route("e", probe)), (None, Route::Wait), "one");
    let much_later = now + seconds(80);
    assert_eq!(endpoints.failed(1, "e", OVERLOAD, much_later), Change::None);
    assert_eq!(endpoints.next_probe(much_later + seconds(9)), None);
    assert_eq!(endpoints.route("e", much_later + seconds(10)), Route::Send, "a new event may be the probe");
    assert_eq!(endpoints.route("e", much_later + seconds(10)), Route::Wait);
}

#[tokio::test]
async fn an_endpoint_that_was_changed_is_probed_at_once() {
    let (mut endpoints, last) = broken(Instant::now());
    endpoints.seen(1, &target(None, 2), 1, last);
    assert!(endpoints.next_probe(last).is_some());
    let mut again = broken(last).0;
    again.seen(1, &target(None, 0), 1, last);
    assert!(again.next_probe(last).is_none(), "it is as it was");
}

#[tokio::test]
async fn a_probe_that_is_lost_is_followed_by_another() {
    let (mut endpoints, last) = broken(Instant::now());
    assert!(endpoints.next_probe(last + seconds(1)).is_some());
    assert!(endpoints.next_probe(last + seconds(1) + TIMEOUT * 2).is_some());
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_is_not_probed_before() {
    let now = Instant::now();
    let (mut endpoints, last) = broken(now);
    assert!(endpoints.next_probe(last + seconds(1)).is_some());
    endpoints.failed(1, "e", Failure { retry_after: Some(seconds(120)), ..OVERLOAD }, last + seconds(1));
    assert_eq!(endpoints.next_probe(last + seconds(120)), None);
    assert!(endpoints.next_probe(last + seconds(121)).is_some());
}

#[tokio::test]
async fn when_a_probe_succeeds_a_walk_begins() {
    let (mut endpoints, last) = broken(Instant::now());
    assert!(endpoints.next_probe(last + seconds(1)).is_some());
    assert_eq!(endpoints.succeeded(1, "e", 1, last + seconds(2)), Change::Back);
    assert_eq!(endpoints.walks().map(|(_, after)| after).collect::<Vec<_>>(), [0]);
    assert_eq!(endpoints.held().count(), 1, "the walk reads for it");
    endpoints.walked("e", Some(7));
    endpoints.walked("e", None);
    assert_eq!((endpoints.held().count(), endpoints.walks().count()), (0, 0));
}

#[tokio::test]
async fn the_window_grows_while_it_is_used_and_halves_under_overload() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(16, TIMEOUT);
    endpoints.seen(1, &target(None, 1), 1, now);
    assert_eq!(endpoints.gate("e", &first(1), now), Gate::Open);
    assert_eq!(endpoints.gate("e", &first(2), now), Gate::Full, "nothing is known of it");
    endpoints.failed(1, "e", ERROR, now);
    assert_eq!(endpoints.gate("e", &first(7), now), Gate::Open, "it answers, whatever it says");
    assert_eq!(endpoints.gate("e", &first(8), now), Gate::Full);
    assert_eq!(
        endpoints.gate("e", &Asking { kind: Kind::Retry, firsts: 0, retries: 4 }, now),
        Gate::Full,
        "retries get half"
    );
    endpoints.succeeded(1, "e", 1, now);
    assert_eq!(endpoints.gate("e", &first(8), now), Gate::Full, "one alone doesn't show that it bears more");
    for _ in 0..100 {
        endpoints.succeeded(1, "e", 16, now);
    }
    assert_eq!(
        (endpoints.gate("e", &first(15), now), endpoints.gate("e", &first(16), now)),
        (Gate::Open, Gate::Full)
    );
    endpoints.failed(1, "e", ERROR, now);
    assert_eq!(endpoints.gate("e", &first(15), now), Gate::Open, "an error of its own is no overload");
    endpoints.failed(1, "e", OVERLOAD, now);
    assert_eq!(endpoints.gate("e", &first(8), now), Gate::Full);
    for _ in 0..9 {
        endpoints.failed(1, "e", OVERLOAD, now);
    }
    assert_eq!(endpoints.gate("e", &first(0), now), Gate::Open, "one may always go");
}

#[tokio::test]
async fn a_rate_is_kept_and_shared_among_workers() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(64, TIMEOUT);
    endpoints.seen(1, &target(Some(100), 1), 2, now);
    let mut sent = 0;
    for ms in 0..2_000 {
        while endpoints.gate("e", &first(0), now + Duration::from_millis(ms)) == Gate::Open {
            sent += 1;
        }
    }
    assert!((99..=101).contains(&sent), "{sent} in two seconds, by one of two workers");
    let later = now + seconds(60);
    let burst = (0..100).filter(|_| endpoints.gate("e", &first(0), later) == Gate::Open).count();
    assert!(burst <= 6, "{burst} at once after a pause");
}

#[tokio::test]
async fn outcomes_are_told_once() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(64, TIMEOUT);
    endpoints.failed(1, "bad", ERROR, now);
    endpoints.failed(1, "mixed", ERROR, now);
    endpoints.succeeded(1, "mixed", 1, now);
    let (failing, succeeded) = endpoints.take_outcomes();
    assert_eq!((failing[0].endpoint.as_str(), succeeded[0].endpoint.as_str()), ("bad", "mixed"));
    assert_eq!(endpoints.take_outcomes(), (vec![], vec![]));
}

#[tokio::test]
async fn what_is_not_used_is_forgotten() {
    let now = Instant::now();
    let (mut endpoints, _) = broken(now);
    endpoints.succeeded(1, "idle", 1, now);
    endpoints.forget_unused(now + REMEMBERED);
    assert_eq!(endpoints.known.len(), 1, "but not that one is broken");
}

#[tokio::test]
async fn retries_that_wait_have_a_quarter_of_the_window() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(64, TIMEOUT);
    endpoints.seen(1, &target(None, 1), 1, now);
    endpoints.failed(1, "e", ERROR, now);
    let mut gate = |kind, firsts, retries| endpoints.gate("e", &Asking { kind, firsts, retries }, now);
    let first = Kind::First { retries_wait: true };
    assert_eq!((gate(first, 5, 0), gate(first, 6, 0)), (Gate::Open, Gate::Full));
    assert_eq!(gate(Kind::Retry, 6, 0), Gate::Open);
    assert_eq!((gate(first, 5, 2), gate(first, 6, 2)), (Gate::Open, Gate::Full));
    assert_eq!(gate(Kind::Retry, 6, 2), Gate::Full);
}

#[tokio::test]
async fn probes_go_round_so_that_one_event_that_is_refused_is_not_the_only_judge() {
    let (mut endpoints, last) = broken(Instant::now());
    let at = last + seconds(1);
    assert_eq!(endpoints.next_probe(at).expect("a probe").1, 0);
    endpoints.probed_with("e", 7);
    endpoints.failed(1, "e", ERROR, at);
    let at = at + seconds(1);
    assert_eq!(endpoints.next_probe(at).expect("a probe").1, 7, "the next after that");
    endpoints.nothing_to_probe_with("e", at);
    assert_eq!(endpoints.next_probe(at).expect("a probe").1, 0, "from the oldest again");
    endpoints.nothing_to_probe_with("e", at);
    assert!(!endpoints.is_held("e"), "nothing waits for it at all");
    assert_eq!(endpoints.failed(1, "e", ERROR, at), Change::Broken);
}

#[tokio::test]
async fn who_answers_no_more_is_on_probation_until_it_does() {
    const SILENCE: Failure = Failure { overload: true, answered: false, retry_after: None };
    let now = Instant::now();
    let mut endpoints = Endpoints::new(64, TIMEOUT);
    for _ in 0..100 {
        endpoints.succeeded(1, "e", 64, now);
    }
    endpoints.failed(1, "e", SILENCE, now);
    assert!(endpoints.is_proven("e"), "one of many may be lost");
    endpoints.failed(1, "e", SILENCE, now);
    assert!(!endpoints.is_proven("e"));
    assert_eq!(
        (endpoints.gate("e", &first(1), now), endpoints.gate("e", &first(2), now)),
        (Gate::Open, Gate::Full)
    );
    endpoints.succeeded(1, "e", 1, now);
    assert_eq!(endpoints.gate("e", &first(2), now), Gate::Open);
}
