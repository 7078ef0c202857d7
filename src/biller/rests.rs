//! Rests: objects whose step failed, or that stayed due because nothing could be done yet, wait before they
//! are tried again, longer each time. So they don't stand in the way of others of their account, and a
//! processor isn't asked the same every second.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// The rests after steps that failed. The last one is repeated.
pub(super) const AFTER_FAILURE: &[Duration] = &[
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_mins(1),
];
/// The rests of objects that wait for somebody else's word. The processor is asked that often about an
/// object that is due because its answer never came. The last one is repeated.
pub(super) const WHILE_WAITING: &[Duration] = &[
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
];
/// The most objects that rest. More are tried again as soon as their turn comes.
const RESTING_MAX: usize = 1_024;
/// The time after which an object that wasn't tried again is forgotten: somebody else has done its step.
const FORGOTTEN: Duration = Duration::from_mins(2);

/// The objects that rest, and those that have rested and are being tried again.
#[derive(Debug, Default)]
pub(super) struct Rests(HashMap<String, Rest>);

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Instant,
    tries: usize,
}

impl Rests {
    /// Makes an object rest, as long as its number of tries says. Returns the length of its rest.
    pub(super) fn rest(&mut self, id: &str, lengths: &[Duration], now: Instant) -> Duration {
        let tries = self.0.get(id).map_or(0, |rest| rest.tries);
        let length = lengths.get(tries).or(lengths.last()).copied().unwrap_or_default();
        if self.0.len() >= RESTING_MAX {
            // Most of them aren't due any more.
            self.0.retain(|_, rest| now < rest.until);
        }
        if self.0.len() < RESTING_MAX {
            self.0.insert(id.to_owned(), Rest { until: now + length, tries: tries + 1 });
        }
        length
    }

    /// Notes that a step has moved an object: the next rest is the shortest again.
    pub(super) fn moved(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// The objects that rest now.
    pub(super) fn resting(&self, now: Instant) -> impl Iterator<Item = &String> {
        self.0.iter().filter(move |(_, rest)| now < rest.until).map(|(id, _)| id)
    }

    /// Forgets objects that weren't tried again.
    pub(super) fn tidy(&mut self, now: Instant) {
        self.0.retain(|_, rest| now < rest.until + FORGOTTEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(lengths: &[Duration]) -> Vec<u64> {
        let (mut rests, now) = (Rests::default(), Instant::now());
        (0..9).map(|_| rests.rest("pi_1", lengths, now).as_secs()).collect()
    }

    #[tokio::test]
    async fn rests_grow_and_end_with_a_step_that_moves() {
        assert_eq!(lengths(AFTER_FAILURE), [1, 2, 4, 8, 15, 30, 60, 60, 60]);
        assert_eq!(lengths(WHILE_WAITING), [1, 10, 60, 600, 3_600, 3_600, 3_600, 3_600, 3_600]);
        let (mut rests, now) = (Rests::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(rests.rest("pi_1", AFTER_FAILURE, now), second);
        assert_eq!((rests.resting(now).count(), rests.resting(now + second).count()), (1, 0));
        assert_eq!(rests.rest("pi_1", AFTER_FAILURE, now), 2 * second);
        rests.moved("pi_1");
        assert_eq!(rests.rest("pi_1", AFTER_FAILURE, now), second);
    }

    #[tokio::test]
    async fn the_memory_of_rests_has_an_end() {
        let (mut rests, now) = (Rests::default(), Instant::now());
        for object in 0..2 * RESTING_MAX {
            rests.rest(&object.to_string(), WHILE_WAITING, now);
        }
        assert_eq!(rests.resting(now).count(), RESTING_MAX);
        let later = now + Duration::from_secs(2);
        rests.rest("pi_1", AFTER_FAILURE, later);
        assert_eq!(rests.resting(later).collect::<Vec<_>>(), ["pi_1"], "the others have rested");
        rests.tidy(now + 2 * FORGOTTEN);
        assert!(rests.0.is_empty());
    }
}
