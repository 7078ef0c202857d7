//! Accounts that are behind. Their events are passed over on the way through the outbox, so that they keep nobody
//! from being read. Once an account has room, its events are read from the first one on that was passed over. So
//! they keep their order.

use std::collections::HashMap;

use calmony_pay::outbox::EventKey;

/// An account that is behind.
#[derive(Debug, Default)]
struct Account {
    /// The position of the first event that was passed over.
    first: Option<i64>,
    /// The endpoints of an event, by the last ones that were read.
    targets: usize,
}

/// The accounts that are behind.
#[derive(Debug, Default)]
pub(super) struct Behind(HashMap<i64, Account>);

impl Behind {
    /// From now on events of that account are passed over.
    pub(super) fn begin(&mut self, account: i64) {
        self.0.entry(account).or_default();
    }

    pub(super) fn has(&self, account: i64) -> bool {
        self.0.contains_key(&account)
    }

    pub(super) fn accounts(&self) -> Vec<i64> {
        self.0.keys().copied().collect()
    }

    /// An event is passed over; its account is behind.
    pub(super) fn pass(&mut self, event: EventKey) {
        let account = self.0.entry(event.account).or_default();
        account.first = Some(account.first.map_or(event.position, |first| first.min(event.position)));
    }

    /// An event of an account goes to so many endpoints.
    pub(super) fn goes_to(&mut self, account: i64, targets: usize) {
        if let Some(account) = self.0.get_mut(&account) {
            account.targets = account.targets.max(targets);
        }
    }

    /// The endpoints of an event of that account.
    pub(super) fn targets(&self, account: i64) -> usize {
        self.0.get(&account).map_or(1, |account| account.targets.max(1))
    }

    /// The accounts that have room, at most so many, with their first events; whose is the oldest comes first.
    pub(super) fn ready(&self, most: usize, has_room: impl Fn(i64) -> bool) -> Vec<EventKey> {
        let mut ready: Vec<EventKey> = self
            .0
            .iter()
            .filter_map(|(account, Account { first, .. })| {
                Some(EventKey { account: *account, position: (*first)? })
            })
            .filter(|event| has_room(event.account))
            .collect();
        ready.sort_unstable_by_key(|event| event.position);
        ready.truncate(most);
        ready
    }

    /// The account's events were read; the next is from that position on, if there may be one.
    pub(super) fn was_read(&mut self, account: i64, next: Option<i64>) {
        if let Some(account) = self.0.get_mut(&account) {
            account.first = next;
        }
    }

    /// The accounts that have room and nothing that was passed over. They are no longer behind.
    pub(super) fn caught_up(&mut self, has_room: impl Fn(i64) -> bool) -> Vec<i64> {
        let caught = self.0.iter().filter(|(number, account)| account.first.is_none() && has_room(**number));
        let accounts: Vec<i64> = caught.map(|(number, _)| *number).collect();
        for account in &accounts {
            self.0.remove(account);
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
    fn accounts_are_read_from_the_first_event_on_that_was_passed_over() {
        let mut behind = Behind::default();
        behind.begin(1);
        assert!(behind.has(1) && !behind.has(2));
        for position in [5, 3, 4] {
            behind.pass(event(1, position));
        }
        behind.pass(event(2, 1));
        assert_eq!(behind.ready(9, |_| true), [event(2, 1), event(1, 3)]);
        assert_eq!(behind.ready(1, |_| true), [event(2, 1)], "whose is the oldest comes first");
        assert_eq!(behind.ready(9, |account| account == 1), [event(1, 3)]);
        behind.was_read(1, Some(5));
        assert_eq!(behind.ready(9, |account| account == 1), [event(1, 5)]);
        behind.was_read(1, None);
        assert!(behind.caught_up(|_| false).is_empty());
        assert_eq!(behind.caught_up(|_| true), [1]);
        assert!(!behind.has(1) && behind.has(2));
        behind.was_read(1, Some(9));
        assert!(!behind.has(1));
        behind.goes_to(2, 7);
        behind.goes_to(2, 3);
        assert_eq!((behind.targets(2), behind.targets(1)), (7, 1));
    }
}
