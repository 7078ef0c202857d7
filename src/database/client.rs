//! Statements on a connection of a pool: prepared if the connection allows that, and with a time limit on a
//! standby.

use std::sync::Arc;

use deadpool_postgres::{Client, Transaction};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use super::DatabaseError;
use super::parameters::ParameterTypes;
use super::replica::Away;

/// A connection of a pool. Statements are texts of this program, prepared once a connection if the
/// connection allows that.
#[derive(Debug)]
pub struct PooledClient {
    client: Client,
    types: Option<Arc<ParameterTypes>>,
    /// Set on a connection to a standby.
    away: Option<Away>,
}

/// The values of `$1`, `$2`, …
pub type Parameters<'a> = [&'a (dyn ToSql + Sync)];

impl PooledClient {
    pub(super) const fn new(client: Client, types: Option<Arc<ParameterTypes>>) -> Self {
        Self { client, types, away: None }
    }

    /// The same connection, to a standby: the wait for an answer is limited.
    pub(super) fn while_there(self, away: Away) -> Self {
        Self { away: Some(away), ..self }
    }

    /// The rows of the answer.
    pub async fn query(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, DatabaseError> {
        bounded(self.away.as_ref(), async {
            if let Some(types) = &self.types {
                let typed = types.of(sql).await?;
                return Ok(self.client.query_typed(sql, &typed.with(parameters)).await?);
            }
            let statement = self.client.prepare_cached(sql).await?;
            Ok(self.client.query(&statement, parameters).await?)
        })
        .await
    }

    /// The number of rows that the statement touched.
    pub async fn execute(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<u64, DatabaseError> {
        if let Some(types) = &self.types {
            let typed = types.of(sql).await?;
            return Ok(self.client.execute_typed(sql, &typed.with(parameters)).await?);
        }
        let statement = self.client.prepare_cached(sql).await?;
        Ok(self.client.execute(&statement, parameters).await?)
    }

    /// The first row, if there is one.
    pub async fn query_opt(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Option<Row>, DatabaseError> {
        Ok(self.query(sql, parameters).await?.into_iter().next())
    }

    /// The one row of a statement that always has one.
    pub async fn query_one(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Row, DatabaseError> {
        the_row(self.query_opt(sql, parameters).await?)
    }

    /// A transaction that writes, for a program that decides in it. Not through a pooler.
    pub async fn change(&mut self) -> Result<Change<'_>, DatabaseError> {
        Ok(Change { transaction: self.client.transaction().await? })
    }

    /// A transaction that only reads, for several statements that must see one state. `settings` are its
    /// own (`set local …`).
    pub async fn moment(&mut self, settings: Option<&str>) -> Result<Moment<'_>, DatabaseError> {
        let (types, away) = (self.types.as_deref(), self.away.as_ref());
        let begin =
            self.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        bounded(away, async {
            let transaction = begin.start().await?;
            if let Some(settings) = settings {
                transaction.batch_execute(settings).await?;
            }
            Ok(Moment { transaction, types, away })
        })
        .await
    }
}

/// A transaction that writes. Unless it is committed, it is rolled back when it is dropped.
#[derive(Debug)]
pub struct Change<'a> {
    transaction: Transaction<'a>,
}

impl Change<'_> {
    /// The rows of the answer.
    pub async fn query(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, DatabaseError> {
        let statement = self.transaction.prepare_cached(sql).await?;
        Ok(self.transaction.query(&statement, parameters).await?)
    }

    /// The first row, if there is one.
    pub async fn query_opt(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Option<Row>, DatabaseError> {
        Ok(self.query(sql, parameters).await?.into_iter().next())
    }

    /// Commits it. After an error nobody knows if it was.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        Ok(self.transaction.commit().await?)
    }
}

/// A transaction that only reads, and sees one state. It ends when it is dropped.
#[derive(Debug)]
pub struct Moment<'a> {
    transaction: Transaction<'a>,
    types: Option<&'a ParameterTypes>,
    away: Option<&'a Away>,
}

impl Moment<'_> {
    /// The rows of the answer.
    pub async fn query(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, DatabaseError> {
        if self.types.is_some() {
            return self.query_anew(sql, parameters).await;
        }
        bounded(self.away, async {
            let statement = self.transaction.prepare_cached(sql).await?;
            Ok(self.transaction.query(&statement, parameters).await?)
        })
        .await
    }

    /// The rows of the answer, by a plan for these very parameters.
    pub async fn query_anew(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, DatabaseError> {
        bounded(self.away, async {
            if let Some(types) = self.types {
                let typed = types.of(sql).await?;
                return Ok(self.transaction.query_typed(sql, &typed.with(parameters)).await?);
            }
            Ok(self.transaction.query(sql, parameters).await?)
        })
        .await
    }

    /// The one row of a statement that always has one.
    pub async fn query_one(
        &self,
        sql: &'static str,
        parameters: &Parameters<'_>,
    ) -> Result<Row, DatabaseError> {
        the_row(self.query(sql, parameters).await?.into_iter().next())
    }
}

/// Limits the wait on a standby.
async fn bounded<T>(
    away: Option<&Away>,
    answer: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    match away {
        Some(away) => away.bound(answer).await,
        None => answer.await,
    }
}

fn the_row(row: Option<Row>) -> Result<Row, DatabaseError> {
    row.ok_or_else(|| DatabaseError::Refused("a row that there always is wasn't there".to_owned()))
}
