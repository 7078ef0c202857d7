//! The number of endpoints in each state of their breaker, for the metrics.

use super::{Breaker, Endpoints};

/// Endpoints that this worker knows, by their breaker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BreakerCounts {
    /// Sent to as usual.
    pub(crate) closed: usize,
    /// Left alone.
    pub(crate) open: usize,
    /// Tried with one request.
    pub(crate) probing: usize,
    /// Back, and sent all that they are owed.
    pub(crate) walking: usize,
}

impl Endpoints {
    pub(crate) fn breakers(&self) -> BreakerCounts {
        let mut counts = BreakerCounts::default();
        for health in self.known.values() {
            let count = match health.breaker {
                Breaker::Open { .. } => &mut counts.open,
                Breaker::Probing { .. } => &mut counts.probing,
                Breaker::Closed if health.walk.is_some() => &mut counts.walking,
                Breaker::Closed => &mut counts.closed,
            };
            *count += 1;
        }
        counts
    }
}
