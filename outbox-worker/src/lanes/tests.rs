//! Turns, shares and receivers that hang, without a clock.

use std::sync::Arc;
use std::time::Duration;

use calmony_pay::outbox::EventKey;

use super::*;

fn job(endpoint: &str, position: i64) -> Job {
    job_of(1, endpoint, position)
}

fn job_of(account: i64, endpoint: &str, position: i64) -> Job {
    let key = DeliveryKey { event: EventKey { account, position }, endpoint: endpoint.to_owned() };
    let webhook = Webhook {
        event: "evt".into(),
        body: "{}".into(),
        url: String::new(),
        secrets: Arc::default(),
        trace: None,
    };
    Job { key, bucket: 7, attempts: 0, is_retry: false, early: false, order_gap: false, order: None, webhook }
}

/// Lanes with rooms for 64 requests, whose endpoints answer.
struct Yard {
    lanes: Lanes,
    rooms: Rooms,
    now: Instant,
}

impl Yard {
    fn new(max: usize) -> Self {
        Self { lanes: Lanes::default(), rooms: Rooms::new(max, 64), now: Instant::now() }
    }

    fn push(&mut self, job: Job) {
        self.lanes.push(&mut self.rooms, job, true, self.now);
    }

    /// The next job, if each endpoint may have `share` requests in flight.
    fn next(&mut self, share: usize) -> Option<Job> {
        self.lanes.look_again();
        self.lanes.next(&mut self.rooms, 1, |_, in_flight| in_flight < share)
    }

    fn positions(&mut self, share: usize) -> Vec<i64> {
        std::iter::from_fn(|| self.next(share)).map(|job| job.key.event.position).collect()
    }

    fn landed(&mut self, job: &Job) {
        self.lanes.landed(&mut self.rooms, job);
        self.lanes.wake_host(&mut self.rooms, job);
    }

    fn wake(&mut self, endpoint: &str) {
        self.lanes.wake(&mut self.rooms, endpoint);
    }

    fn unqueue(&mut self, which: impl Fn(&Job) -> bool) -> usize {
        self.lanes.unqueue(&mut self.rooms, which).len()
    }

    /// The endpoints that hang, at that time after the beginning.
    fn find_hanging(&mut self, after: u64) -> HashSet<String> {
        self.lanes.find_hanging(&mut self.rooms, self.now + Duration::from_millis(after))
    }
}

#[test]
fn endpoints_take_turns_and_keep_their_own_order() {
    let mut yard = Yard::new(64);
    for position in 1..=3 {
        yard.push(job("a", position));
    }
    yard.push(job("b", 100));
    assert_eq!(yard.positions(10), [1, 100, 2, 3]);
    assert_eq!((yard.lanes.queued(), yard.lanes.in_flight()), (0, 4));
}

#[test]
fn an_endpoint_that_hangs_holds_its_share_and_no_more() {
    let mut yard = Yard::new(64);
    for position in 1..=5 {
        yard.push(job("hangs", position));
    }
    yard.push(job("b", 100));
    assert_eq!(yard.positions(2), [1, 100, 2]);
    yard.push(job("b", 101));
    assert_eq!(yard.positions(2), [101]);
    yard.landed(&job("hangs", 1));
    yard.wake("hangs");
    assert_eq!(yard.positions(2), [3], "one landed, so one may go");
}

#[test]
fn a_bucket_flies_until_its_last_request_has_landed() {
    let mut yard = Yard::new(64);
    yard.push(job("a", 1));
    assert!(!yard.lanes.flies(7));
    let sent = yard.next(1).expect("one");
    assert!(yard.lanes.flies(7));
    yard.landed(&sent);
    assert!(!yard.lanes.flies(7));
    assert_eq!(yard.lanes.of("a"), 0);
}

