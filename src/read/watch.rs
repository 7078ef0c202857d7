//! Keys that long calls go on with. One task asks which of them still open, all together, however many calls
//! go on with them. A database that is away ends nothing, except a key whose end was known.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::Reader;
use crate::database::DatabaseError;

/// The time between two questions. With the time for which a key is believed (`believed.rs`) it is less than
/// a second.
const EVERY: Duration = Duration::from_millis(400);

/// The SHA-256 of a key.
type Hash = [u8; 32];

/// The state of a key, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// It opens, until this instant if that is known.
    Opens(Option<Instant>),
    /// It opens nothing any more.
    Over,
}

/// Keys that calls go on with.
#[derive(Debug, Clone, Default)]
pub(super) struct WatchedKeys {
    keys: Arc<Mutex<HashMap<Hash, watch::Sender<Right>>>>,
    /// Set once the task that asks was started.
    polled: Arc<OnceLock<()>>,
}

impl WatchedKeys {
    fn subscribe(&self, hash: Hash) -> KeyWatch {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let tell = keys.entry(hash).or_insert_with(|| watch::channel(Right::Opens(None)).0);
        KeyWatch(tell.subscribe())
    }

    /// The keys that a call still goes on with. The others are forgotten.
    fn hashes(&self) -> Vec<Hash> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, tell| tell.receiver_count() > 0);
        keys.keys().copied().collect()
    }

    /// Tells the calls the state of the keys that were asked for. `open` has those that open, and the instant
    /// until then.
    fn publish(&self, asked: &[Hash], open: &HashMap<Hash, Option<Instant>>) {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        for hash in asked {
            let right = open.get(hash).map_or(Right::Over, |until| Right::Opens(*until));
            if let Some(tell) = keys.get(hash) {
                tell.send_if_modified(|known| std::mem::replace(known, right) != right);
            }
        }
    }
}

/// A key that a call goes on with.
#[derive(Debug)]
pub struct KeyWatch(watch::Receiver<Right>);

impl KeyWatch {
    /// True if the key opens nothing any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match *self.0.borrow() {
            Right::Over => true,
            Right::Opens(until) => until.is_some_and(|until| Instant::now() >= until),
        }
    }

    /// Waits until the key opens nothing any more.
    pub async fn over(&mut self) {
        loop {
            let known = *self.0.borrow_and_update();
            let Right::Opens(until) = known else { return };
            tokio::select! {
                () = at(until) => return,
                // The task that tells lives as long as the program.
                told = self.0.changed() => if told.is_err() { return },
            }
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

impl Reader {
    /// Watches a key that was looked up a moment ago. Its end is heard of within a second, whichever process
    /// ends it. An end by date is heard of even while the database is away.
    #[must_use]
    pub fn watch_key(&self, hash: Hash) -> KeyWatch {
        let watched = self.watched_keys.subscribe(hash);
        self.watched_keys.polled.get_or_init(|| {
            tokio::spawn(poll_keys(self.clone()));
        });
        watched
    }

    /// Those of these keys that open, and the instant until then if that is known.
    async fn open_keys(&self, hashes: &[Hash]) -> Result<HashMap<Hash, Option<Instant>>, DatabaseError> {
        let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
        let client = self.keys.get().await?;
        let asked_at = Instant::now();
        let rows = client.query(include_str!("sql/open_keys.sql"), &[&hashes]).await?;
        let open = rows.iter().filter_map(|row| {
            let hash = Hash::try_from(row.get::<_, &[u8]>("hash")).ok()?;
            // A time that this clock can't count to is `None`.
            let left = row.get::<_, Option<i64>>("left_ms").and_then(|left| u64::try_from(left).ok());
            Some((hash, left.and_then(|left| asked_at.checked_add(Duration::from_millis(left)))))
        });
        Ok(open.collect())
    }
}

/// Asks for the keys that calls go on with, again and again.
async fn poll_keys(reader: Reader) {
    loop {
        sleep(EVERY).await;
        let hashes = reader.watched_keys.hashes();
        if hashes.is_empty() {
            continue;
        }
        match reader.open_keys(&hashes).await {
            Ok(open) => reader.watched_keys.publish(&hashes, &open),
            Err(error) => tracing::debug!(%error, "whether keys still open can't be asked now"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const HASH: Hash = [1; 32];

    async fn ends(watch: &mut KeyWatch, within: Duration) -> bool {
        let ended = timeout(within, watch.over()).await.is_ok();
        assert_eq!(watch.is_over(), ended);
        ended
    }

    #[tokio::test]
    async fn an_end_is_told_to_everybody_who_goes_on_with_the_key_and_to_nobody_else() {
        let (keys, short) = (WatchedKeys::default(), Duration::from_millis(1));
        let (mut one, mut two, mut other) =
            (keys.subscribe(HASH), keys.subscribe(HASH), keys.subscribe([2; 32]));
        assert!(!ends(&mut one, short).await, "nothing is known yet");
        let open = |hashes: &[Hash]| -> HashMap<Hash, Option<Instant>> {
            hashes.iter().map(|hash| (*hash, None)).collect()
        };
        keys.publish(&[HASH, [2; 32]], &open(&[HASH, [2; 32]]));
        assert!(!ends(&mut one, short).await);
        keys.publish(&[HASH, [2; 32]], &open(&[[2; 32]]));
        assert!(ends(&mut one, short).await && ends(&mut two, short).await);
        assert!(!ends(&mut other, short).await);
    }

    #[tokio::test]
    async fn an_end_by_date_comes_by_itself_and_can_be_moved() {
        let (keys, now) = (WatchedKeys::default(), Instant::now());
        let mut watch = keys.subscribe(HASH);
        let until = |left| HashMap::from([(HASH, Some(now + left))]);
        keys.publish(&[HASH], &until(Duration::from_hours(1)));
        assert!(!ends(&mut watch, Duration::from_millis(1)).await);
        keys.publish(&[HASH], &until(Duration::from_millis(5)));
        assert!(ends(&mut watch, Duration::from_secs(10)).await);
    }

    #[tokio::test]
    async fn what_nobody_goes_on_with_is_not_asked_for() {
        let keys = WatchedKeys::default();
        let watch = keys.subscribe(HASH);
        assert_eq!(keys.hashes(), [HASH]);
        drop(watch);
        assert!(keys.hashes().is_empty());
    }
}
