//! Name look-ups, in bounded numbers: of the process, and of each account. A look-up can't be cancelled and
//! holds a thread until it has ended; a name server that never answers must not take the threads that the
//! database's own name is looked up with.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::error::ApiError;
use crate::domain::{ParameterError, Problem};

/// The most look-ups at once of a process: few of the 512 threads that there may be.
const LOOKUPS_MAX: usize = 32;
/// The most of one account.
const OF_ACCOUNT_MAX: usize = 4;
/// The longest time of a look-up, and of its wait for a turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// Look-ups that are under way.
#[derive(Debug, Clone)]
pub(crate) struct Lookups {
    turns: Arc<Semaphore>,
    shares: Shares,
    patience: Duration,
}

impl Default for Lookups {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(LOOKUPS_MAX)), shares: Shares::default(), patience: PATIENCE }
    }
}

impl Lookups {
    /// The addresses that a look-up of an account finds; `None` where nobody knows the name.
    pub(super) async fn run<F>(&self, account: i64, lookup: F) -> Result<Option<Vec<IpAddr>>, ApiError>
    where
        F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        let share = self.shares.enter(account).ok_or(ApiError::TooManyLookups)?;
        let turn = timeout(self.patience, self.turns.clone().acquire_owned());
        let Ok(Ok(turn)) = turn.await else { return Err(ApiError::Overloaded) };
        // A task of its own keeps the turn until the look-up has ended, even if nobody waits for it any more.
        let lookup = tokio::spawn(async move {
            let found = lookup.await;
            drop((turn, share));
            found
        });
        match timeout(self.patience, lookup).await {
            Ok(Ok(Ok(found))) => Ok(Some(found)),
            Ok(_) => Ok(None),
            Err(_) => {
                let problem = Problem::NotAUrl("its host's name can't be looked up within 2 seconds");
                Err(ParameterError::new("url", problem).into())
            }
        }
    }
}

/// The number of look-ups that each account has under way.
#[derive(Debug, Clone, Default)]
struct Shares(Arc<Mutex<HashMap<i64, usize>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
struct Share {
    shares: Shares,
    account: i64,
}

impl Shares {
    /// Another one of an account; `None` where it has as many as it may have.
    fn enter(&self, account: i64) -> Option<Share> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(account).or_default();
        if *count >= OF_ACCOUNT_MAX {
            return None;
        }
        *count += 1;
        Some(Share { shares: self.clone(), account })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = counts.get(&self.account).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            counts.remove(&self.account);
        } else {
            counts.insert(self.account, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    fn lookups(turns: usize) -> Lookups {
        let patience = Duration::from_millis(50);
        Lookups { turns: Arc::new(Semaphore::new(turns)), shares: Shares::default(), patience }
    }

    fn hangs() -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static {
        pending()
    }

    #[test]
    fn an_account_has_its_share_and_no_more() {
        let shares = Shares::default();
        let held: Vec<_> = (0..10).filter_map(|_| shares.enter(1)).collect();
        assert_eq!(held.len(), OF_ACCOUNT_MAX);
        assert!(shares.enter(2).is_some(), "another account has its own");
        drop(held);
        assert!(shares.enter(1).is_some());
        assert!(shares.0.lock().expect("not poisoned").is_empty(), "nobody is remembered");
    }

    #[tokio::test]
    async fn a_name_that_takes_too_long_is_refused_and_keeps_its_turn() {
        let lookups = lookups(OF_ACCOUNT_MAX + 1);
        for _ in 0..OF_ACCOUNT_MAX {
            let refused = lookups.run(1, hangs()).await;
            assert!(matches!(refused, Err(ApiError::Rejected(_))), "{refused:?}");
        }
        let past_its_share = lookups.run(1, hangs()).await;
        assert!(matches!(past_its_share, Err(ApiError::TooManyLookups)), "{past_its_share:?}");
        let other = lookups.run(2, async { Ok(Vec::new()) }).await;
        assert!(matches!(other, Ok(Some(_))), "{other:?}");
        let unknown = lookups.run(2, async { Err(io::ErrorKind::NotFound.into()) }).await;
        assert!(matches!(unknown, Ok(None)), "{unknown:?}");
    }

    #[tokio::test]
    async fn a_turn_is_free_when_the_look_up_has_really_ended() {
        let lookups = lookups(1);
        let (answer, answered) = oneshot::channel::<()>();
        let slow = async move {
            let _ = answered.await;
            Ok(Vec::new())
        };
        assert!(lookups.run(1, slow).await.is_err());
        let waits = lookups.run(2, async { Ok(Vec::new()) }).await;
        assert!(matches!(waits, Err(ApiError::Overloaded)), "{waits:?}");
        answer.send(()).expect("it waits");
        let next = lookups.run(2, async { Ok(Vec::new()) }).await;
        assert!(matches!(next, Ok(Some(_))), "{next:?}");
    }
}
