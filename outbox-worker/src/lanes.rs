//! The jobs in memory, one lane an endpoint. Endpoints take turns, and none has more than its share in flight.

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
    pub(crate) webhook: Webhook,
}

/// The jobs of one endpoint.
#[derive(Debug, Default)]
struct Lane {
    queued: VecDeque<Job>,
    sent: usize,
}

/// The jobs of all endpoints.
#[derive(Debug)]
pub(crate) struct Lanes {
    lane_max: usize,
    endpoints: HashMap<String, Lane>,
    /// Endpoints with something queued and room for it, in turn. One may stand here twice, or in vain.
    turns: VecDeque<String>,
    buckets: HashMap<i16, usize>,
    queued: usize,
    in_flight: usize,
}

impl Lanes {
    /// No jobs. `lane_max` is how many requests to one endpoint may be in flight.
    pub(crate) fn new(lane_max: usize) -> Self {
        let (endpoints, turns, buckets) = (HashMap::new(), VecDeque::new(), HashMap::new());
        Self { lane_max, endpoints, turns, buckets, queued: 0, in_flight: 0 }
    }

    /// Jobs that are queued.
    pub(crate) const fn queued(&self) -> usize {
        self.queued
    }

    /// Requests in flight.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Queues a job.
    pub(crate) fn push(&mut self, job: Job) {
        let lane = self.endpoints.entry(job.key.endpoint.clone()).or_default();
        if lane.queued.is_empty() {
            self.turns.push_back(job.key.endpoint.clone());
        }
        lane.queued.push_back(job);
        self.queued += 1;
    }

    /// The next job to send; an endpoint that has its share in flight is passed over.
    pub(crate) fn next(&mut self) -> Option<Job> {
        while let Some(endpoint) = self.turns.pop_front() {
            let Some(lane) = self.endpoints.get_mut(&endpoint).filter(|lane| lane.sent < self.lane_max)
            else {
                continue;
            };
            let Some(job) = lane.queued.pop_front() else {
                continue;
            };
            lane.sent += 1;
            if !lane.queued.is_empty() {
                self.turns.push_back(endpoint);
            }
            self.queued -= 1;
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
        let Some(lane) = self.endpoints.get_mut(&job.key.endpoint) else {
            return;
        };
        let was_full = lane.sent >= self.lane_max;
        lane.sent = lane.sent.saturating_sub(1);
        if was_full && !lane.queued.is_empty() {
            self.turns.push_back(job.key.endpoint.clone());
        } else if lane.queued.is_empty() && lane.sent == 0 {
            self.endpoints.remove(&job.key.endpoint);
        }
    }

    /// Takes jobs out of the queues; says which.
    pub(crate) fn unqueue(&mut self, which: impl Fn(&Job) -> bool) -> HashSet<DeliveryKey> {
        let mut taken = HashSet::new();
        for lane in self.endpoints.values_mut() {
            lane.queued.retain(|job| {
                let goes = which(job);
                if goes {
                    taken.insert(job.key.clone());
                }
                !goes
            });
        }
        self.queued = self.queued.saturating_sub(taken.len());
        self.endpoints.retain(|_, lane| lane.sent > 0 || !lane.queued.is_empty());
        taken
    }

    /// Whether a job of that bucket is queued or in flight.
    pub(crate) fn is_busy(&self, bucket: i16) -> bool {
        self.buckets.contains_key(&bucket)
            || self.endpoints.values().any(|lane| lane.queued.iter().any(|job| job.bucket == bucket))
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
        Job { key, bucket: 7, attempts: 0, webhook }
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
    fn a_bucket_is_busy_until_its_last_job_has_landed() {
        let mut lanes = Lanes::new(1);
        assert!(!lanes.is_busy(7));
        lanes.push(job("a", 1));
        assert!(lanes.is_busy(7));
        let sent = lanes.next().expect("one");
        assert!(lanes.is_busy(7));
        lanes.landed(&sent);
        assert!(!lanes.is_busy(7));
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
