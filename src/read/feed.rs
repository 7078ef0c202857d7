//! The log as it grows, for those who follow it: no event is left out, and none comes twice.
//!
//! One task hears of appends and says how far the log is decided (`fence.rs`), however many follow. Each of them reads from its
//! own place up to there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, watch};
use tokio::time::sleep;

use super::Reader;
use super::events::{ListedEvent, listed};
use crate::contract::Event;
use crate::database::{DatabaseError, DatabaseUrl, POOL_WAIT, Role};
use crate::id::Id;
use crate::retry::Reconnect;

/// Events that are read at once.
const ROWS: i64 = 500;
/// How often it is looked without being woken: wake-ups may be lost.
const POLL: Duration = Duration::from_secs(1);
/// The shortest time between two looks.
const DEBOUNCE: Duration = Duration::from_millis(5);

/// How far the log is decided, followed by one task once somebody asks.
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

/// Which events of an account are followed.
#[derive(Debug, Clone, Default)]
pub struct FeedFilter {
    /// Of one of these types.
    pub types: Option<Vec<&'static str>>,
    /// Of this object.
    pub object: Option<String>,
}

/// A place in an account's log, and what comes after it.
#[derive(Debug)]
pub struct Feed {
    reader: Reader,
    account: i64,
    livemode: bool,
    filter: FeedFilter,
    position: i64,
    decided: watch::Receiver<i64>,
}

impl Reader {
    /// Follows the log from an event on, or from now on; `None` when the account has no such event.
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
            let (tell, told) = watch::channel(0);
            tokio::spawn(follow(self.clone(), self.decided.url.clone(), tell));
            told
        };
        let decided = self.decided.followed.get_or_init(start).await.clone();
        let reader = self.clone();
        Ok(position.map(|position| Feed { reader, account, livemode, filter, position, decided }))
    }
}

impl Feed {
    /// The next events; waits until there are some. After an error it can be asked again, and goes on where it was.
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
            let rows = client
                .query(
                    include_str!("sql/feed.sql"),
                    &[&self.account, &self.position, &decided, &ROWS, types, object],
                )
                .await?;
            let is_part = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= ROWS;
            self.position = rows.last().filter(|_| is_part).map_or(decided, |row| row.get(9));
            let wanted = rows.iter().filter(|row| row.get::<_, Option<&str>>(0).is_some());
            let events: Vec<ListedEvent> = wanted.map(|row| listed(row, self.livemode)).collect();
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }
}

/// Tells how far the log is decided, whenever somebody has appended.
async fn follow(reader: Reader, url: DatabaseUrl, tell: watch::Sender<i64>) {
    let mut reconnect = Reconnect::default();
    loop {
        let Ok(listening) = url.listen(Role::Reader).await else {
            sleep(reconnect.next_delay()).await;
            continue;
        };
        reconnect.reset();
        while !listening.ended.is_cancelled() {
            if let Ok(decided) = reader.decided_position().await {
                tell.send_if_modified(|known| std::mem::replace(known, decided) != decided);
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