#[test]
fn what_waits_for_its_endpoint_is_not_runnable() {
    let mut yard = Yard::new(64);
    for position in 1..=4 {
        yard.push(job("hangs", position));
    }
    yard.push(job("b", 100));
    assert_eq!((yard.lanes.queued(), yard.lanes.runnable()), (5, 5));
    assert_eq!(yard.positions(1), [1, 100]);
    assert_eq!((yard.lanes.queued(), yard.lanes.runnable()), (3, 0));
    assert_eq!(yard.lanes.with_enough(2, 2).collect::<Vec<_>>(), ["hangs"]);
    yard.unqueue(|job| job.key.endpoint == "hangs");
    assert_eq!((yard.lanes.queued(), yard.lanes.runnable()), (0, 0));
    yard.landed(&job("hangs", 1));
    yard.wake("hangs");
    yard.push(job("hangs", 5));
    assert_eq!((yard.lanes.queued(), yard.lanes.runnable(), yard.lanes.in_flight()), (1, 1, 1));
}

#[test]
fn what_was_held_back_goes_when_it_is_woken() {
    let mut yard = Yard::new(64);
    yard.push(job("a", 1));
    assert!(yard.next(0).is_none());
    assert!(yard.next(9).is_none(), "it waits to be woken");
    yard.wake("a");
    yard.wake("a");
    assert_eq!(yard.positions(9), [1]);
}

#[test]
fn who_lets_nothing_land_hangs_and_takes_no_room() {
    let mut yard = Yard::new(64);
    for endpoint in ["hangs", "slow"] {
        yard.push(job(endpoint, 1));
        yard.push(job(endpoint, 2));
    }
    assert_eq!(yard.positions(1).len(), 2);
    for _ in 0..3 {
        yard.landed(&job("slow", 1));
        yard.wake("slow");
        yard.push(job("slow", 3));
        assert_eq!(yard.positions(1).len(), 1);
        assert!(!yard.find_hanging(0).contains("slow"));
    }
    assert!(yard.lanes.hangs("hangs") && !yard.lanes.hangs("slow"));
    assert_eq!((yard.lanes.in_flight(), yard.lanes.in_room(Room::Probation)), (2, 1));
    yard.landed(&job("hangs", 1));
    assert_eq!((yard.lanes.in_flight(), yard.lanes.in_room(Room::Probation)), (1, 0));
}

#[test]
fn what_is_taken_out_is_not_sent_and_later_jobs_are() {
    let mut yard = Yard::new(64);
    yard.push(job("a", 1));
    yard.push(job("a", 2));
    assert_eq!(yard.unqueue(|_| true), 2);
    yard.push(job("a", 3));
    yard.push(job("a", 4));
    assert_eq!(yard.positions(1), [3], "the share holds, however often the endpoint stands in line");
}

