//! Rests: objects whose step failed wait before they are tried again, longer each time, so that they don't
//! stand in the way of others of their account.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// The first rest. The next ones are twice as long each.
const FIRST: Duration = Duration::from_secs(1);
/// The longest rest.
const LONGEST: Duration = Duration::from_mins(1);
/// The most objects that rest. More are tried again as soon as their turn comes.
const RESTING_MAX: usize = 1_024;

/// The objects that rest, and those that have rested and are being tried again.
#[derive(Debug, Default)]
pub(super) struct Rests(HashMap<String, Rest>);

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Instant,
    length: Duration,
}

impl Rests {
    /// Notes that a step of an object failed. Returns the length of its rest.
    pub(super) fn failed(&mut self, id: &str, now: Instant) -> Duration {
        let length = self.0.get(id).map_or(FIRST, |rest| (rest.length * 2).min(LONGEST));
        if self.0.len() < RESTING_MAX || self.0.contains_key(id) {
            self.0.insert(id.to_owned(), Rest { until: now + length, length });
        }
        length
    }

    /// Notes that a step of an object worked.
    pub(super) fn worked(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// The objects that rest now.
    pub(super) fn resting(&self, now: Instant) -> impl Iterator<Item = &String> {
        self.0.iter().filter(move |(_, rest)| now < rest.until).map(|(id, _)| id)
    }

    /// Forgets objects that haven't failed again for long: somebody else has done their step.
    pub(super) fn tidy(&mut self, now: Instant) {
        self.0.retain(|_, rest| now < rest.until + 2 * LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rests_grow_to_a_minute_and_end_with_a_success() {
        let (mut rests, now) = (Rests::default(), Instant::now());
        let lengths: Vec<u64> = (0..8).map(|_| rests.failed("pi_1", now).as_secs()).collect();
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(rests.resting(now).count(), 1);
        assert_eq!(rests.resting(now + LONGEST).count(), 0, "its turn has come");
        rests.worked("pi_1");
        assert_eq!(rests.failed("pi_1", now), FIRST);
    }

    #[tokio::test]
    async fn the_memory_of_rests_has_an_end() {
        let (mut rests, now) = (Rests::default(), Instant::now());
        for object in 0..2 * RESTING_MAX {
            rests.failed(&object.to_string(), now);
        }
        assert_eq!(rests.resting(now).count(), RESTING_MAX);
        rests.tidy(now + 4 * LONGEST);
        assert!(rests.0.is_empty());
    }
}
