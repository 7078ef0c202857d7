//! Name look-ups, in bounded numbers: of the process, and of each account. A look-up can't be cancelled and
//! holds a thread until it has ended; a name server that never answers must not take the threads that the
//! database's own name is looked up with.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;

use super::error::ApiError;
use super::request::admission::refusal;
use crate::domain::{ParameterError, Problem};
use crate::shares::{Full, Shares};

/// The most look-ups at once of a process: few of the 512 threads that there may be.
const LOOKUPS_MAX: usize = 32;
/// The most of one account.
const OF_ACCOUNT_MAX: usize = 4;
/// The longest time of a look-up, and of its wait for a turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// Look-ups that are under way.
#[derive(Debug, Clone)]
pub(crate) struct Lookups {
    turns: Shares<i64>,
    patience: Duration,
}

impl Default for Lookups {
    fn default() -> Self {
        Self { turns: Shares::with_each(LOOKUPS_MAX, 1, OF_ACCOUNT_MAX), patience: PATIENCE }
    }
}

impl Lookups {
    /// The addresses that a look-up of an account finds; `None` where nobody knows the name.
    pub(super) async fn run<F>(&self, account: i64, lookup: F) -> Result<Option<Vec<IpAddr>>, ApiError>
    where
        F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        let turn = match self.turns.try_enter(&account, 1) {
            Err(Full::All) => self.turns.enter(&account, 1, self.patience, self.patience).await,
            at_once => at_once,
        };
        let turn = turn.map_err(|full| refusal(full, "name look-ups"))?;
        // A task of its own keeps the turn until the look-up has ended, even if nobody waits for it any more.
        let lookup = tokio::spawn(async move {
            let found = lookup.await;
            drop(turn);
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    fn lookups(turns: usize) -> Lookups {
        let patience = Duration::from_millis(50);
        Lookups { turns: Shares::with_each(turns, OF_ACCOUNT_MAX + 1, OF_ACCOUNT_MAX), patience }
    }

    fn hangs() -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static {
        pending()
    }

    #[tokio::test]
    async fn a_name_that_takes_too_long_is_refused_and_keeps_its_turn() {
        let lookups = lookups(OF_ACCOUNT_MAX + 1);
        for _ in 0..OF_ACCOUNT_MAX {
            let refused = lookups.run(1, hangs()).await;
            assert!(matches!(refused, Err(ApiError::Rejected(_))), "{refused:?}");
        }
        let past_its_share = lookups.run(1, hangs()).await;
        assert!(matches!(past_its_share, Err(ApiError::TooManyAtOnce(_))), "{past_its_share:?}");
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