#[test]
fn accounts_take_turns_whatever_endpoints_they_have() {
    let mut yard = Yard::new(64);
    for endpoint in ["a", "b", "c", "d"] {
        yard.push(job(endpoint, 1));
        yard.push(job(endpoint, 1));
    }
    yard.push(job_of(2, "other", 100));
    yard.push(job_of(2, "other", 101));
    assert_eq!(yard.positions(9), [1, 100, 1, 101, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn an_account_with_many_endpoints_leaves_places_and_goes_on_when_one_is_free() {
    let mut yard = Yard::new(16);
    for n in 0..40 {
        yard.push(job(&format!("e{n}"), n));
    }
    assert_eq!(yard.positions(1).len(), 12);
    yard.push(job_of(2, "other", 100));
    assert_eq!(yard.positions(1), [100]);
    yard.landed(&job_of(2, "other", 100));
    yard.landed(&job("e0", 0));
    assert_eq!(yard.positions(1), [12], "one landed, so one may go");
}

#[test]
fn one_host_of_an_account_has_a_bound_of_its_own() {
    let mut yard = Yard::new(64);
    yard.rooms = Rooms::new(64, 2);
    let at = |host: &str, endpoint: &str, position| {
        let mut job = job(endpoint, position);
        job.webhook.url = format!("http://{host}/{endpoint}");
        job
    };
    for n in 0..4 {
        yard.push(at("same", &format!("e{n}"), n));
    }
    yard.push(at("another", "f", 100));
    assert_eq!(yard.positions(9), [0, 1, 100]);
    yard.landed(&at("same", "e0", 0));
    assert_eq!(yard.positions(9), [2]);
    yard.landed(&at("same", "e1", 1));
    yard.landed(&at("same", "e2", 2));
    assert_eq!(yard.positions(9), [3]);
}

#[test]
fn who_has_not_answered_is_counted_apart_until_it_has() {
    let mut yard = Yard::new(4);
    yard.lanes.push(&mut yard.rooms, job("new", 1), false, yard.now);
    yard.lanes.push(&mut yard.rooms, job("new", 2), false, yard.now);
    assert_eq!(yard.positions(1), [1]);
    assert_eq!((yard.lanes.in_room(Room::Probation), yard.lanes.in_room(Room::Proven)), (1, 0));
    yard.lanes.prove(&mut yard.rooms, "new", true);
    assert_eq!((yard.lanes.in_room(Room::Probation), yard.lanes.in_room(Room::Proven)), (0, 1));
    yard.wake("new");
    assert_eq!(yard.positions(2), [2]);
}

#[test]
fn large_bodies_fill_the_memory_before_many_jobs_do() {
    let mut yard = Yard::new(64);
    let large = |position| {
        let mut job = job("large", position);
        job.webhook.body = vec![0; 8 * 1024 * 1024].into();
        job
    };
    for position in 1..=3 {
        yard.push(large(position));
    }
    assert!(yard.lanes.has_room());
    yard.push(large(4));
    assert!(!yard.lanes.has_room());
    yard.find_hanging(300);
    assert!(yard.lanes.full_accounts().contains(&1));
    assert_eq!(yard.positions(1), [1]);
    assert!(yard.lanes.has_room());
    assert_eq!(yard.unqueue(|_| true), 3);
    yard.push(job("small", 5));
    assert!(yard.lanes.full_accounts().is_empty());
}

#[test]
fn a_slow_account_keeps_little_here_and_does_not_keep_others_from_being_read() {
    let mut yard = Yard::new(64);
    for n in 0..100 {
        yard.push(job("slow", n));
    }
    yard.find_hanging(100);
    assert_eq!((yard.lanes.runnable(), yard.lanes.full_accounts()), (100, vec![]));
    yard.find_hanging(300);
    assert_eq!((yard.lanes.runnable(), yard.lanes.full_accounts()), (0, vec![1]));
    assert_eq!(yard.unqueue(|job| job.key.event.position < 60), 60);
    assert!(yard.lanes.full_accounts().is_empty(), "it may have a few");
    assert_eq!(yard.unqueue(|_| true), 40);
    yard.find_hanging(400);
    yard.now += Duration::from_millis(400);
    yard.push(job("slow", 200));
    assert_eq!(yard.lanes.runnable(), 1, "nothing waits for long any more");
}

#[test]
fn an_account_whose_jobs_cannot_go_is_crowded_before_it_fills_the_memory() {
    let mut yard = Yard::new(64);
    for n in 0..300 {
        yard.lanes.push(&mut yard.rooms, job("new", n), false, yard.now);
    }
    assert!(yard.lanes.is_crowded(1) && !yard.lanes.is_crowded(2) && yard.lanes.has_room());
    assert_eq!(yard.lanes.runnable(), 0, "it keeps nobody from being read");
    assert!(!yard.lanes.is_quiet("new"), "nothing is known of it");
    assert_eq!(yard.positions(1), [0]);
    yard.find_hanging(200);
    assert!(yard.lanes.is_quiet("new"));
    yard.lanes.prove(&mut yard.rooms, "new", true);
    yard.wake("new");
    assert!(!yard.lanes.is_crowded(1) && yard.lanes.runnable() == 299);
}
