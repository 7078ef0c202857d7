//! Jobs that wait to be sent or are in flight, one lane an endpoint. Endpoints take turns; whether one may send now is not
//! decided here.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use calmony_pay::outbox::{DeliveryKey, EndpointKey};

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
    /// Whether it is ahead of its time: a failure then leaves its row as it is.
    pub(crate) early: bool,
    /// Whether an earlier event of its object was given up.
    pub(crate) order_gap: bool,
    /// The object it stands in line for, where its endpoint asks for order.
    pub(crate) line: Option<Arc<str>>,
    pub(crate) webhook: Webhook,
}

/// The jobs of one endpoint.
#[derive(Debug, Default)]
struct Lane {
    queued: VecDeque<Job>,
    sent: usize,
    /// It was its turn and it might not send: it waits until it is woken.
    waits: bool,
    /// How often in a row it was found with requests in flight of which none had landed.
    quiet: u8,
}

impl Lane {
    /// How many of its jobs can't go now.
    fn blocked(&self) -> usize {
        if self.waits { self.queued.len() } else { 0 }
    }

    /// Whether nothing has landed for a while: these requests mustn't take the room of others.
    const fn is_stuck(&self) -> bool {
        self.quiet > 2
    }

    /// Whether it has as many in flight as it may, and none lands.
    const fn hangs(&self) -> bool {
        self.waits && self.sent > 0 && self.is_stuck()
    }
}

/// The jobs of all endpoints.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    endpoints: HashMap<String, Lane>,
    /// Endpoints with something queued that don't wait, in turn. One may stand here twice, or in vain.
    turns: VecDeque<String>,
    /// Requests in flight, by bucket.
    buckets: HashMap<i16, usize>,
    queued: usize,
    blocked: usize,
    in_flight: usize,
    /// Those of them that are stuck.
    stuck: usize,
}

impl Lanes {
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

    /// Requests in flight to endpoints that have let nothing land for a while.
    pub(crate) const fn stuck_in_flight(&self) -> usize {
        self.stuck
    }

    /// Jobs of that endpoint, queued or in flight.
    pub(crate) fn of(&self, endpoint: &str) -> usize {
        self.endpoints.get(endpoint).map_or(0, |lane| lane.queued.len() + lane.sent)
    }

    /// Jobs of that endpoint that are queued.
    pub(crate) fn queued_of(&self, endpoint: &str) -> usize {
        self.endpoints.get(endpoint).map_or(0, |lane| lane.queued.len())
    }

    /// Requests of that endpoint in flight.
    pub(crate) fn sent(&self, endpoint: &str) -> usize {
        self.endpoints.get(endpoint).map_or(0, |lane| lane.sent)
    }

    /// The endpoints that have so many jobs here.
    pub(crate) fn with_at_least(&self, count: usize) -> impl Iterator<Item = &String> {
        let full = move |lane: &Lane| lane.queued.len() + lane.sent >= count;
        self.endpoints.iter().filter(move |(_, lane)| full(lane)).map(|(endpoint, _)| endpoint)
    }

    /// The endpoints that have something queued.
    pub(crate) fn queued_endpoints(&self) -> impl Iterator<Item = EndpointKey> {
        self.endpoints.iter().filter_map(|(endpoint, lane)| {
            let account = lane.queued.front()?.key.event.account;
            Some(EndpointKey { account, endpoint: endpoint.clone() })
        })
    }

    /// Whether that endpoint has as many requests in flight as it may, and none lands.
    pub(crate) fn hangs(&self, endpoint: &str) -> bool {
        self.endpoints.get(endpoint).is_some_and(Lane::hangs)
    }

    /// Whether a request of that bucket is in flight.
    pub(crate) fn flies(&self, bucket: i16) -> bool {
        self.buckets.contains_key(&bucket)
    }

