//! The bounds of the work that is taken on: a rate for each key, and of everything else a bound for the
//! process with a share of the account beneath it (`shares.rs`).
//!
//! Requests past a bound are refused cheaply, so that those that were taken on are answered nearly as fast as
//! ever. A refusal keeps its client waiting for a moment: clients that come back at once would have the
//! machine refuse instead of work.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::http::error::ApiError;
use crate::http::server::Peer;
use crate::shares::{Full, Place, Shares};

/// Keys that are remembered before those that are idle are forgotten.
const KEYS_MAX: usize = 10_000;

/// Requests a second of each key, or any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(Option<NonZeroU32>);

impl RateLimit {
    /// No limit.
    pub const OFF: Self = Self(None);
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::OFF);
        }
        let rate = text.parse().map_err(|_| "expected requests a second, 1 or more, or `off`".to_owned())?;
        Ok(Self(Some(rate)))
    }
}

/// The delay before a client is told that it is refused.
const REFUSAL_PAUSE: Duration = Duration::from_millis(100);
/// The most refusals that are delayed; the others are told at once.
const REFUSED_MAX: usize = 1_024;
/// Look-ups of keys that wait for the database.
const LOOKUPS_MAX: usize = 256;
/// The wait for a place among them.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(1);
/// Requests whose bodies are arriving, and the bytes of those bodies.
const ARRIVING_MAX: usize = 1_024;
const ARRIVING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The bytes of answers that are made or wait to be written, and those that a request counts for before
/// its answer is known: a page, or an object.
const ANSWER_BYTES_MAX: usize = 96 * 1024 * 1024;
const PAGE_BYTES: usize = 1024 * 1024;
const OBJECT_BYTES: usize = 128 * 1024;
/// The wait for room for an answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// Streams of events.
const STREAMS_MAX: usize = 256;

/// The party that asks: the holder of a share of look-ups, and of refusals that are delayed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    /// The account of a key that opened it a moment ago.
    Account(i64),
    /// The sender of a key that nothing is known of.
    Peer(Peer),
}

/// The load of a process: the rates of keys, and the shares of everything that is bounded.
#[derive(Debug, Clone)]
pub struct Load {
    rates: Option<Arc<RateLimiter<i64, DashMapStateStore<i64>, DefaultClock>>>,
    requests: Shares<i64>,
    refused: Shares<Asker>,
    lookups: Shares<Asker>,
    arriving: Shares<i64>,
    arriving_bytes: Shares<i64>,
    answer_bytes: Shares<i64>,
    streams: Shares<i64>,
}

/// A body that is arriving: a place, and one for each of its bytes.
#[derive(Debug)]
pub(crate) struct Arriving {
    _place: Place<i64>,
    bytes: Place<i64>,
}

impl Arriving {
    /// So many bytes more have come.
    pub(crate) fn came(&mut self, count: usize) -> Result<(), ApiError> {
        self.bytes.grow(count).map_err(|full| refusal(full, "bytes of requests"))
    }
}

/// The refusal of an account, or of anybody.
pub(crate) fn refusal(full: Full, what: &'static str) -> ApiError {
    match full {
        Full::Share => ApiError::TooManyAtOnce(what),
        Full::All => ApiError::Overloaded,
    }
}

impl Load {
    /// So many requests a second of each key, as many again at once after a pause, and so many at the
    /// same time of all.
    #[must_use]
    pub fn new(rate: RateLimit, requests_max: usize) -> Self {
        Self {
            rates: rate.0.map(|rate| Arc::new(RateLimiter::dashmap(Quota::per_second(rate)))),
            requests: Shares::new(requests_max, 3),
            refused: Shares::new(REFUSED_MAX, 1),
            lookups: Shares::new(LOOKUPS_MAX, 1),
            arriving: Shares::new(ARRIVING_MAX, 1),
            arriving_bytes: Shares::new(ARRIVING_BYTES_MAX, 1),
            answer_bytes: Shares::new(ANSWER_BYTES_MAX, 1),
            streams: Shares::new(STREAMS_MAX, 1),
        }
    }

    /// A place among the requests that are under way, until it is dropped.
    pub(crate) async fn enter(&self, account: i64) -> Result<Place<i64>, ApiError> {
        match self.requests.try_enter(&account, 1) {
            Ok(place) => Ok(place),
            Err(full) => Err(self.refuse(Asker::Account(account), full, "requests").await),
        }
    }

