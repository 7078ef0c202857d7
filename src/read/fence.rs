//! The position up to which the log can be read forwards without stepping over an append that commits late.
//!
//! Positions are drawn in one order and become visible in another. A reader that remembers the last position
//! it saw would never see one that was drawn before and committed after. So it reads up to a position of
//! which everything below is decided: it notes the last position that was drawn, then the transactions that
//! are appending, and waits until each of these has ended. A transaction that begins later draws a later
//! position.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Reader;
use crate::database::DatabaseError;

/// The longest wait for appends. No statement of ours takes longer, but its commit may wait for a standby.
const PATIENCE: Duration = Duration::from_secs(6);
/// The first and the longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

impl Reader {
    /// A position at or below which every append has been committed or will never be. An append that stays
    /// open for six seconds makes it unavailable: a reader that went on without that append would never see
    /// it.
    pub async fn decided_position(&self) -> Result<i64, DatabaseError> {
        let position: i64 = {
            let client = self.client().await?;
            client.query_one(include_str!("sql/fence_position.sql"), &[]).await?.get("position")
        };
        // Asked after the position.
        let mut waiting = self.appending().await?;
        let (began, mut pause) = (Instant::now(), PAUSES.0);
        while !waiting.is_empty() {
            if began.elapsed() >= PATIENCE {
                return Err(DatabaseError::Unavailable("an append has been open for too long".to_owned()));
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            let now = self.appending().await?;
            waiting.retain(|one| now.contains(one));
        }
        Ok(position)
    }

    /// The transactions that are appending at this moment. No connection is held while they are waited for.
    async fn appending(&self) -> Result<Vec<String>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_one(include_str!("sql/fence_appending.sql"), &[]).await?;
        Ok(row.get::<_, Option<Vec<String>>>("appending").unwrap_or_default())
    }
}
