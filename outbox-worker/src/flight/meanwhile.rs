//! The writes that were made while reads were under way. Reads and writes run on connections of their
//! own. So a read that began before a write may be over after it, and shows the state before it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use calmony_pay::outbox::{DeliveryKey, EventKey};

/// The change that a write has made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Written {
    /// The event is no longer in the outbox.
    Event(EventKey),
    /// The delivery has another row, or none.
    Delivery(DeliveryKey),
    /// The endpoint's line for that object has a row more.
    Line(String, Arc<str>),
}

/// The reads that are under way, and the writes that were made meanwhile.
#[derive(Debug, Default)]
pub(super) struct Meanwhile {
    last_read: u64,
    under_way: BTreeSet<u64>,
    /// Each with the last read that may have begun before.
    last_before: HashMap<Written, u64>,
    in_turn: VecDeque<(Written, u64)>,
}

impl Meanwhile {
    /// A read begins. Returns its number.
    pub(super) fn begin_read(&mut self) -> u64 {
        self.last_read += 1;
        self.under_way.insert(self.last_read);
        self.last_read
    }

    /// It is over, and its result is taken in.
    pub(super) fn end_read(&mut self, number: u64) {
        self.under_way.remove(&number);
        let first = self.under_way.first().copied().unwrap_or(u64::MAX);
        let over = self.in_turn.partition_point(|(_, last)| *last < first);
        for (written, last) in self.in_turn.drain(..over) {
            // It may have been written again.
            if self.last_before.get(&written) == Some(&last) {
                self.last_before.remove(&written);
            }
        }
    }

    /// This was written just now.
    pub(super) fn note(&mut self, written: Written) {
        if !self.under_way.is_empty() {
            self.last_before.insert(written.clone(), self.last_read);
            self.in_turn.push_back((written, self.last_read));
        }
    }

    /// True if this was written after the read of that number may have begun.
    pub(super) fn has(&self, number: u64, written: &Written) -> bool {
        self.last_before.get(written).is_some_and(|last| number <= *last)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.last_before.is_empty() && self.in_turn.is_empty()
    }
}
