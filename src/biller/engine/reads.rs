//! The reads of the loop's session: buckets, adoption, and due objects.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::super::metrics::number;
use super::Engine;
use crate::database::DatabaseError;
use crate::due::{Ask, Session};
use crate::shares::Full;

/// The time between two reads of due objects, where nothing asks for one earlier.
const POLL: Duration = Duration::from_secs(1);
/// The rows of a read.
const PAGE: usize = 256;
/// The most reads in a row. Each passes over the accounts whose lines the one before has filled.
const READS_MAX: usize = 8;
impl<S> Engine<S> {
    /// Adapts to the number of billers: lets buckets over the fair share go, takes missing ones.
    pub(super) async fn share(&mut self, session: &Session, now: Instant) -> Result<(), DatabaseError> {
        let (leaving, wanted) = self.ownership.adapt(session.billers().await?, now);
        if !leaving.is_empty() {
            let ownership = &self.ownership;
            self.turns.keep(|bucket| ownership.owns(bucket));
        }
        let flying: BTreeSet<i16> = self.flying.values().copied().collect();
        let released = self.ownership.let_go(now, |bucket| flying.contains(&bucket));
        if !released.is_empty() {
            session.release_buckets(&released).await?;
            self.ownership.released(&released);
        }
        if wanted > 0 {
            let taken = session.take_buckets(wanted).await?;
            if !taken.is_empty() {
                self.ownership.took(&taken);
                self.next_read = now;
            }
        }
        self.runaways.tidy(now);
        self.rests.tidy(now);
        self.unknown.retain(|_, again| now < *again);
        Ok(())
    }

    /// Live mode is billed in the database that was adopted, and nowhere else.
    pub(super) async fn look_whether_adopted(&mut self, session: &Session) -> Result<(), DatabaseError> {
        self.is_adopted = session.is_adopted().await?;
        let held_back = if self.is_adopted { 0 } else { session.held_back().await? };
        self.metrics.held_back.set(held_back);
        if held_back > 0 && !self.is_held_back_told {
            self.is_held_back_told = true;
            tracing::warn!(
                objects = held_back,
                "live mode is due and isn't touched, because this database isn't adopted; if it is the one \
                 that bills, run `calmony biller adopt`"
            );
        }
        Ok(())
    }

    /// Reads due objects into the lines, until they are full or all has been read. A read of more
    /// between two polls takes the next ones and looks no further: accounts behind one with many objects
    /// have their turn with the next poll.
    pub(super) async fn read(&mut self, session: &Session, now: Instant) -> Result<(), DatabaseError> {
        (self.next_read, self.has_more) = (now + POLL, false);
        let mut ask = Ask {
            buckets: self.ownership.own(),
            rows: number(PAGE),
            but_accounts: Vec::new(),
            but_objects: self.objects_to_pass_over(now),
            but_kinds: self.unknown.keys().cloned().collect(),
            live: self.is_adopted,
        };
        if ask.buckets.is_empty() {
            return Ok(());
        }
        let mut reads = 1;
        if now >= self.next_full_read {
            (reads, self.next_full_read) = (READS_MAX, now + POLL);
        }
        let mut full = BTreeSet::new();
        for _ in 0..reads {
            let page = session.due(&ask).await?;
            let is_last = page.len() < PAGE;
            for found in page {
                let (account, id) = (found.due.account, found.due.id.clone());
                match self.turns.add(found) {
                    Ok(()) => ask.but_objects.push(id),
                    Err(Full::Share) => {
                        full.insert(account);
                    }
                    Err(Full::All) => {
                        self.has_more = true;
                        return Ok(());
                    }
                }
            }
            if is_last {
                self.has_more = !full.is_empty();
                return Ok(());
            }
            ask.but_accounts = full.iter().copied().collect();
        }
        self.has_more = true;
        Ok(())
    }

    /// The objects that wait, whose step is under way, that rest, and that were stopped.
    pub(super) fn objects_to_pass_over(&self, now: Instant) -> Vec<String> {
        let held = self.turns.ids().chain(self.flying.keys());
        held.chain(self.rests.resting(now)).chain(self.runaways.stopped()).cloned().collect()
    }
}
