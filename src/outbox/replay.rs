//! Replays: going through the log once more for one endpoint.

use super::Session;
use crate::database::DatabaseError;

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayStep {
    /// There was nothing to do.
    Idle,
    /// Something was owed; the rest has time.
    Paced,
    /// There may be more to do at once.
    GoesOn,
}

/// A replay that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayOver {
    /// The account of the replay.
    pub account: i64,
    /// Its id.
    pub id: String,
    /// True if it has come to its end; false if its endpoint is gone.
    pub completed: bool,
}

impl Session {
    /// True if any replay runs, of any account.
    pub async fn any_replay(&self) -> Result<bool, DatabaseError> {
        Ok(self.client.query_one(&self.statements.any_replay, &[]).await?.get("runs"))
    }

    /// Owes the single events of the session's own buckets that were picked to be sent again. Returns their
    /// number.
    pub async fn resend(&self, own: &[i16]) -> Result<u64, DatabaseError> {
        Ok(self.client.execute(&self.statements.resend, &[&own]).await?)
    }

    /// Does a step of one replay in the session's own buckets.
    pub async fn replay(&self, own: &[i16], workers: usize) -> Result<ReplayStep, DatabaseError> {
        let workers = i32::try_from(workers.max(1)).unwrap_or(1);
        let row = self.client.query_opt(&self.statements.replay, &[&own, &workers]).await?;
        Ok(match row.map(|row| row.get::<_, bool>("goes_on")) {
            None => ReplayStep::Idle,
            Some(false) => ReplayStep::Paced,
            Some(true) => ReplayStep::GoesOn,
        })
    }

    /// The replays that have ended without an event that says so.
    pub async fn replays_over(&self) -> Result<Vec<ReplayOver>, DatabaseError> {
        let rows = self.client.query(&self.statements.replays_over, &[]).await?;
        let over = |row: &tokio_postgres::Row| ReplayOver {
            account: row.get("account"),
            id: row.get("id"),
            completed: row.get("completed"),
        };
        Ok(rows.iter().map(over).collect())
    }
}
