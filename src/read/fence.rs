//! How far the log can be read forwards without stepping over an append that commits late.
//!
//! Positions are drawn in one order and become visible in another. A reader that remembers the last position it saw would
//! never see one that was drawn before and committed after. So it reads up to a position of which everything below is
//! decided: it notes the last position that was drawn, then who is appending, and waits until each of these has ended.
//! Whoever begins later draws a later position.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Reader;
use crate::database::DatabaseError;

/// How long appends are waited for: no statement of ours takes longer (`STATEMENT_TIMEOUT_MS`).
const PATIENCE: Duration = Duration::from_secs(6);
/// The first and the longest pause between two looks.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

impl Reader {
    /// A position at or below which every append has been committed or will never be. What another program has begun and
    /// doesn't end is waited for six seconds.
    pub async fn decided_position(&self) -> Result<i64, DatabaseError> {
        let client = self.client().await?;
        let position = client.prepare_cached(include_str!("sql/fence_position.sql")).await?;
        let appending = client.prepare_cached(include_str!("sql/fence_appending.sql")).await?;
        let last: i64 = client.query_one(&position, &[]).await?.get(0);
        // Asked after the position, by the same session.
        let who = async || -> Result<Vec<String>, DatabaseError> {
            let row = client.query_one(&appending, &[]).await?;
            Ok(row.get::<_, Option<Vec<String>>>(0).unwrap_or_default())
        };
        let mut waiting = who().await?;
        let (began, mut pause) = (Instant::now(), PAUSES.0);
        while !waiting.is_empty() && began.elapsed() < PATIENCE {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            let now = who().await?;
            waiting.retain(|one| now.contains(one));
        }
        Ok(last)
    }
}
