//! The difference between two multisets of any size, in a fixed amount of memory.
//!
//! Entries of one side are added, entries of the other are taken away, in any order. A part whose sum
//! isn't zero has a difference; which one, has to be looked up.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use crate::domain::attempt::Movement;

/// The number of parts.
const PARTS: usize = 65_536;

/// The sums, a part for those whose keys have one hash.
#[derive(Debug)]
pub(super) struct Sums {
    parts: Vec<u64>,
}

impl Sums {
    pub(super) fn new() -> Self {
        Self { parts: vec![0; PARTS] }
    }

    /// One more on the log's side.
    pub(super) fn add(&mut self, movement: &Movement, currency: &str) {
        if let Some(part) = self.parts.get_mut(part_of(&movement.key)) {
            *part = part.wrapping_add(hash(movement, currency));
        }
    }

    /// One more on the journal's side.
    pub(super) fn take(&mut self, movement: &Movement, currency: &str) {
        if let Some(part) = self.parts.get_mut(part_of(&movement.key)) {
            *part = part.wrapping_sub(hash(movement, currency));
        }
    }

    /// True if both sides have the same.
    pub(super) fn are_even(&self) -> bool {
        self.parts.iter().all(|part| *part == 0)
    }

    /// True if the part of a key differs.
    pub(super) fn differs(&self, key: &str) -> bool {
        self.parts.get(part_of(key)).is_some_and(|part| *part != 0)
    }
}

fn part_of(key: &str) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
    usize::try_from(hash).unwrap_or(usize::MAX) % PARTS
}

fn hash(movement: &Movement, currency: &str) -> u64 {
    let Movement { key, kind, amount } = movement;
    BuildHasherDefault::<DefaultHasher>::default().hash_one((key, kind.as_str(), amount, currency))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attempt::MovementKind;

    #[test]
    fn two_sides_are_even_if_they_have_the_same_in_any_order() {
        let movement =
            |n: i64, amount| Movement { key: format!("pi_{n}"), kind: MovementKind::Capture, amount };
        let mut sums = Sums::new();
        for n in 0..1_000 {
            sums.add(&movement(n, 5), "usd");
        }
        for n in (0..1_000).rev() {
            sums.take(&movement(n, if n == 7 { 6 } else { 5 }), "usd");
        }
        assert!(sums.differs("pi_7") && !sums.are_even());
        sums.take(&movement(7, 5), "usd");
        sums.add(&movement(7, 6), "usd");
        assert!(sums.are_even());
        sums.take(&movement(3, 5), "usd");
        assert!(sums.differs("pi_3"), "one too many");
    }
}