    /// A place among the requests that wait for a key to be looked up.
    pub(crate) async fn look_up(&self, asker: Asker) -> Result<Place<Asker>, ApiError> {
        // Of many at once that bring the same key the first ones ask, and the others believe them.
        let place = self.lookups.enter(&asker, 1, LOOKUP_PATIENCE, LOOKUP_PATIENCE).await;
        place.map_err(|_| ApiError::Overloaded)
    }

    /// A refusal, after a moment.
    async fn refuse(&self, asker: Asker, full: Full, what: &'static str) -> ApiError {
        if let Ok(_waits) = self.refused.try_enter(&asker, 1) {
            tokio::time::sleep(REFUSAL_PAUSE).await;
        }
        refusal(full, what)
    }

    /// A place for a body to arrive in.
    pub(crate) fn arriving(&self, account: i64) -> Result<Arriving, ApiError> {
        let place = |shares: &Shares<i64>, count| {
            shares.try_enter(&account, count).map_err(|full| refusal(full, "requests"))
        };
        Ok(Arriving { _place: place(&self.arriving, 1)?, bytes: place(&self.arriving_bytes, 0)? })
    }

    /// Room for an answer. Reads of one account wait for a moment for the answers before them to be read.
    pub(crate) async fn room(&self, account: i64, method: &Method) -> Result<Place<i64>, ApiError> {
        let bytes = if *method == Method::GET { PAGE_BYTES } else { OBJECT_BYTES };
        let room = self.answer_bytes.enter(&account, bytes, ANSWER_PATIENCE, ANSWER_PATIENCE).await;
        room.map_err(|full| refusal(full, "answers that wait to be read"))
    }

    /// Room for a page, which takes as much as it needs once it is made. Refused while the account's
    /// answers fill its share.
    pub(crate) fn page_room(&self, account: i64) -> Result<Place<i64>, ApiError> {
        let room = self.answer_bytes.try_enter(&account, 0);
        room.map_err(|full| refusal(full, "answers that wait to be read"))
    }

    /// A place among the streams, until it is dropped.
    pub(crate) fn stream(&self, account: i64) -> Result<Place<i64>, ApiError> {
        self.streams.try_enter(&account, 1).map_err(|_| ApiError::TooManyAtOnce("streams"))
    }

    /// Counts a request of a key.
    pub(crate) fn count(&self, key: i64) -> Result<(), ApiError> {
        let Some(rates) = &self.rates else { return Ok(()) };
        if rates.len() > KEYS_MAX {
            rates.retain_recent();
        }
        rates.check_key(&key).map_err(|_| ApiError::TooManyRequests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_or_off() {
        assert_eq!("off".parse(), Ok(RateLimit::OFF));
        assert_eq!("5".parse(), Ok(RateLimit(NonZeroU32::new(5))));
        for wrong in ["0", "-1", "", "many"] {
            assert!(wrong.parse::<RateLimit>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn one_key_over_its_rate_costs_no_other() {
        let load = Load::new(RateLimit(NonZeroU32::new(3)), 2);
        let taken = |key| (0..10).filter(|_| load.count(key).is_ok()).count();
        assert_eq!((taken(1), taken(2)), (3, 3));
    }

    #[tokio::test]
    async fn one_account_leaves_places_of_every_kind() {
        let load = Load::new(RateLimit::OFF, 8);
        let mut places = Vec::new();
        while let Ok(place) = load.enter(1).await {
            places.push(place);
        }
        assert_eq!(places.len(), 6);
        assert!(matches!(load.enter(1).await, Err(ApiError::TooManyAtOnce("requests"))));
        assert!(load.enter(2).await.is_ok());
        let streams: Vec<_> = std::iter::from_fn(|| load.stream(1).ok()).collect();
        assert_eq!((streams.len(), load.stream(2).is_ok()), (STREAMS_MAX / 2, true));
        let bodies: Vec<_> = std::iter::from_fn(|| load.arriving(1).ok()).collect();
        assert_eq!((bodies.len(), load.arriving(2).is_ok()), (ARRIVING_MAX / 2, true));
        drop(bodies);
        let mut body = load.arriving(1).expect("a place");
        assert!(body.came(ARRIVING_BYTES_MAX / 2).is_ok() && body.came(1).is_err());
        assert!(load.arriving(2).expect("a place").came(ARRIVING_BYTES_MAX / 4).is_ok());
    }
}
