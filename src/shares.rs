//! Places that callers share, so that the trouble of one caller doesn't become another's.
//!
//! A caller may hold as many places as a multiple of the free ones (the dynamic threshold of switches that
//! share a buffer: Choudhury and Hahne, 1998). One caller alone gets a fixed part of all, several get equal
//! parts, and a newcomer finds a place however many the others want.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Places of one kind, shared by callers of type `K`: accounts, or addresses.
#[derive(Debug)]
pub struct Shares<K: Eq + Hash + Clone>(Arc<Parts<K>>);

#[derive(Debug)]
struct Parts<K> {
    max: usize,
    factor: usize,
    /// The most places of one caller, however many are free.
    each_max: usize,
    held: Mutex<Held<K>>,
    freed: Notify,
}

#[derive(Debug)]
struct Held<K> {
    all: usize,
    by: HashMap<K, usize>,
}

/// The reason that no place was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The caller holds its share.
    Share,
    /// All places are held.
    All,
}

/// Places of one caller, until they are dropped.
#[derive(Debug)]
pub struct Place<K: Eq + Hash + Clone> {
    shares: Shares<K>,
    key: K,
    count: usize,
}

impl<K: Eq + Hash + Clone> Held<K> {
    /// Sets the places that a caller holds.
    fn set(&mut self, key: &K, own: usize) {
        if own == 0 {
            self.by.remove(key);
        } else {
            self.by.insert(key.clone(), own);
        }
    }
}

impl<K: Eq + Hash + Clone> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Eq + Hash + Clone> Shares<K> {
    /// `max` places. A caller may hold `factor` times the free ones: alone, with 1 a half, with 3 three
    /// quarters.
    #[must_use]
    pub fn new(max: usize, factor: usize) -> Self {
        Self::with_each(max, factor, max)
    }

    /// The same, but a caller holds `each_max` at the most, however many are free.
    #[must_use]
    pub fn with_each(max: usize, factor: usize, each_max: usize) -> Self {
        let held = Mutex::new(Held { all: 0, by: HashMap::new() });
        Self(Arc::new(Parts { max, factor, each_max, held, freed: Notify::new() }))
    }

    /// Takes `count` places, if they are free now.
    ///
    /// # Errors
    /// [`Full`] names the limit: the caller's share or the whole.
    pub fn try_enter(&self, key: &K, count: usize) -> Result<Place<K>, Full> {
        let Parts { max, factor, each_max, .. } = *self.0;
        let mut held = self.held();
        let own = held.by.get(key).copied().unwrap_or_default();
        let free = max.saturating_sub(held.all);
        if own + count > free.saturating_mul(factor).min(each_max) || count > free {
            return Err(if free < count { Full::All } else { Full::Share });
        }
        held.all += count;
        if count > 0 {
            held.by.insert(key.clone(), own + count);
        }
        Ok(Place { shares: self.clone(), key: key.clone(), count })
    }

    /// The same, with a wait of limited length. The wait also ends when no place was freed for `still`.
    ///
    /// # Errors
    /// [`Full`] names the limit that was in the way until the end: the caller's share or the whole.
    pub async fn enter(
        &self,
        key: &K,
        count: usize,
        patience: Duration,
        still: Duration,
    ) -> Result<Place<K>, Full> {
        let end = Instant::now() + patience;
        loop {
            let deadline = end.min(Instant::now() + still);
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            // From here on no freed place is missed.
            freed.as_mut().enable();
            let full = match self.try_enter(key, count) {
                Ok(place) => return Ok(place),
                Err(full) => full,
            };
            if timeout_at(deadline, freed).await.is_err() {
                return Err(full);
            }
        }
    }

    /// The number of places that all callers hold.
    #[must_use]
    pub fn held_by_all(&self) -> usize {
        self.held().all
    }

    fn held(&self) -> MutexGuard<'_, Held<K>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> Place<K> {
    /// Takes `count` places more, if they are free now.
    ///
    /// # Errors
    /// [`Full`] names the limit: the caller's share or the whole. The place stays as it was.
    pub fn grow(&mut self, count: usize) -> Result<(), Full> {
        let mut more = self.shares.try_enter(&self.key, count)?;
        self.count += std::mem::take(&mut more.count);
        Ok(())
    }

