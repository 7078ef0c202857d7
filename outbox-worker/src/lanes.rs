//! Jobs that wait to be sent or are in flight, one lane an endpoint. Endpoints take turns, and none has more than its share in
//! flight.

use std::collections::{HashMap, HashSet, VecDeque};

use calmony_pay::outbox::DeliveryKey;

use crate::attempt::Webhook;

/// One delivery that is to be attempted.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) key: DeliveryKey,
    pub(crate) bucket: i16,
    /// Attempts made before.
    pub(crate) attempts: u32,
    /// Whether it came from a row of its own, and not straight from the outbox.
    pub(crate) is_retry: bool,
    pub(crate) webhook: Webhook,
}

/// The jobs of one endpoint.
#[derive(Debug, Default)]
struct Lane {
    queued: VecDeque<Job>,
    sent: usize,
    /// How often in a row it was found with its share in flight and none of it landed.
    quiet: u8,
}

impl Lane {
    /// How many of its jobs can't go because its share is in flight.
    fn blocked(&self, share: usize) -> usize {
        if self.sent >= share { self.queued.len() } else { 0 }
    }
}

/// The jobs of all endpoints.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// How many requests to one endpoint may be in flight.
    share: usize,
    endpoints: HashMap<String, Lane>,
    /// Endpoints with something queued and room for it, in turn. One may stand here twice, or in vain.
    turns: VecDeque<String>,
    /// Requests in flight, by bucket.
    buckets: HashMap<i16, usize>,
    queued: usize,
    blocked: usize,
    in_flight: usize,
}

impl Lanes {
    /// No jobs.
    pub(crate) fn new(share: usize) -> Self {
        let (endpoints, turns, buckets) = (HashMap::new(), VecDeque::new(), HashMap::new());
        Self { share, endpoints, turns, buckets, queued: 0, blocked: 0, in_flight: 0 }
    }

    /// Jobs that are queued.
    pub(crate) const fn queued(&self) -> usize {
        self.queued
    }

    /// Jobs that are queued and don't have to wait for their endpoint.
    pub(crate) const fn runnable(&self) -> usize {
        self.queued.saturating_sub(self.blocked)
    }

    /// Requests in flight.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Jobs of that endpoint, queued or in flight.
    pub(crate) fn of(&self, endpoint: &str) -> usize {
        self.endpoints.get(endpoint).map_or(0, |lane| lane.queued.len() + lane.sent)
    }

    /// The endpoints that have their share in memory already.
    pub(crate) fn full(&self) -> Vec<String> {
        let full = |lane: &Lane| lane.queued.len() + lane.sent >= self.share;
        self.endpoints.iter().filter(|(_, lane)| full(lane)).map(|(endpoint, _)| endpoint.clone()).collect()
    }

    /// How many jobs of an endpoint may be in flight.
    pub(crate) const fn share(&self) -> usize {
        self.share
    }

    /// Whether a request of that bucket is in flight.
    pub(crate) fn flies(&self, bucket: i16) -> bool {
        self.buckets.contains_key(&bucket)
    }

    /// Changes a lane and keeps count of what is blocked.
    fn change<R>(&mut self, endpoint: &str, change: impl FnOnce(&mut Lane) -> R) -> Option<R> {
        let lane = self.endpoints.get_mut(endpoint)?;
        let before = lane.blocked(self.share);
        let result = change(lane);
        self.blocked = (self.blocked + lane.blocked(self.share)).saturating_sub(before);
        if lane.queued.is_empty() && lane.sent == 0 {
            self.endpoints.remove(endpoint);
        }
        Some(result)
    }

    /// Queues a job.
    pub(crate) fn push(&mut self, job: Job) {
        let endpoint = job.key.endpoint.clone();
        self.endpoints.entry(endpoint.clone()).or_default();
        let alone = self.change(&endpoint, |lane| {
            lane.queued.push_back(job);
            lane.queued.len() == 1
        });
        self.queued += 1;
        if alone == Some(true) {
            self.turns.push_back(endpoint);
        }
    }

    /// The next job to send; an endpoint that has its share in flight is passed over.
    pub(crate) fn next(&mut self) -> Option<Job> {
        let share = self.share;
        while let Some(endpoint) = self.turns.pop_front() {
            let taken = self.change(&endpoint, |lane| {
                if lane.sent >= share {
                    return None;
                }
                let job = lane.queued.pop_front()?;
                lane.sent += 1;
                Some((job, !lane.queued.is_empty()))
            });
            let Some(Some((job, more))) = taken else { continue };
            if more {
                self.turns.push_back(endpoint);
            }
            self.queued = self.queued.saturating_sub(1);
            self.in_flight += 1;
            *self.buckets.entry(job.bucket).or_default() += 1;
            return Some(job);
        }
        None
    }

