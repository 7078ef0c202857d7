//! Ending sessions of the dashboard before their time, so that all processes hear of it.

use super::Log;
use crate::database::DatabaseError;
use crate::secret::Session;

impl Log {
    /// Ends a session of the dashboard.
    pub async fn end_session(&self, session: &Session) -> Result<(), DatabaseError> {
        let Session { account, key, hash, until } = session;
        let client = self.client().await?;
        client
            .execute(
                include_str!("sql/end_session.sql"),
                &[account, key, &hash.as_slice(), &until.system_time()],
            )
            .await?;
        Ok(())
    }
}
