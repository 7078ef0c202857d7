//! Turns: accounts take them one after the other, and so do the endpoints of an account.

use std::collections::{HashMap, VecDeque};

use super::rooms::{Each, Room};

/// The accounts and endpoints that stand in line for a turn, in each room.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The ready endpoints of each account. One may stand here twice, or in vain.
    endpoints: HashMap<(Room, i64), VecDeque<String>>,
    /// Their accounts, each once: here, or among those that found no place.
    accounts: Each<VecDeque<i64>>,
    without_place: Each<Vec<i64>>,
}

impl Turns {
    /// Adds a ready endpoint.
    pub(super) fn join(&mut self, room: Room, account: i64, endpoint: &str) {
        let endpoints = self.endpoints.entry((room, account)).or_default();
        if endpoints.is_empty() {
            self.accounts.of_mut(room).push_back(account);
        }
        endpoints.push_back(endpoint.to_owned());
    }

    /// The next account and endpoint. An account without a place looks again later.
    pub(super) fn next(&mut self, room: Room, has_place: impl Fn(i64) -> bool) -> Option<(i64, String)> {
        loop {
            let account = self.accounts.of_mut(room).pop_front()?;
            if !has_place(account) {
                self.without_place.of_mut(room).push(account);
                continue;
            }
            let Some(endpoints) = self.endpoints.get_mut(&(room, account)) else { continue };
            let endpoint = endpoints.pop_front();
            if endpoints.is_empty() {
                self.endpoints.remove(&(room, account));
            } else {
                self.accounts.of_mut(room).push_back(account);
            }
            if let Some(endpoint) = endpoint {
                return Some((account, endpoint));
            }
        }
    }

    /// Puts the accounts that found no place in line again.
    pub(super) fn look_again(&mut self) {
        for room in Room::BOTH {
            let accounts = std::mem::take(self.without_place.of_mut(room));
            self.accounts.of_mut(room).extend(accounts);
        }
    }
}