    /// A request is no longer in flight.
    pub(crate) fn landed(&mut self, job: &Job) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(count) = self.buckets.get_mut(&job.bucket) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.buckets.remove(&job.bucket);
            }
        }
        let share = self.share;
        let goes_on = self.change(&job.key.endpoint, |lane| {
            let was_full = lane.sent >= share;
            lane.sent = lane.sent.saturating_sub(1);
            lane.quiet = 0;
            was_full && !lane.queued.is_empty()
        });
        if goes_on == Some(true) {
            self.turns.push_back(job.key.endpoint.clone());
        }
    }

    /// Whoever has its share in flight and has let none of it land since this was asked the time before the last: a receiver
    /// that hangs. Asked at a steady pace.
    pub(crate) fn stuck(&mut self) -> HashSet<String> {
        let mut stuck = HashSet::new();
        for (endpoint, lane) in &mut self.endpoints {
            lane.quiet = if lane.sent >= self.share { lane.quiet.saturating_add(1) } else { 0 };
            if lane.quiet > 2 && !lane.queued.is_empty() {
                stuck.insert(endpoint.clone());
            }
        }
        stuck
    }

    /// Takes jobs out of the queues.
    pub(crate) fn unqueue(&mut self, which: impl Fn(&Job) -> bool) -> Vec<DeliveryKey> {
        let mut taken = Vec::new();
        let endpoints: Vec<String> = self.endpoints.keys().cloned().collect();
        for endpoint in endpoints {
            self.change(&endpoint, |lane| {
                lane.queued.retain(|job| {
                    let goes = which(job);
                    if goes {
                        taken.push(job.key.clone());
                    }
                    !goes
                });
            });
        }
        self.queued = self.queued.saturating_sub(taken.len());
        taken
    }
}

#[cfg(test)]
mod tests {
    use calmony_pay::outbox::EventKey;

    use super::*;

    fn job(endpoint: &str, position: i64) -> Job {
        let key = DeliveryKey { event: EventKey { account: 1, position }, endpoint: endpoint.to_owned() };
        let webhook =
            Webhook { event: "evt".into(), body: "{}".into(), url: String::new(), secrets: Vec::new() };
        Job { key, bucket: 7, attempts: 0, is_retry: false, webhook }
    }

    fn positions(lanes: &mut Lanes, count: usize) -> Vec<i64> {
        (0..count).filter_map(|_| lanes.next()).map(|job| job.key.event.position).collect()
    }

    #[test]
    fn endpoints_take_turns_and_keep_their_own_order() {
        let mut lanes = Lanes::new(10);
        for position in 1..=3 {
            lanes.push(job("a", position));
        }
        lanes.push(job("b", 100));
        assert_eq!(positions(&mut lanes, 9), [1, 100, 2, 3]);
        assert_eq!((lanes.queued(), lanes.in_flight()), (0, 4));
    }

    #[test]
    fn an_endpoint_that_hangs_holds_its_share_and_no_more() {
        let mut lanes = Lanes::new(2);
        for position in 1..=5 {
            lanes.push(job("hangs", position));
        }
        lanes.push(job("b", 100));
        assert_eq!(positions(&mut lanes, 9), [1, 100, 2]);
        lanes.push(job("b", 101));
        assert_eq!(positions(&mut lanes, 9), [101]);
        lanes.landed(&job("hangs", 1));
        assert_eq!(positions(&mut lanes, 9), [3], "one landed, so one may go");
    }

    #[test]
    fn a_bucket_flies_until_its_last_request_has_landed() {
        let mut lanes = Lanes::new(1);
        lanes.push(job("a", 1));
        assert!(!lanes.flies(7));
        let sent = lanes.next().expect("one");
        assert!(lanes.flies(7));
        lanes.landed(&sent);
        assert!(!lanes.flies(7));
        assert_eq!(lanes.of("a"), 0);
    }

    #[test]
    fn what_waits_for_its_endpoint_is_not_runnable() {
        let mut lanes = Lanes::new(1);
        for position in 1..=4 {
            lanes.push(job("hangs", position));
        }
        lanes.push(job("b", 100));
        assert_eq!((lanes.queued(), lanes.runnable()), (5, 5));
        let sent = lanes.next().expect("one");
        assert_eq!((lanes.queued(), lanes.runnable()), (4, 1));
        let mut full = lanes.full();
        full.sort();
        assert_eq!(full, ["b", "hangs"], "a share of one");
        lanes.unqueue(|job| job.key.endpoint == "hangs");
        assert_eq!((lanes.queued(), lanes.runnable()), (1, 1));
        lanes.landed(&sent);
        assert_eq!((lanes.queued(), lanes.runnable(), lanes.in_flight()), (1, 1, 0));
    }

    #[test]
    fn who_lets_nothing_land_is_stuck() {
        let mut lanes = Lanes::new(1);
        for endpoint in ["hangs", "slow"] {
            lanes.push(job(endpoint, 1));
            lanes.push(job(endpoint, 2));
            lanes.next();
        }
        for _ in 0..3 {
            lanes.landed(&job("slow", 1));
            lanes.next();
            lanes.push(job("slow", 3));
            assert!(!lanes.stuck().contains("slow"));
        }
        assert!(lanes.stuck().contains("hangs"));
    }

    #[test]
    fn what_is_taken_out_is_not_sent_and_later_jobs_are() {
        let mut lanes = Lanes::new(1);
        lanes.push(job("a", 1));
        lanes.push(job("a", 2));
        assert_eq!(lanes.unqueue(|_| true).len(), 2);
        lanes.push(job("a", 3));
        lanes.push(job("a", 4));
        assert_eq!(
            positions(&mut lanes, 9),
            [3],
            "the share holds, however often the endpoint stands in line"
        );
    }
}
