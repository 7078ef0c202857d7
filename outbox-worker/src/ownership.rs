//! Which buckets this worker owns, and which it is letting go because other workers have come.

use std::collections::BTreeSet;

use calmony_pay::outbox::fair_share;

/// The buckets of this worker.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    held: BTreeSet<i16>,
    leaving: BTreeSet<i16>,
}

impl Ownership {
    /// The buckets to read from.
    pub(crate) fn own(&self) -> Vec<i16> {
        self.held.difference(&self.leaving).copied().collect()
    }

    /// Whether that bucket is read from.
    pub(crate) fn owns(&self, bucket: i16) -> bool {
        self.held.contains(&bucket) && !self.leaving.contains(&bucket)
    }

    /// The buckets that are to go.
    pub(crate) fn leaving(&self) -> impl Iterator<Item = i16> + '_ {
        self.leaving.iter().copied()
    }

    /// Adapts to so many workers: chooses what is to go, and says how many more to take.
    pub(crate) fn adapt(&mut self, workers: usize) -> usize {
        let share = fair_share(workers);
        let own = self.own();
        self.leaving.extend(own.iter().skip(share));
        share.saturating_sub(own.len())
    }

    /// These were taken.
    pub(crate) fn took(&mut self, buckets: &[i16]) {
        self.held.extend(buckets);
    }

    /// These have been let go.
    pub(crate) fn released(&mut self, buckets: &[i16]) {
        for bucket in buckets {
            self.held.remove(bucket);
            self.leaving.remove(bucket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_worker_makes_half_of_the_buckets_leave() {
        let mut ownership = Ownership::default();
        assert_eq!(ownership.adapt(1), 64);
        ownership.took(&(0..64).collect::<Vec<_>>());
        assert_eq!(ownership.adapt(1), 0);
        assert_eq!(ownership.adapt(2), 0);
        let leaving: Vec<_> = ownership.leaving().collect();
        assert_eq!((ownership.own().len(), leaving.len()), (32, 32));
        assert!(!ownership.owns(leaving[0]));
        ownership.released(&leaving);
        assert_eq!(ownership.leaving().count(), 0);
        assert_eq!(ownership.adapt(1), 32, "the other has gone: all are wanted again");
    }
}
