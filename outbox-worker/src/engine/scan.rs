//! The scan of the outbox from its head.

use std::collections::BTreeSet;

/// The scan of the worker's own buckets from the head of the outbox: for events that another worker has
/// left in them, and for those that the cursor and the gaps have missed.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The position that it has reached; `None` if no scan is on.
    at: Option<i64>,
    /// The buckets that were there when it began.
    covers: Vec<i16>,
    /// Buckets that were taken and not scanned since. Their new events wait, because those that another
    /// worker has left there come first.
    pub(super) unscanned: BTreeSet<i16>,
    /// It has to begin again: it is time, or buckets have come while it was on.
    pub(super) again: bool,
    /// The last read was one of it.
    was_last: bool,
}

impl Scan {
    /// The position to scan from; `None` if it isn't the scan's turn. The scan takes turns with reads after
    /// the cursor.
    pub(super) fn turn(&mut self, own: &[i16], others_wait: bool) -> Option<i64> {
        if self.at.is_none() && std::mem::take(&mut self.again) {
            self.at = Some(0);
            self.covers = own.to_vec();
        }
        let from = self.at.filter(|_| !(others_wait && self.was_last));
        self.was_last = from.is_some();
        from
    }

    /// These buckets were taken.
    pub(super) fn took(&mut self, buckets: &[i16]) {
        self.unscanned.extend(buckets);
        self.covers.retain(|bucket| !buckets.contains(bucket));
        self.again = true;
    }

    /// It has come so far, or to its end.
    pub(super) fn reached(&mut self, at: Option<i64>) {
        self.at = at;
        if at.is_none() {
            for bucket in self.covers.drain(..) {
                self.unscanned.remove(&bucket);
            }
        }
    }
}
