//! The lag of objects that time changes, as an API shows it.

use super::Reader;
use crate::database::DatabaseError;
use crate::due::lag::Lag;

impl Reader {
    /// For how long the object has been due that has been due longest, of each kind that is due.
    pub async fn lags(&self) -> Result<Vec<Lag>, DatabaseError> {
        let mut client = self.client().await?;
        let moment = client.moment(Some("set local statement_timeout = '3s'")).await?;
        let rows = moment.query(include_str!("../due/sql/oldest.sql"), &[]).await?;
        Ok(rows.iter().map(Lag::from).collect())
    }
}
