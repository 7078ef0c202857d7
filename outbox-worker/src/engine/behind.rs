//! Accounts that are behind. Their events are passed over on the way through the outbox, so that they keep
//! nobody from being read. Once an account has room, its events are read from the first one on that was
//! passed over. So they keep their order.
//!
//! An account is behind as soon as one of its events goes to many endpoints, even while it has room:
//! other accounts' events are read without it.

use std::collections::HashMap;

use calmony_pay::outbox::EventKey;

/// The number of endpoints from which on an event has many. Reading such an event takes milliseconds, and
/// nobody else's new event waits for that.
pub(super) const TARGETS_MANY: usize = 32;

/// An account that is behind.
#[derive(Debug, Default)]
struct Account {
    /// The position of the first event that was passed over.
    first: Option<i64>,
    /// That of the first one since its events are being read.
    since: Option<i64>,
    /// That of the first one in buckets that aren't scanned to their end. They are read after that.
    unscanned: Option<i64>,
    /// The endpoints of an event, by the last ones that were read.
    targets: usize,
}

/// The accounts that are behind.
#[derive(Debug, Default)]
pub(super) struct Behind(HashMap<i64, Account>);

impl Behind {
    /// Passes over events of that account from now on.
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
        for first in [&mut account.first, &mut account.since] {
            lower(first, event.position);
        }
    }

    /// The same for an event in a bucket that isn't scanned to its end.
    pub(super) fn pass_unscanned(&mut self, event: EventKey) {
        lower(&mut self.0.entry(event.account).or_default().unscanned, event.position);
    }

    /// The scan has come to its end.
    pub(super) fn scanned(&mut self) {
        for account in self.0.values_mut() {
            if let Some(position) = account.unscanned.take() {
                lower(&mut account.first, position);
                lower(&mut account.since, position);
            }
        }
    }

    /// A read of the account's events begins. It doesn't bring the events that are passed over from now on.
    pub(super) fn is_read(&mut self, account: i64) {
        if let Some(account) = self.0.get_mut(&account) {
            account.since = None;
        }
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

    /// The accounts that have room, at most so many, with their first events; whose is the oldest comes
    /// first.
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

    /// The account's events were read; the next is from that position on, if there may be one, or was
    /// passed over meanwhile.
    pub(super) fn was_read(&mut self, account: i64, next: Option<i64>) {
        if let Some(account) = self.0.get_mut(&account) {
            account.first = next.into_iter().chain(account.since).min();
            account.targets = 0;
        }
    }

    /// The accounts that have room and nothing that was passed over. They are no longer behind, but for
    /// those whose last events were for many endpoints.
    pub(super) fn caught_up(&mut self, has_room: impl Fn(i64) -> bool) -> Vec<i64> {
        let caught = self.0.iter().filter(|(number, account)| {
            let has_nothing = account.first.is_none() && account.unscanned.is_none();
            has_nothing && account.targets < TARGETS_MANY && has_room(**number)
        });
        let accounts: Vec<i64> = caught.map(|(number, _)| *number).collect();
        for account in &accounts {
            self.0.remove(account);
        }
        accounts
    }
}

fn lower(first: &mut Option<i64>, position: i64) {
    *first = Some(first.map_or(position, |first| first.min(position)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(account: i64, position: i64) -> EventKey {
        EventKey { account, position }
    }

    #[test]
    fn what_a_scan_has_passed_over_is_read_once_it_has_come_to_its_end() {
        let mut behind = Behind::default();
        behind.pass(event(1, 7));
        behind.pass_unscanned(event(1, 5));
        assert_eq!(behind.ready(9, |_| true), [event(1, 7)], "a read leaves buckets out that aren't scanned");
        behind.is_read(1);
        behind.was_read(1, None);
        assert!(behind.caught_up(|_| true).is_empty(), "the fifth is still to come");
        behind.scanned();
        assert_eq!(behind.ready(9, |_| true), [event(1, 5)]);
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
        behind.is_read(1);
        behind.was_read(1, Some(5));
        assert_eq!(behind.ready(9, |account| account == 1), [event(1, 5)]);
        behind.is_read(1);
        behind.pass(event(1, 8));
        behind.was_read(1, None);
        assert_eq!(behind.ready(9, |account| account == 1), [event(1, 8)], "the read didn't bring it");
        behind.is_read(1);
        behind.was_read(1, None);
        assert!(behind.caught_up(|_| false).is_empty());
        assert_eq!(behind.caught_up(|_| true), [1]);
        assert!(!behind.has(1) && behind.has(2));
        behind.was_read(1, Some(9));
        assert!(!behind.has(1));
        behind.goes_to(2, TARGETS_MANY);
        behind.was_read(2, None);
        behind.goes_to(2, TARGETS_MANY);
        assert!(behind.caught_up(|_| true).is_empty(), "its events are for many");
        behind.was_read(2, None);
        behind.goes_to(2, 7);
        behind.goes_to(2, 3);
        assert_eq!((behind.targets(2), behind.targets(1)), (7, 1));
    }
}
