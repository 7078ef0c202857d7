//! The jobs in memory, by account. An account whose jobs wait for long is slow: it keeps few of them here,
//! so that the outbox is read on for the others.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// An account is slow once a job has waited for this long …
const SLOW: Duration = Duration::from_millis(250);
/// … until none of its jobs has waited for this long.
const QUICK: Duration = Duration::from_millis(50);
/// The most jobs of a slow account, and the fewest that each may have.
const SLOW_QUEUE: (usize, usize) = (64, 4);
/// The most jobs of an account that can't go, if there is room.
const BLOCKED_MAX: usize = 256;
/// A slow account has this part of the free places in the queue. Of jobs that can't go each may have twice
/// that.
const PART: usize = 8;
/// The most jobs in memory.
const QUEUED_MAX: usize = 2_048;
/// The bytes of their bodies beyond which no more is read.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// The bytes that a slow account may have.
const SLOW_BYTES: usize = BYTES_MAX / PART;

/// Jobs that wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) queued: usize,
    /// Those of them that wait for their endpoint, or are on probation.
    pub(super) blocked: usize,
    /// The bytes of their bodies.
    pub(super) bytes: usize,
}

#[derive(Debug, Default)]
struct Tenant {
    waiting: Waiting,
    is_slow: bool,
    is_behind: bool,
}

impl Tenant {
    const fn runnable(&self) -> usize {
        let is_passed = self.is_slow || self.is_behind;
        if is_passed { 0 } else { self.waiting.queued.saturating_sub(self.waiting.blocked) }
    }
}

/// All accounts that have a job queued.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    accounts: HashMap<i64, Tenant>,
    queued: usize,
    runnable: usize,
    bytes: usize,
}

impl Tenants {
    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    pub(super) const fn runnable(&self) -> usize {
        self.runnable
    }

    pub(super) const fn have_room(&self) -> bool {
        self.queued < QUEUED_MAX && self.bytes < BYTES_MAX
    }

    /// The jobs that a slow account may have queued now.
    fn share(&self) -> usize {
        let (most, fewest) = SLOW_QUEUE;
        (QUEUED_MAX.saturating_sub(self.queued) / PART).clamp(fewest, most)
    }

    fn is_full(&self, account: i64) -> bool {
        let share = self.share();
        let is_full = |waiting: Waiting| waiting.queued >= share || waiting.bytes >= SLOW_BYTES;
        self.accounts.get(&account).is_some_and(|tenant| tenant.is_slow && is_full(tenant.waiting))
    }

    pub(super) fn is_crowded(&self, account: i64) -> bool {
        let share = (QUEUED_MAX.saturating_sub(self.queued) * 2 / PART).clamp(SLOW_QUEUE.1, BLOCKED_MAX);
        let is_crowded =
            |waiting: Waiting| waiting.blocked >= share || waiting.blocked > 0 && waiting.bytes >= SLOW_BYTES;
        self.accounts.get(&account).is_some_and(|tenant| is_crowded(tenant.waiting))
    }

    pub(super) fn queued_by(&self, account: i64) -> usize {
        self.accounts.get(&account).map_or(0, |tenant| tenant.waiting.queued)
    }

    pub(super) fn busiest(&self, jobs: usize) -> Vec<i64> {
        let busy = self.accounts.iter().filter(|(_, tenant)| tenant.runnable() >= jobs);
        busy.map(|(account, _)| *account).collect()
    }

    pub(super) fn set_behind(&mut self, account: i64, is_behind: bool) {
        self.change(account, |tenant| tenant.is_behind = is_behind);
    }

    pub(super) fn full(&self) -> Vec<i64> {
        self.accounts.keys().copied().filter(|account| self.is_full(*account)).collect()
    }

    /// Changes an account and updates the counts.
    fn change(&mut self, account: i64, change: impl FnOnce(&mut Tenant)) {
        let tenant = self.accounts.entry(account).or_default();
        let (before, runnable) = (tenant.waiting, tenant.runnable());
        change(tenant);
        self.queued = (self.queued + tenant.waiting.queued).saturating_sub(before.queued);
        self.bytes = (self.bytes + tenant.waiting.bytes).saturating_sub(before.bytes);
        self.runnable = (self.runnable + tenant.runnable()).saturating_sub(runnable);
        if tenant.waiting.queued == 0 && !tenant.is_slow && !tenant.is_behind {
            self.accounts.remove(&account);
        }
    }

    /// Notes the change in the waiting jobs of one endpoint of the account.
    pub(super) fn changed(&mut self, account: i64, before: Waiting, after: Waiting) {
        if before == after {
            return;
        }
        self.change(account, |tenant| {
            let Waiting { queued, blocked, bytes } = &mut tenant.waiting;
            *bytes = (*bytes + after.bytes).saturating_sub(before.bytes);
            *queued = (*queued + after.queued).saturating_sub(before.queued);
            *blocked = (*blocked + after.blocked).saturating_sub(before.blocked);
        });
    }

    /// Finds the slow accounts, by the first jobs of all endpoints.
    pub(super) fn judge(&mut self, heads: impl Iterator<Item = (i64, Instant)>, now: Instant) {
        let mut longest: HashMap<i64, Duration> = HashMap::new();
        for (account, since) in heads {
            let waits = longest.entry(account).or_default();
            *waits = (*waits).max(now.saturating_duration_since(since));
        }
        let accounts: Vec<i64> = self.accounts.keys().copied().collect();
        for account in accounts {
            let waits = longest.get(&account).copied().unwrap_or_default();
            self.change(account, |tenant| {
                tenant.is_slow = waits >= SLOW || tenant.is_slow && waits >= QUICK;
            });
        }
    }
}
