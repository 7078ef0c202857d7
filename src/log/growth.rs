//! The budget of stored bytes of each account: the bytes that its events and stored answers add to the
//! database in a second. A request over it is refused before anything is stored. Requests are counted
//! elsewhere, and by key (`http/request/admission.rs`): one of a few bytes may store a whole object.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::idempotency::Answer;
use super::{AppendError, Cause};
use crate::domain::Fact;

/// The number of accounts beyond which those that are idle are forgotten.
const ACCOUNTS_MAX: usize = 10_000;
/// The seconds whose budget may be stored at once after a pause.
const BURST_SECONDS: u32 = 16;
/// The unit of the counts, in bytes.
const UNIT: u64 = 1024;
/// The largest budget, in bytes a second.
const LIMIT_MAX: u64 = 1 << 30;

/// The bytes a second that each account may store, or any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrowthLimit(Option<NonZeroU32>);

impl GrowthLimit {
    /// No limit.
    pub const OFF: Self = Self(None);
}

impl FromStr for GrowthLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::OFF);
        }
        let bytes: Option<u64> = text.parse().ok().filter(|bytes| (UNIT..=LIMIT_MAX).contains(bytes));
        let units = bytes.and_then(|bytes| u32::try_from(bytes / UNIT).ok()).and_then(NonZeroU32::new);
        let expected = || format!("expected bytes a second, {UNIT} to {LIMIT_MAX}, or `off`");
        Ok(Self(Some(units.ok_or_else(expected)?)))
    }
}

/// The bytes that accounts have stored of late.
#[derive(Debug, Clone)]
pub(super) struct Growth(Option<Arc<Accounts>>);

#[derive(Debug)]
struct Accounts {
    stored: RateLimiter<i64, DashMapStateStore<i64>, DefaultClock>,
    burst: NonZeroU32,
}

impl Growth {
    pub(super) fn new(limit: GrowthLimit) -> Self {
        let accounts = |units: NonZeroU32| {
            let burst = units.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
            let stored = RateLimiter::dashmap(Quota::per_second(units).allow_burst(burst));
            Arc::new(Accounts { stored, burst })
        };
        Self(limit.0.map(accounts))
    }

    /// Counts events, and the answer that is stored with them.
    pub(super) fn count_events(
        &self,
        cause: &Cause,
        facts: &[Fact],
        answer: Option<&Answer>,
    ) -> Result<(), AppendError> {
        let bytes = |fact: &Fact| {
            let besides = [&fact.previous, &fact.internal].into_iter().flatten();
            fact.data.len() + besides.map(String::len).sum::<usize>()
        };
        let events: usize = facts.iter().map(bytes).sum();
        self.count(cause.account, events + answer_bytes(cause, answer))
    }

    /// Counts the answer that is stored where nothing changed.
    pub(super) fn count_answer(&self, cause: &Cause, answer: Option<&Answer>) -> Result<(), AppendError> {
        if !cause.stores_answer() {
            return Ok(());
        }
        self.count(cause.account, answer_bytes(cause, answer))
    }

    fn count(&self, account: i64, bytes: usize) -> Result<(), AppendError> {
        let Some(accounts) = &self.0 else { return Ok(()) };
        if accounts.stored.len() > ACCOUNTS_MAX {
            accounts.stored.retain_recent();
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        // A row is stored in any case. One larger than all that may be stored at once takes all of it.
        let units = NonZeroU32::new(units).unwrap_or(NonZeroU32::MIN).min(accounts.burst);
        match accounts.stored.check_key_n(&account, units) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(AppendError::TooMuch),
        }
    }
}

/// The bytes of an answer that is stored for a key.
fn answer_bytes(cause: &Cause, answer: Option<&Answer>) -> usize {
    answer.filter(|_| cause.stores_answer()).map_or(0, |answer| answer.columns().0.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::EventType;
    use crate::log::idempotency::Fingerprint;

    fn keyed(account: i64) -> Cause {
        let fingerprint = Fingerprint { path: [0; 16], parameters: [0; 16] };
        let idempotency_key = Some("k".to_owned());
        Cause { idempotency_key, fingerprint: Some(fingerprint), ..Cause::service(account) }
    }

    fn event(bytes: usize) -> Fact {
        Fact {
            stream: "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(),
            version: 1,
            event_type: EventType::CustomerCreated,
            data: "x".repeat(bytes),
            previous: None,
            internal: None,
            deletes: false,
        }
    }

    #[test]
    fn a_budget_is_bytes_or_off() {
        assert_eq!("off".parse(), Ok(GrowthLimit::OFF));
        assert_eq!("4194304".parse(), Ok(GrowthLimit(NonZeroU32::new(4096))));
        for wrong in ["0", "1023", "-1", "", "4MiB", "1073741825"] {
            assert!(wrong.parse::<GrowthLimit>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_account_over_its_budget_costs_no_other() {
        let growth = Growth::new("1024".parse().expect("a budget"));
        let taken = |account| {
            let taken = |_: &i32| growth.count_events(&keyed(account), &[event(2048)], None).is_ok();
            (0..20).filter(taken).count()
        };
        assert_eq!((taken(1), taken(2)), (8, 8), "16 KiB at once");
    }

    #[test]
    fn what_stores_little_costs_little() {
        let growth = Growth::new("1024".parse().expect("a budget"));
        let unkeyed = Cause::service(1);
        assert!((0..100).all(|_| growth.count_answer(&unkeyed, None).is_ok()), "nothing is stored");
        let answers = (0..100).filter(|_| growth.count_answer(&keyed(1), None).is_ok()).count();
        assert_eq!(answers, 16, "a row each");
        let long = Answer::Plain("x".repeat(8 * 1024));
        let long = |_: &i32| growth.count_answer(&keyed(2), Some(&long)).is_ok();
        assert_eq!((0..100).filter(long).count(), 2, "what it stores");
    }

    #[test]
    fn the_largest_event_has_its_turn_under_the_smallest_budget() {
        let growth = Growth::new("1024".parse().expect("a budget"));
        assert!(growth.count_events(&keyed(1), &[event(1024 * 1024)], None).is_ok());
        assert!(growth.count_events(&keyed(1), &[event(1)], None).is_err());
        let any = Growth::new(GrowthLimit::OFF);
        assert!((0..100).all(|_| any.count_events(&keyed(1), &[event(1024 * 1024)], None).is_ok()));
    }
}
