//! The buckets that a process owns, and those that it is releasing because others have come. Workers share
//! them out, and so do billers, each by advisory locks of its session.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// The number of buckets: `calmony.bucket_of` in the migrations.
pub const BUCKETS: usize = 64;

/// The longest time that a bucket that is to go waits for work in flight. After that its new owner
/// needn't wait for a receiver that hangs: a request still in flight has a row that says when to try
/// again. Nor for a step of a biller: the first one to close an attempt wins.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most buckets that one of `processes` holds: together they hold all.
#[must_use]
pub const fn fair_share(processes: usize) -> usize {
    BUCKETS.div_ceil(if processes == 0 { 1 } else { processes })
}

/// The buckets of this process.
#[derive(Debug, Default)]
pub struct Ownership {
    held: BTreeSet<i16>,
    leaving: BTreeMap<i16, Instant>,
    /// Those that PostgreSQL is being told to release, behind the settlement that is under way.
    going: BTreeSet<i16>,
}

impl Ownership {
    /// The buckets to read from.
    #[must_use]
    pub fn own(&self) -> Vec<i16> {
        self.held.iter().copied().filter(|bucket| !self.leaving.contains_key(bucket)).collect()
    }

    /// True if that bucket is read from.
    #[must_use]
    pub fn owns(&self, bucket: i16) -> bool {
        self.holds(bucket) && !self.leaving.contains_key(&bucket)
    }

    /// True if outcomes of that bucket may be written.
    #[must_use]
    pub fn holds(&self, bucket: i16) -> bool {
        self.held.contains(&bucket) && !self.going.contains(&bucket)
    }

    /// The buckets to release now: none of their requests is in flight, or they have waited long enough.
    /// From here on their outcomes are their next owner's, until they are released or kept after all.
    #[must_use]
    pub fn let_go(&mut self, now: Instant, flies: impl Fn(i16) -> bool) -> Vec<i16> {
        let ready = |(bucket, since): (&i16, &Instant)| {
            (!flies(*bucket) || now.duration_since(*since) >= PATIENCE).then_some(*bucket)
        };
        let going: Vec<i16> = self.leaving.iter().filter_map(ready).collect();
        self.going.extend(&going);
        going
    }

    /// Adapts to that number of processes. Returns the buckets that are to go from now on, and the number of
    /// buckets to take.
    pub fn adapt(&mut self, processes: usize, now: Instant) -> (Vec<i16>, usize) {
        let share = fair_share(processes);
        let own = self.own();
        let surplus: Vec<i16> = own.iter().skip(share).copied().collect();
        self.leaving.extend(surplus.iter().map(|bucket| (*bucket, now)));
        (surplus, share.saturating_sub(own.len()))
    }

    /// Notes that these buckets were taken.
    pub fn took(&mut self, buckets: &[i16]) {
        self.held.extend(buckets);
    }

    /// Notes that they could not be released: the settlement before them failed.
    pub fn kept(&mut self) {
        self.going.clear();
    }

    /// Notes that these buckets have been released.
    pub fn released(&mut self, buckets: &[i16]) {
        for bucket in buckets {
            self.held.remove(bucket);
            self.leaving.remove(bucket);
            self.going.remove(bucket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fair_shares_cover_every_bucket() {
        for processes in 1..=100 {
            assert!(fair_share(processes) * processes >= BUCKETS);
            assert!((fair_share(processes) - 1) * processes < BUCKETS);
        }
    }

    #[tokio::test]
    async fn a_second_worker_makes_half_of_the_buckets_leave() {
        let now = Instant::now();
        let mut ownership = Ownership::default();
        assert_eq!(ownership.adapt(1, now), (vec![], 64));
        ownership.took(&(0..64).collect::<Vec<_>>());
        assert_eq!(ownership.adapt(1, now), (vec![], 0));
        let (leaving, more) = ownership.adapt(2, now);
        assert_eq!((ownership.own().len(), leaving.len(), more), (32, 32, 0));
        assert!(ownership.adapt(2, now).0.is_empty(), "they are told once");
        assert!(!ownership.owns(leaving[0]) && ownership.holds(leaving[0]));
        ownership.released(&leaving);
        assert!(!ownership.holds(leaving[0]));
        assert_eq!(ownership.adapt(1, now).1, 32, "the other has gone: all are wanted again");
    }

    #[tokio::test]
    async fn a_bucket_with_a_request_in_flight_goes_after_a_second() {
        let now = Instant::now();
        let mut ownership = Ownership::default();
        ownership.took(&(0..64).collect::<Vec<_>>());
        let (leaving, _) = ownership.adapt(2, now);
        let flies = |bucket| bucket == leaving[0];
        assert_eq!(ownership.let_go(now, flies), leaving[1..]);
        assert_eq!(ownership.let_go(now + PATIENCE, flies), leaving);
    }

    /// An answer that comes while the bucket is being released is too late: its new owner may be writing
    /// already.
    #[tokio::test]
    async fn a_bucket_on_its_way_out_takes_no_more_outcomes() {
        let now = Instant::now();
        let mut ownership = Ownership::default();
        ownership.took(&(0..64).collect::<Vec<_>>());
        ownership.adapt(2, now);
        let going = ownership.let_go(now + PATIENCE, |_| true);
        assert!(!going.is_empty() && !going.iter().any(|bucket| ownership.holds(*bucket)));
    }
}
