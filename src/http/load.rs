//! How much is taken on: a rate for each key, and a number of requests at once for the process. What is over is refused cheaply, so that
//! what was taken on is answered nearly as fast as ever: a refusal keeps its client waiting for a moment, or those who come back
//! at once would have the machine refuse instead of work (docs/BENCHMARKS.md).

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;

/// Keys that are remembered before those that are idle are forgotten.
const KEYS_MAX: usize = 10_000;

/// Requests a second of each key, or any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(Option<NonZeroU32>);

impl RateLimit {
    /// None.
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

/// How long a client that is refused waits to be told.
const REFUSAL_PAUSE: Duration = Duration::from_millis(100);
/// How many wait for that; the others are told at once.
const REFUSED_MAX: usize = 1_024;

/// What is taken on.
#[derive(Debug, Clone)]
pub struct Load {
    rates: Option<Arc<RateLimiter<i64, DashMapStateStore<i64>, DefaultClock>>>,
    places: Arc<Semaphore>,
    refused: Arc<Semaphore>,
}

impl Load {
    /// So many requests a second of each key, as many again at once after a pause, and so many at the same time of all.
    #[must_use]
    pub fn new(rate: RateLimit, requests_max: usize) -> Self {
        let rates = rate.0.map(|rate| Arc::new(RateLimiter::dashmap(Quota::per_second(rate))));
        let (places, refused) = (Semaphore::new(requests_max), Semaphore::new(REFUSED_MAX));
        Self { rates, places: Arc::new(places), refused: Arc::new(refused) }
    }

    /// A place among the requests that are under way, until it is dropped.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        if let Ok(_waits) = self.refused.try_acquire() {
            tokio::time::sleep(REFUSAL_PAUSE).await;
        }
        Err(ApiError::Overloaded)
    }

    /// Counts a request of a key.
    pub(super) fn count(&self, key: i64) -> Result<(), ApiError> {
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
        let (_one, two) = (load.enter().await.expect("a place"), load.enter().await.expect("a place"));
        assert!(load.enter().await.is_err());
        drop(two);
        assert!(load.enter().await.is_ok());
    }
}