    /// Changes a lane and keeps count of what is blocked and what hangs.
    fn change<R>(&mut self, endpoint: &str, change: impl FnOnce(&mut Lane) -> R) -> Option<R> {
        let lane = self.endpoints.get_mut(endpoint)?;
        let stuck = |lane: &Lane| if lane.is_stuck() { lane.sent } else { 0 };
        let before = (lane.blocked(), stuck(lane));
        let result = change(lane);
        self.blocked = (self.blocked + lane.blocked()).saturating_sub(before.0);
        self.stuck = (self.stuck + stuck(lane)).saturating_sub(before.1);
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
            lane.queued.len() == 1 && !lane.waits
        });
        self.queued += 1;
        if alone == Some(true) {
            self.turns.push_back(endpoint);
        }
    }

    /// The next job to send. `may_send` says whether an endpoint with so many in flight may send now; one that may not waits
    /// until it is woken.
    pub(crate) fn next(&mut self, mut may_send: impl FnMut(&str, usize) -> bool) -> Option<Job> {
        while let Some(endpoint) = self.turns.pop_front() {
            let taken = self.change(&endpoint, |lane| {
                if lane.queued.is_empty() || lane.waits {
                    return None;
                }
                if !may_send(&endpoint, lane.sent) {
                    lane.waits = true;
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
        self.change(&job.key.endpoint, |lane| {
            lane.sent = lane.sent.saturating_sub(1);
            lane.quiet = 0;
        });
    }

    /// The endpoint may perhaps send again.
    pub(crate) fn wake(&mut self, endpoint: &str) {
        let woken = self.change(endpoint, |lane| std::mem::take(&mut lane.waits) && !lane.queued.is_empty());
        if woken == Some(true) {
            self.turns.push_back(endpoint.to_owned());
        }
    }

    /// Whoever has as many requests in flight as it may and has let none of them land since this was asked the time before
    /// the last: a receiver that hangs. Asked at a steady pace.
    pub(crate) fn find_hanging(&mut self) -> HashSet<String> {
        let endpoints: Vec<String> = self.endpoints.keys().cloned().collect();
        let mut found = HashSet::new();
        for endpoint in endpoints {
            let hangs = self.change(&endpoint, |lane| {
                lane.quiet = if lane.sent > 0 { lane.quiet.saturating_add(1) } else { 0 };
                lane.hangs()
            });
            if hangs == Some(true) {
                found.insert(endpoint);
            }
        }
        found
    }

    /// Takes jobs out of the queues.
    pub(crate) fn unqueue(&mut self, which: impl Fn(&Job) -> bool) -> Vec<Job> {
        let mut taken = Vec::new();
        let endpoints: Vec<String> = self.endpoints.keys().cloned().collect();
        for endpoint in endpoints {
            self.change(&endpoint, |lane| {
                let queued = std::mem::take(&mut lane.queued);
                let (out, kept): (Vec<Job>, VecDeque<Job>) = {
                    let mut kept = VecDeque::with_capacity(queued.len());
                    let mut out = Vec::new();
                    for job in queued {
                        if which(&job) { out.push(job) } else { kept.push_back(job) }
                    }
                    (out, kept)
                };
                lane.queued = kept;
                taken.extend(out);
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
        let webhook = Webhook {
            event: "evt".into(),
            body: "{}".into(),
            url: String::new(),
            secrets: Arc::default(),
            trace: None,
        };
        Job {
            key,
            bucket: 7,
            attempts: 0,
            is_retry: false,
            early: false,
            order_gap: false,
            line: None,
            webhook,
        }
    }

    /// What goes next, when each endpoint may have so many in flight.
    fn next(lanes: &mut Lanes, share: usize) -> Option<Job> {
        lanes.next(|_, in_flight| in_flight < share)
    }

    fn positions(lanes: &mut Lanes, share: usize) -> Vec<i64> {
        std::iter::from_fn(|| next(lanes, share)).map(|job| job.key.event.position).collect()
    }

    #[test]
    fn endpoints_take_turns_and_keep_their_own_order() {
        let mut lanes = Lanes::default();
        for position in 1..=3 {
            lanes.push(job("a", position));
        }
        lanes.push(job("b", 100));
        assert_eq!(positions(&mut lanes, 10), [1, 100, 2, 3]);
        assert_eq!((lanes.queued(), lanes.in_flight()), (0, 4));
    }

    #[test]
    fn an_endpoint_that_hangs_holds_its_share_and_no_more() {
        let mut lanes = Lanes::default();
        for position in 1..=5 {
            lanes.push(job("hangs", position));
        }
        lanes.push(job("b", 100));
        assert_eq!(positions(&mut lanes, 2), [1, 100, 2]);
        lanes.push(job("b", 101));
        assert_eq!(positions(&mut lanes, 2), [101]);
        lanes.landed(&job("hangs", 1));
        lanes.wake("hangs");
        assert_eq!(positions(&mut lanes, 2), [3], "one landed, so one may go");
    }

    #[test]
    fn a_bucket_flies_until_its_last_request_has_landed() {
        let mut lanes = Lanes::default();
        lanes.push(job("a", 1));
        assert!(!lanes.flies(7));
        let sent = next(&mut lanes, 1).expect("one");
        assert!(lanes.flies(7));
        lanes.landed(&sent);
        assert!(!lanes.flies(7));
        assert_eq!(lanes.of("a"), 0);
    }

    #[test]
    fn what_waits_for_its_endpoint_is_not_runnable() {
        let mut lanes = Lanes::default();
        for position in 1..=4 {
            lanes.push(job("hangs", position));
        }
        lanes.push(job("b", 100));
        assert_eq!((lanes.queued(), lanes.runnable()), (5, 5));
        assert_eq!(positions(&mut lanes, 1), [1, 100]);
        assert_eq!((lanes.queued(), lanes.runnable()), (3, 0));
        assert_eq!(lanes.with_at_least(2).collect::<Vec<_>>(), ["hangs"]);
        lanes.unqueue(|job| job.key.endpoint == "hangs");
        assert_eq!((lanes.queued(), lanes.runnable()), (0, 0));
        lanes.landed(&job("hangs", 1));
        lanes.wake("hangs");
        lanes.push(job("hangs", 5));
        assert_eq!((lanes.queued(), lanes.runnable(), lanes.in_flight()), (1, 1, 1));
    }

    #[test]
    fn what_was_held_back_goes_when_it_is_woken() {
        let mut lanes = Lanes::default();
        lanes.push(job("a", 1));
        assert!(lanes.next(|_, _| false).is_none());
        assert!(next(&mut lanes, 9).is_none(), "it waits to be woken");
        lanes.wake("a");
        lanes.wake("a");
        assert_eq!(positions(&mut lanes, 9), [1]);
    }

    #[test]
    fn who_lets_nothing_land_hangs_and_takes_no_room() {
        let mut lanes = Lanes::default();
        for endpoint in ["hangs", "slow"] {
            lanes.push(job(endpoint, 1));
            lanes.push(job(endpoint, 2));
        }
        assert_eq!(positions(&mut lanes, 1).len(), 2);
        for _ in 0..3 {
            lanes.landed(&job("slow", 1));
            lanes.wake("slow");
            lanes.push(job("slow", 3));
            assert_eq!(positions(&mut lanes, 1).len(), 1);
            assert!(!lanes.find_hanging().contains("slow"));
        }
        assert!(lanes.hangs("hangs") && !lanes.hangs("slow"));
        assert_eq!((lanes.in_flight(), lanes.stuck_in_flight()), (2, 1));
        lanes.landed(&job("hangs", 1));
        assert_eq!((lanes.in_flight(), lanes.stuck_in_flight()), (1, 0));
    }

    #[test]
    fn what_is_taken_out_is_not_sent_and_later_jobs_are() {
        let mut lanes = Lanes::default();
        lanes.push(job("a", 1));
        lanes.push(job("a", 2));
        assert_eq!(lanes.unqueue(|_| true).len(), 2);
        lanes.push(job("a", 3));
        lanes.push(job("a", 4));
        assert_eq!(
            positions(&mut lanes, 1),
            [3],
            "the share holds, however often the endpoint stands in line"
        );
    }
}
