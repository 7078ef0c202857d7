//! Operations that wait until their buyer passes a challenge.

use serde::{Deserialize, Serialize};

use super::{Attempt, Closed, Heard, Movement, MovementKind, Operation, authorized, back};

/// An operation that waits until its buyer passes a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its key.
    pub key: String,
    /// True if it takes the amount at once, when the challenge is passed.
    pub captures: bool,
    /// The amount; 0 for a setup.
    pub amount: i64,
    /// The instant since when it waits, in seconds.
    pub since: u64,
    /// The number of times that the processor was asked by itself whether it was passed.
    #[serde(default)]
    pub looks: usize,
    /// True once its key is being voided: from then on the word of the void alone settles it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_given_up: bool,
}

impl Waiting {
    /// The times at which the processor is asked by itself, in seconds since it waits. A notice tells sooner;
    /// one that is lost for ever is found then.
    const LOOKS: [u64; 4] = [60, 660, 4_260, 90_660];

    /// The challenge that an attempt waits for.
    #[must_use]
    pub fn of(attempt: &Attempt) -> Self {
        let (captures, amount) = match &attempt.operation {
            Operation::Authorize { capture, amount, .. } => (*capture, *amount),
            _ => (false, 0),
        };
        let (key, since) = (attempt.key.clone(), attempt.opening.at);
        Self { key, captures, amount, since, looks: 0, is_given_up: false }
    }

    /// The time at which it is looked at, in seconds; `None` once nobody asks by himself any more.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        Self::LOOKS.get(self.looks).map(|after| self.since.saturating_add(*after))
    }

    /// The same after a look at that instant.
    #[must_use]
    pub fn looked_at(self, now: u64) -> Self {
        let mut waiting = self;
        while waiting.due().is_some_and(|due| due <= now) {
            waiting.looks = waiting.looks.saturating_add(1);
        }
        waiting
    }

    /// True if that word settles it.
    #[must_use]
    pub const fn is_settled_by(&self, heard: &Heard) -> bool {
        heard.is_after_void || !self.is_given_up
    }

    /// The end that the event of a passed challenge tells of.
    #[must_use]
    pub fn passed(&self, amount: i64) -> Closed {
        let own = |kind: &MovementKind| Movement { key: self.key.clone(), kind: *kind, amount };
        self.settled(authorized(self.captures).iter().map(own).collect())
    }

    /// The end that the event of a settled challenge tells of.
    #[must_use]
    pub fn settled(&self, movements: Vec<Movement>) -> Closed {
        Closed { key: self.key.clone(), waits: false, declined: false, movements }
    }

    /// The rows of the journal of one that was passed at the last moment, and undone by that key.
    #[must_use]
    pub fn undone(&self, by: &str, amount: i64) -> Vec<Movement> {
        let own = |kind: &MovementKind| Movement { key: self.key.clone(), kind: *kind, amount };
        authorized(self.captures).iter().map(own).chain([back(by, self.captures, amount)]).collect()
    }
}

/// Gives up the operation of that key: an open attempt, or one that waits for a challenge. Returns false
/// where it is neither: somebody was faster, and a closed operation must not be voided any more.
pub(in crate::domain) fn give_up(
    key: &str,
    attempt: Option<&mut Attempt>,
    waiting: Option<&mut Waiting>,
) -> bool {
    if let Some(attempt) = attempt.filter(|attempt| attempt.key == key) {
        attempt.is_given_up = true;
    } else if let Some(waiting) = waiting.filter(|waiting| waiting.key == key) {
        waiting.is_given_up = true;
    } else {
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::tests::authorize;
    use super::*;

    #[test]
    fn a_challenge_is_looked_at_ever_more_rarely_and_then_no_more() {
        let mut waiting = Waiting::of(&authorize(true));
        assert_eq!((waiting.amount, waiting.captures), (900, true));
        let mut due = Vec::new();
        while let Some(next) = waiting.due() {
            due.push(next - 1_000);
            waiting = waiting.looked_at(next);
        }
        assert_eq!(due, Waiting::LOOKS);
        assert_eq!(Waiting::of(&authorize(true)).looked_at(1_700).due(), Some(1_000 + 4_260));
    }
}