    /// Holds `count` places from now on, however many the others hold: it can't be refused, because they
    /// are in use already.
    pub fn resize(&mut self, count: usize) {
        let mut held = self.shares.held();
        held.all = (held.all + count).saturating_sub(self.count);
        let own = held.by.get(&self.key).copied().unwrap_or_default();
        held.set(&self.key, (own + count).saturating_sub(self.count));
        drop(held);
        self.count = count;
        self.shares.0.freed.notify_waiters();
    }
}

impl<K: Eq + Hash + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        if self.count == 0 {
            return;
        }
        let mut held = self.shares.held();
        held.all = held.all.saturating_sub(self.count);
        let own = held.by.get(&self.key).copied().unwrap_or_default().saturating_sub(self.count);
        held.set(&self.key, own);
        drop(held);
        self.shares.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes single places in turn until no key gets another.
    fn fill(shares: &Shares<u8>, keys: &[u8]) -> Vec<Vec<Place<u8>>> {
        let mut held: Vec<Vec<Place<u8>>> = keys.iter().map(|_| Vec::new()).collect();
        loop {
            let before: usize = held.iter().map(Vec::len).sum();
            for (places, key) in held.iter_mut().zip(keys) {
                places.extend(shares.try_enter(key, 1));
            }
            if held.iter().map(Vec::len).sum::<usize>() == before {
                return held;
            }
        }
    }

    fn counts(held: &[Vec<Place<u8>>]) -> Vec<usize> {
        held.iter().map(Vec::len).collect()
    }

    #[test]
    fn one_alone_gets_its_part_and_several_get_equal_ones() {
        let shares = Shares::new(256, 3);
        let one = fill(&shares, &[1]);
        assert_eq!(counts(&one), [192]);
        assert_eq!(shares.try_enter(&1, 1).unwrap_err(), Full::Share);
        drop(one);
        assert_eq!(shares.held_by_all(), 0);
        assert_eq!(counts(&fill(&Shares::new(4, 1), &[1, 2])), [2, 1], "two of four, and one is left");
        assert_eq!(counts(&fill(&Shares::with_each(32, 1, 4), &[1, 2])), [4, 4]);
        let many = counts(&fill(&Shares::new(256, 1), &[1, 2, 3]));
        assert_eq!(many, [64, 64, 64]);
    }

    #[test]
    fn who_wants_more_than_there_is_is_told_so() {
        let shares = Shares::new(10, 1);
        assert_eq!(shares.try_enter(&1, 11).unwrap_err(), Full::All);
        assert_eq!(shares.try_enter(&1, 8).map(|place| place.count), Ok(8), "nobody else is there");
        let mut place = shares.try_enter(&1, 4).expect("four");
        assert_eq!(place.grow(3), Err(Full::Share));
        assert_eq!((place.grow(1), shares.held_by_all()), (Ok(()), 5));
    }

    #[tokio::test]
    async fn who_waits_gets_what_is_freed() {
        let shares = Shares::new(2, 1);
        let place = shares.try_enter(&1, 1).expect("one");
        let (long, none) = (Duration::from_secs(20), Duration::ZERO);
        assert_eq!(shares.enter(&1, 1, none, long).await.unwrap_err(), Full::Share);
        assert_eq!(shares.enter(&1, 1, long, none).await.unwrap_err(), Full::Share);
        let waiting = tokio::spawn({
            let shares = shares.clone();
            async move { shares.enter(&1, 1, long, long).await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(place);
        assert!(waiting.await.expect("no panic"));
    }

    proptest! {
        #[test]
        fn a_newcomer_finds_a_place_beside_however_many(
            max in 8_usize..400, factor in 1_usize..4, callers in 1_u8..6,
        ) {
            prop_assume!(max > usize::from(callers) * factor);
            let shares = Shares::new(max, factor);
            let keys: Vec<u8> = (0..callers).collect();
            let held = fill(&shares, &keys);
            let counts = counts(&held);
            prop_assert!(shares.try_enter(&u8::MAX, 1).is_ok());
            let (most, least) = (counts.iter().max(), counts.iter().min());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1));
            drop(held);
            prop_assert_eq!(shares.held_by_all(), 0);
        }
    }
}
