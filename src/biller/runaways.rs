//! Runaways: objects that take step after step without an end. Each is stopped by itself, in plain sight,
//! because billing that runs away is worse than billing that is late.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// The most steps of one object within [`SPAN`].
const STEPS_MAX: usize = 100;
/// The time in which they are counted.
const SPAN: Duration = Duration::from_mins(1);
/// The most objects that are remembered as stopped. One more, and all of them are tried again.
const STOPPED_MAX: usize = 1_024;

/// The steps that objects took a moment ago, and the objects that this process has stopped.
#[derive(Debug, Default)]
pub(super) struct Runaways {
    steps: HashMap<String, VecDeque<Instant>>,
    stopped: HashSet<String>,
}

impl Runaways {
    /// Counts a step of an object that begins now. False if it runs away: it doesn't begin.
    pub(super) fn may_step(&mut self, id: &str, now: Instant) -> bool {
        if self.stopped.contains(id) {
            return false;
        }
        let steps = self.steps.entry(id.to_owned()).or_default();
        while steps.front().is_some_and(|step| now.duration_since(*step) >= SPAN) {
            steps.pop_front();
        }
        if steps.len() < STEPS_MAX {
            steps.push_back(now);
            return true;
        }
        self.steps.remove(id);
        if self.stopped.len() >= STOPPED_MAX {
            self.stopped.clear();
        }
        self.stopped.insert(id.to_owned());
        false
    }

    /// Forgets the steps of objects that have taken none lately.
    pub(super) fn tidy(&mut self, now: Instant) {
        self.steps.retain(|_, steps| steps.back().is_some_and(|step| now.duration_since(*step) < SPAN));
    }

    /// The objects that are stopped.
    pub(super) fn stopped(&self) -> impl ExactSizeIterator<Item = &String> {
        self.stopped.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_hundred_and_first_step_within_a_minute_stops_that_object_alone() {
        let (mut runaways, start) = (Runaways::default(), Instant::now());
        let at = |n: u64| start + Duration::from_millis(n * 10);
        for n in 0..100 {
            assert!(runaways.may_step("pi_1", at(n)), "{n}");
        }
        assert!(!runaways.may_step("pi_1", at(100)));
        assert!(runaways.may_step("pi_2", at(100)));
        assert!(!runaways.may_step("pi_1", at(100) + 10 * SPAN), "it stays stopped");
        assert_eq!(runaways.stopped().collect::<Vec<_>>(), ["pi_1"]);
    }

    #[tokio::test]
    async fn steps_at_a_pace_go_on_for_ever() {
        let (mut runaways, start) = (Runaways::default(), Instant::now());
        for n in 0..1_000 {
            assert!(runaways.may_step("pi_1", start + n * (SPAN / 100)), "{n}");
        }
        runaways.tidy(start + 1_000 * SPAN);
        assert!(runaways.steps.is_empty());
    }

    #[tokio::test]
    async fn the_memory_of_what_is_stopped_has_an_end() {
        let (mut runaways, now) = (Runaways::default(), Instant::now());
        for object in 0..=STOPPED_MAX {
            for _ in 0..=STEPS_MAX {
                runaways.may_step(&object.to_string(), now);
            }
        }
        assert_eq!(runaways.stopped().len(), 1);
    }
}
