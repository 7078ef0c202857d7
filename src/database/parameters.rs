//! The types of statements' parameters, for statements that aren't prepared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;
use tokio_postgres::types::{ToSql, Type};

/// What PostgreSQL has once said of each statement of a pool. Through a transaction pooler only one round of messages, or one
/// transaction, is sure to meet one session: text and parameters go together, and the types have to be known before.
#[derive(Debug, Clone, Default)]
pub(super) struct ParameterTypes(Arc<Mutex<HashMap<&'static str, Types>>>);

/// The types of one statement's parameters, `$1` first.
#[derive(Debug, Clone)]
pub(super) struct Types(Arc<[Type]>);

impl Types {
    /// The parameters with their types.
    pub(super) fn with<'a>(
        &self,
        parameters: &[&'a (dyn ToSql + Sync)],
    ) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
        parameters.iter().copied().zip(self.0.iter().cloned()).collect()
    }
}

impl ParameterTypes {
    /// Those of that statement, which is prepared once to hear of them: in a transaction, and forgotten before it ends.
    pub(super) async fn of(&self, client: &mut ClientWrapper, sql: &'static str) -> Result<Types, Error> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(types) = known {
            return Ok(types);
        }
        let transaction = client.transaction().await?;
        let statement = transaction.prepare(sql).await?;
        let types = Types(statement.params().into());
        drop(statement);
        transaction.rollback().await?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, types.clone());
        Ok(types)
    }
}
