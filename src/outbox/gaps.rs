//! Positions that were missing below the cursor. An append draws its position before it commits, so a
//! missing one may still come. After the timeouts of its statement and of its commit's wait for a lock it
//! can't come any more: it was rolled back.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::database::STATEMENT_TIMEOUT_MS;

/// The most ranges that are remembered. Beyond that the oldest are left to the scan from the head.
const RANGES_MAX: usize = 2_000;

/// The distance below the first position that was read in which late ones are expected. The scan from the
/// head finds the others.
const FIRST_GAP: i64 = 1_000;

/// The longest wait for a missing position: the time that a statement and its commit may take.
fn patience() -> Duration {
    Duration::from_millis(u64::from(STATEMENT_TIMEOUT_MS) * 2)
}

/// The missing ranges, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Gaps {
    ranges: VecDeque<Gap>,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    first: i64,
    last: i64,
    seen: Instant,
}

impl Gaps {
    /// Remembers the positions that are missing between the cursor and those that were read after it, in
    /// rising order.
    pub fn note(&mut self, cursor: i64, positions: &[i64], now: Instant) {
        let mut expected = match (cursor, positions.first()) {
            // The first read can't tell gone positions from late ones, so it waits only for the close ones.
            (0, Some(first)) => first.saturating_sub(FIRST_GAP).max(1),
            _ => cursor.saturating_add(1),
        };
        for &position in positions {
            if position > expected {
                self.ranges.push_back(Gap { first: expected, last: position.saturating_sub(1), seen: now });
            }
            expected = position.saturating_add(1);
        }
        let surplus = self.ranges.len().saturating_sub(RANGES_MAX);
        self.ranges.drain(..surplus);
    }

    /// Forgets positions that have come late. They would be read again with every read until they leave
    /// the outbox.
    pub fn found(&mut self, positions: impl IntoIterator<Item = i64>) {
        for position in positions {
            let at = self.ranges.partition_point(|gap| gap.last < position);
            let Some(gap) = self.ranges.get_mut(at).filter(|gap| gap.first <= position) else { continue };
            let after = Gap { first: position.saturating_add(1), ..*gap };
            gap.last = position.saturating_sub(1);
            let is_gone = gap.last < gap.first;
            if after.first <= after.last {
                self.ranges.insert(at.saturating_add(1), after);
            }
            if is_gone {
                self.ranges.remove(at);
            }
        }
    }

    /// Drops the ranges that are too old to come.
    pub fn expire(&mut self, now: Instant) {
        while self.ranges.front().is_some_and(|gap| now.duration_since(gap.seen) > patience()) {
            self.ranges.pop_front();
        }
    }

    /// The first and the last position of each range that may still come.
    #[must_use]
    pub fn bounds(&self) -> (Vec<i64>, Vec<i64>) {
        self.ranges.iter().map(|gap| (gap.first, gap.last)).unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_missing_is_remembered_until_it_cannot_come() {
        let start = Instant::now();
        let mut gaps = Gaps::default();
        gaps.note(10, &[11, 12, 15, 16, 20], start);
        assert_eq!(gaps.bounds(), (vec![13, 17], vec![14, 19]));
        gaps.expire(start + patience());
        assert_eq!(gaps.bounds().0.len(), 2);
        gaps.expire(start + patience() + Duration::from_millis(1));
        assert_eq!(gaps.bounds(), (vec![], vec![]));
    }

    #[tokio::test]
    async fn what_has_come_is_no_longer_missing() {
        let mut gaps = Gaps::default();
        gaps.note(10, &[12, 20, 23], Instant::now());
        assert_eq!(gaps.bounds(), (vec![11, 13, 21], vec![11, 19, 22]));
        gaps.found([11, 15, 19, 20, 21]);
        assert_eq!(gaps.bounds(), (vec![13, 16, 22], vec![14, 18, 22]));
        gaps.found([22, 13, 14, 99]);
        assert_eq!(gaps.bounds(), (vec![16], vec![18]));
    }

    #[tokio::test]
    async fn the_list_is_bounded() {
        let positions: Vec<i64> = (1..=5_000).map(|n| n * 2).collect();
        let mut gaps = Gaps::default();
        gaps.note(0, &positions, Instant::now());
        assert_eq!(gaps.bounds().0.len(), RANGES_MAX);
        assert_eq!(gaps.bounds().1.last(), Some(&9_999));
    }
}
