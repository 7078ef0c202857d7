//! Turns: objects that wait for their step, account by account, so that an account with a million
//! objects that are due delays no other.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::due::Found;
use crate::shares::{Full, Place, Shares};

/// The most objects that wait for their step. Those beyond them wait in the database.
const WAITING_MAX: usize = 1_024;
/// The most of them of one account.
const WAITING_EACH_MAX: usize = 256;

/// The objects that wait. Accounts take turns; within an account they go in the order in which they came.
#[derive(Debug)]
pub(super) struct Turns {
    places: Shares<i64>,
    lines: HashMap<i64, VecDeque<Waiting>>,
    /// The accounts that have a line, in the order of their turns.
    order: VecDeque<i64>,
    ids: HashSet<String>,
}

#[derive(Debug)]
struct Waiting {
    found: Found,
    _place: Place<i64>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            places: Shares::with_each(WAITING_MAX, 1, WAITING_EACH_MAX),
            lines: HashMap::new(),
            order: VecDeque::new(),
            ids: HashSet::new(),
        }
    }
}

impl Turns {
    /// The number of objects that wait.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The ids of those that wait.
    pub(super) fn ids(&self) -> impl Iterator<Item = &String> {
        self.ids.iter()
    }

    /// Puts an object at the end of its account's line, unless it waits already.
    ///
    /// # Errors
    /// [`Full`]: the account's line, or all of them, are as long as they may be.
    pub(super) fn add(&mut self, found: Found) -> Result<(), Full> {
        if self.ids.contains(&found.due.id) {
            return Ok(());
        }
        let account = found.due.account;
        let place = self.places.try_enter(&account, 1)?;
        self.ids.insert(found.due.id.clone());
        let line = self.lines.entry(account).or_default();
        if line.is_empty() {
            self.order.push_back(account);
        }
        line.push_back(Waiting { found, _place: place });
        Ok(())
    }

    /// Takes the next object: of the first account in turn that may begin a step now. `None` if none may.
    pub(super) fn next<P>(
        &mut self,
        mut may_begin: impl FnMut(i64) -> Result<P, Full>,
    ) -> Option<(Found, P)> {
        for _ in 0..self.order.len() {
            let account = *self.order.front()?;
            let begins = may_begin(account);
            if matches!(begins, Err(Full::All)) {
                return None;
            }
            self.order.pop_front();
            let Ok(place) = begins else {
                self.order.push_back(account);
                continue;
            };
            let line = self.lines.get_mut(&account)?;
            let Waiting { found, .. } = line.pop_front()?;
            if line.is_empty() {
                self.lines.remove(&account);
            } else {
                self.order.push_back(account);
            }
            self.ids.remove(&found.due.id);
            return Some((found, place));
        }
        None
    }

    /// Forgets the objects of other buckets than these.
    pub(super) fn keep(&mut self, owns: impl Fn(i16) -> bool) {
        for line in self.lines.values_mut() {
            line.retain(|waiting| owns(waiting.found.bucket));
        }
        self.lines.retain(|_, line| !line.is_empty());
        self.order.retain(|account| self.lines.contains_key(account));
        self.ids = self.lines.values().flatten().map(|waiting| waiting.found.due.id.clone()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::due::Due;

    fn found(account: i64, number: usize) -> Found {
        let id = format!("pi_{account}_{number}");
        let due = Due { account, livemode: false, id, due: Timestamp::from_seconds(1) };
        Found { due, bucket: i16::try_from(number % 64).unwrap() }
    }

    /// The accounts of the next objects, if all may begin.
    fn order(turns: &mut Turns) -> Vec<i64> {
        std::iter::from_fn(|| turns.next(|_| Ok(()))).map(|(found, ())| found.due.account).collect()
    }

    #[test]
    fn accounts_take_turns_however_much_one_of_them_has() {
        let mut turns = Turns::default();
        for number in 0..10 {
            turns.add(found(1, number)).unwrap();
        }
        turns.add(found(2, 0)).unwrap();
        turns.add(found(3, 0)).unwrap();
        assert_eq!(order(&mut turns)[..4], [1, 2, 3, 1]);
        assert_eq!(turns.len(), 0);
    }

    #[test]
    fn within_an_account_the_order_is_kept_and_nothing_waits_twice() {
        let mut turns = Turns::default();
        for number in [0, 1, 0, 2] {
            turns.add(found(1, number)).unwrap();
        }
        let ids = std::iter::from_fn(|| turns.next(|_| Ok(()))).map(|(found, ())| found.due.id);
        assert_eq!(ids.collect::<Vec<_>>(), ["pi_1_0", "pi_1_1", "pi_1_2"]);
    }

    #[test]
    fn an_account_fills_its_line_and_not_all_lines() {
        let mut turns = Turns::default();
        let of_one = (0..5_000).filter(|number| turns.add(found(1, *number)).is_ok()).count();
        assert_eq!(of_one, WAITING_EACH_MAX);
        assert_eq!(turns.add(found(1, 9_999)), Err(Full::Share));
        for account in 2..6 {
            for number in 0..200 {
                let _ = turns.add(found(account, number));
            }
        }
        assert_eq!(turns.add(found(1_000, 0)), Ok(()), "a newcomer finds a place");
        assert!(turns.len() <= WAITING_MAX);
    }

    #[test]
    fn an_account_that_may_not_begin_is_passed_over_and_keeps_its_objects() {
        let mut turns = Turns::default();
        turns.add(found(1, 0)).unwrap();
        turns.add(found(2, 0)).unwrap();
        let of_others = |account| if account == 1 { Err(Full::Share) } else { Ok(()) };
        assert_eq!(turns.next(of_others).map(|(found, ())| found.due.account), Some(2));
        assert!(turns.next(of_others).is_none());
        assert!(turns.next(|_| Err::<(), _>(Full::All)).is_none());
        assert_eq!(order(&mut turns), [1]);
    }

    #[test]
    fn what_is_in_anothers_bucket_is_forgotten() {
        let mut turns = Turns::default();
        for number in 0..20 {
            turns.add(found(1, number)).unwrap();
        }
        turns.add(found(2, 1)).unwrap();
        turns.keep(|bucket| bucket >= 15);
        assert_eq!(order(&mut turns), [1; 5]);
        for number in 0..WAITING_EACH_MAX {
            assert_eq!(turns.add(found(1, number)), Ok(()), "its places are free again");
        }
    }
}
