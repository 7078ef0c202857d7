//! Accounts that are behind. Their events are passed over on the way through the outbox, so that they keep nobody from being read, and
//! are read by their positions once the account has room. The events of an account keep their order.

use std::collections::{BTreeSet, HashMap};

use calmony_pay::outbox::EventKey;

/// The most positions that are remembered; whatever comes then isn't passed over.
const POSITIONS_MAX: usize = 200_000;

/// The accounts that are behind, and the positions of their events that were passed over.
#[derive(Debug, Default)]
pub(super) struct Behind {
    accounts: HashMap<i64, BTreeSet<i64>>,
    count: usize,
}

impl Behind {
    /// From now on events of that account are passed over.
    pub(super) fn begin(&mut self, account: i64) {
        self.accounts.entry(account).or_default();
    }

    pub(super) fn has(&self, account: i64) -> bool {
        self.accounts.contains_key(&account)
    }

    pub(super) fn accounts(&self) -> Vec<i64> {
        self.accounts.keys().copied().collect()
    }

    /// Passes an event over. False where it can't be remembered: it has to be taken in.
    pub(super) fn pass(&mut self, event: EventKey) -> bool {
        if self.count >= POSITIONS_MAX {
            return false;
        }
        if self.accounts.entry(event.account).or_default().insert(event.position) {
            self.count += 1;
        }
        true
    }

    /// The oldest events of the accounts that have room, so many at the most in all.
    pub(super) fn take(&mut self, most: usize, has_room: impl Fn(i64) -> bool) -> Vec<EventKey> {
        let ready: Vec<i64> = self
            .accounts
            .iter()
            .filter(|(account, positions)| !positions.is_empty() && has_room(**account))
            .map(|(account, _)| *account)
            .collect();
        let each = most.checked_div(ready.len()).unwrap_or_default().max(1);
        let mut taken = Vec::new();
        for account in ready.into_iter().take(most) {
            let Some(positions) = self.accounts.get_mut(&account) else { continue };
            let oldest = (0..each).map_while(|_| positions.pop_first());
            taken.extend(oldest.map(|position| EventKey { account, position }));
        }
        self.count = self.count.saturating_sub(taken.len());
        taken
    }

    /// Whether an account that has room has events here.
    pub(super) fn has_some_for(&self, has_room: impl Fn(i64) -> bool) -> bool {
        self.accounts.iter().any(|(account, positions)| !positions.is_empty() && has_room(*account))
    }

    /// The accounts that have caught up and have room; they are no longer behind.
    pub(super) fn caught_up(&mut self, has_room: impl Fn(i64) -> bool) -> Vec<i64> {
        let caught =
            |(account, positions): &(&i64, &BTreeSet<i64>)| positions.is_empty() && has_room(**account);
        let accounts: Vec<i64> = self.accounts.iter().filter(caught).map(|(account, _)| *account).collect();
        for account in &accounts {
            self.accounts.remove(account);
        }
        accounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(account: i64, position: i64) -> EventKey {
        EventKey { account, position }
    }

    #[test]
    fn what_was_passed_over_comes_back_in_its_order_account_by_account() {
        let mut behind = Behind::default();
        behind.begin(1);
        assert!(behind.has(1) && !behind.has(2));
        for position in [3, 5, 4, 3, 6] {
            assert!(behind.pass(event(1, position)));
        }
        behind.pass(event(2, 10));
        assert!(behind.has_some_for(|account| account == 2) && !behind.has_some_for(|_| false));
        assert_eq!(behind.take(2, |_| false), []);
        let mut taken = behind.take(4, |_| true);
        taken.sort_unstable_by_key(|event| (event.account, event.position));
        assert_eq!(taken, [event(1, 3), event(1, 4), event(2, 10)]);
        assert_eq!(behind.caught_up(|_| true), [2]);
        assert_eq!(behind.take(9, |_| true), [event(1, 5), event(1, 6)]);
        assert!(behind.caught_up(|_| false).is_empty());
        assert_eq!(behind.caught_up(|_| true), [1]);
        assert_eq!(behind.count, 0);
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let mut behind = Behind { count: POSITIONS_MAX, ..Behind::default() };
        assert!(!behind.pass(event(1, 1)));
    }
}
