//! Sessions of the dashboard that were ended before their time.

use super::Reader;
use crate::database::DatabaseError;
use crate::secret::Session;

impl Reader {
    /// True if that session was ended. Every process hears of it within half a second.
    pub async fn is_ended(&self, session: &Session) -> Result<bool, DatabaseError> {
        if let Some(is_ended) = self.known_sessions.get(&session.hash) {
            return Ok(is_ended);
        }
        let Session { account, key, hash, until } = session;
        let row = self
            .keys
            .get()
            .await?
            .query_one(
                include_str!("sql/session_ended.sql"),
                &[account, key, &hash.as_slice(), &until.system_time()],
            )
            .await?;
        let is_ended: bool = row.get("is_ended");
        self.known_sessions.remember(*hash, is_ended);
        Ok(is_ended)
    }

    /// Remembers that this process has just ended the session.
    pub fn believe_ended(&self, session: &Session) {
        self.known_sessions.remember(session.hash, true);
    }
}
