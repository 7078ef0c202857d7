//! Room for requests in flight, shared out by account.
//!
//! There are two rooms: one for endpoints that answer, and one for those that are unknown or let nothing
//! land. In each an account may hold as many places as a multiple of the free ones (the dynamic threshold
//! of switches that share a buffer: Choudhury and Hahne, 1998). One account alone gets most of a room,
//! several get equal parts, and a newcomer finds a place. Within an account the requests to one host are
//! bounded, too.

use std::collections::HashMap;
use std::sync::Arc;

/// The room that a request in flight counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Room {
    /// Its endpoint answers.
    Proven,
    /// Its endpoint hasn't answered yet, or lets nothing land.
    Probation,
}

impl Room {
    /// Both, in the order in which they are served.
    pub(super) const BOTH: [Self; 2] = [Self::Proven, Self::Probation];

    /// An account may hold this many times the free places.
    const fn factor(self) -> usize {
        match self {
            Self::Proven => 3,
            Self::Probation => 1,
        }
    }
}

/// One value for each room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Each<T> {
    proven: T,
    probation: T,
}

impl<T> Each<T> {
    pub(super) const fn of(&self, room: Room) -> &T {
        match room {
            Room::Proven => &self.proven,
            Room::Probation => &self.probation,
        }
    }

    pub(super) const fn of_mut(&mut self, room: Room) -> &mut T {
        match room {
            Room::Proven => &mut self.proven,
            Room::Probation => &mut self.probation,
        }
    }
}

/// The host of an account's endpoints, with its port.
pub(super) type Host = (i64, Arc<str>);

/// The requests in flight by room, account and host. First attempts and retries share it.
#[derive(Debug)]
pub(crate) struct Rooms {
    max: Each<usize>,
    taken: Each<usize>,
    accounts: HashMap<(Room, i64), usize>,
    host_max: usize,
    hosts: HashMap<Host, usize>,
}

impl Rooms {
    /// `max`: requests in flight to endpoints that answer; half as many again to the others. `host_max`: of
    /// one account to one host.
    pub(crate) fn new(max: usize, host_max: usize) -> Self {
        Self {
            max: Each { proven: max, probation: Self::most(max) - max },
            taken: Each::default(),
            accounts: HashMap::new(),
            host_max,
            hosts: HashMap::new(),
        }
    }

    /// The most requests in both rooms, if `max` may be in flight to endpoints that answer.
    pub(crate) const fn most(max: usize) -> usize {
        max + (max * 3).div_ceil(2)
    }

    /// The most requests in a room.
    pub(super) const fn max(&self, room: Room) -> usize {
        *self.max.of(room)
    }

    /// True if another request of that account may go.
    pub(super) fn has_place(&self, room: Room, account: i64) -> bool {
        let free = self.max(room).saturating_sub(*self.taken.of(room));
        let own = self.accounts.get(&(room, account)).copied().unwrap_or_default();
        own < free.saturating_mul(room.factor())
    }

    /// Notes the change in the number of an account's requests in a room.
    pub(super) fn changed(&mut self, room: Room, account: i64, before: usize, after: usize) {
        if before == after {
            return;
        }
        let taken = self.taken.of_mut(room);
        *taken = (*taken + after).saturating_sub(before);
        let own = self.accounts.entry((room, account)).or_default();
        *own = (*own + after).saturating_sub(before);
        if *own == 0 {
            self.accounts.remove(&(room, account));
        }
    }

    /// The requests that may still go to a host.
    pub(super) fn free_at(&self, host: &Host) -> usize {
        self.host_max.saturating_sub(self.hosts.get(host).copied().unwrap_or_default())
    }

    pub(super) fn sent_to(&mut self, host: &Host) {
        *self.hosts.entry(host.clone()).or_default() += 1;
    }

    pub(super) fn landed_from(&mut self, host: &Host) {
        if let Some(sent) = self.hosts.get_mut(host) {
            *sent = sent.saturating_sub(1);
            if *sent == 0 {
                self.hosts.remove(host);
            }
        }
    }
}

/// The host and port of a URL, as it is written.
pub(super) fn host_of(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    authority.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes places for these accounts in turn until none of them gets another. Returns the number of each.
    fn fill(rooms: &mut Rooms, room: Room, accounts: &[i64]) -> Vec<usize> {
        let mut held = vec![0; accounts.len()];
        loop {
            let before = held.clone();
            for (held, account) in held.iter_mut().zip(accounts) {
                if rooms.has_place(room, *account) {
                    rooms.changed(room, *account, *held, *held + 1);
                    *held += 1;
                }
            }
            if before == held {
                return held;
            }
        }
    }

    #[test]
    fn one_account_gets_most_of_a_room_and_a_newcomer_a_place() {
        let mut rooms = Rooms::new(256, 128);
        assert_eq!(fill(&mut rooms, Room::Proven, &[1]), [192]);
        assert_eq!(fill(&mut rooms, Room::Probation, &[1]), [192]);
        assert_eq!(fill(&mut rooms, Room::Proven, &[2]), [48]);
        assert_eq!(fill(&mut rooms, Room::Probation, &[2, 3]), [64, 64]);
        assert!(rooms.has_place(Room::Proven, 3) && rooms.has_place(Room::Probation, 4));
    }

    #[test]
    fn many_accounts_get_equal_parts_and_leave_some_free() {
        let mut rooms = Rooms::new(256, 128);
        let accounts: Vec<i64> = (1..=50).collect();
        let held = fill(&mut rooms, Room::Probation, &accounts);
        assert!(held.iter().all(|held| (7..=8).contains(held)), "{held:?}");
        assert!(rooms.has_place(Room::Probation, 51));
    }

    #[test]
    fn the_smallest_room_has_one_place() {
        let mut rooms = Rooms::new(1, 1);
        assert_eq!(fill(&mut rooms, Room::Proven, &[1, 2]), [1, 0]);
    }

    #[test]
    fn the_host_of_a_url_has_its_port() {
        for (url, host) in [
            ("https://a.example/x?y", "a.example"),
            ("http://a.example:81", "a.example:81"),
            ("http://[::1]:81?x", "[::1]:81"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }
}
