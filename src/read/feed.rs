//! The log as it grows, for callers that follow it: no event is left out, and none comes twice.
//!
//! One task hears of appends and tells the position up to which the log is decided (`fence.rs`), however many
//! callers follow. Each of them reads from its own place up to there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, watch};
use tokio::time::sleep;

use super::Reader;
use super::events::{ListedEvent, shown};
use crate::contract::Event;
use crate::database::{DatabaseError, DatabaseUrl, POOL_WAIT, Role};
use crate::id::Id;
use crate::retry::Reconnect;

/// The most events that are read at once.
const ROWS_MAX: i64 = 500;
/// The most bytes of data of a portion. Its first event comes at any size.
const BYTES_MAX: i64 = 256 * 1024;
/// The time between two looks without a wake-up: wake-ups may be lost.
const POLL: Duration = Duration::from_secs(1);
/// The shortest time between two looks.
const DEBOUNCE: Duration = Duration::from_millis(5);

/// The position up to which the log is decided. One task follows it from the first caller on.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    url: DatabaseUrl,
    followed: Arc<OnceCell<watch::Receiver<i64>>>,
}

impl Decided {
    pub(super) fn new(url: &DatabaseUrl) -> Self {
        Self { url: url.clone(), followed: Arc::default() }
    }
}

/// The events of an account that are followed.
#[derive(Debug, Clone, Default)]
pub struct FeedFilter {
    /// The types that are followed; `None` means all.
    pub types: Option<Vec<&'static str>>,
    /// The object whose events are followed; `None` means all.
    pub object: Option<String>,
}

/// A place in an account's log, and the events after it.
#[derive(Debug)]
pub struct Feed {
    reader: Reader,
    account: i64,
    livemode: bool,
    filter: FeedFilter,
    position: i64,
    /// The number of events that are read at once.
    rows: i64,
    decided: watch::Receiver<i64>,
}

impl Reader {
    /// Follows the log from an event on, or from now on; `None` if the account has no such event.
    pub async fn feed(
        &self,
        account: i64,
        livemode: bool,
        filter: FeedFilter,
        after: Option<Id<Event>>,
    ) -> Result<Option<Feed>, DatabaseError> {
        let position = match after {
            None => Some(self.decided_position().await?),
            Some(id) => self.position(account, &id.to_string()).await?,
        };
        let start = || async {
            let (sender, decided) = watch::channel(0);
            tokio::spawn(follow(self.clone(), self.decided.url.clone(), sender));
            decided
        };
        let decided = self.decided.followed.get_or_init(start).await.clone();
        let reader = self.clone();
        let rows = ROWS_MAX;
        Ok(position.map(|position| Feed { reader, account, livemode, filter, position, rows, decided }))
    }
}

impl Feed {
    /// Waits for the next events. A call after an error goes on where the last one was.
    pub async fn next(&mut self) -> Result<Vec<ListedEvent>, DatabaseError> {
        loop {
            let decided = *self.decided.borrow_and_update();
            if decided <= self.position {
                // The task that tells lives as long as the program.
                let _ = self.decided.changed().await;
                continue;
            }
            let turn = self.reader.feed_turns.enter(&self.account, 1, POOL_WAIT, POOL_WAIT).await;
            let _turn = turn.map_err(|_| DatabaseError::TooManyReads)?;
            let client = self.reader.heavy.get().await?;
            let FeedFilter { types, object } = &self.filter;
            let mut rows = client
                .query(
                    include_str!("sql/feed.sql"),
                    &[&self.account, &self.position, &decided, &self.rows, types, object, &BYTES_MAX],
                )
                .await?;
            let read = count(rows.len());
            rows.truncate(rows.iter().take_while(|row| row.get("fits")).count());
            let fit = count(rows.len());
            let is_part = fit < read || read >= self.rows;
            self.position = rows.last().filter(|_| is_part).map_or(decided, |row| row.get("place"));
            self.rows = rows_next(self.rows, read, fit);
            let events: Vec<ListedEvent> = shown(&rows, self.livemode).flatten().collect();
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// The number of events that are read at once after a portion of which `read` were read and `fit` fit. So
/// large events aren't read in vain again and again.
fn rows_next(rows: i64, read: i64, fit: i64) -> i64 {
    if fit < read { fit.saturating_mul(2) } else { rows.saturating_mul(2).min(ROWS_MAX) }
}

/// Tells the position up to which the log is decided, after each append.
async fn follow(reader: Reader, url: DatabaseUrl, sender: watch::Sender<i64>) {
    let mut reconnect = Reconnect::default();
    loop {
        let Ok(listening) = url.listen(Role::Reader).await else {
            sleep(reconnect.next_delay()).await;
            continue;
        };
        reconnect.reset();
        while !listening.ended.is_cancelled() {
            if let Ok(decided) = reader.decided_position().await {
                sender.send_if_modified(|known| std::mem::replace(known, decided) != decided);
            }
            sleep(DEBOUNCE).await;
            tokio::select! {
                () = listening.wake.notified() => {}
                () = listening.ended.cancelled() => {}
                () = sleep(POLL) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_follows_how_large_events_are() {
        assert_eq!(rows_next(500, 500, 2), 4, "of large ones hardly more are read than fit");
        assert_eq!(rows_next(4, 4, 4), 8, "of small ones more and more");
        assert_eq!(rows_next(400, 400, 400), ROWS_MAX);
        assert_eq!(rows_next(500, 3, 1), 2);
    }
}
