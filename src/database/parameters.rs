//! The types of statements' parameters, for statements that aren't prepared.

use std::collections::HashMap;
use std::iter::repeat;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::types::{ToSql, Type};

use super::{DatabaseError, DatabaseUrl, Role};

/// The parameter types of each statement of a pool, as PostgreSQL once described them. Through a
/// transaction pooler only one round of messages is sure to meet one session. So text and parameters go
/// together, and the types have to be known before. They are asked for on a connection of their own: a
/// statement that is prepared in a shared session, and given up meanwhile, would stay there under its name.
#[derive(Debug)]
pub(super) struct ParameterTypes {
    primary: DatabaseUrl,
    role: Role,
    known: Mutex<HashMap<&'static str, Types>>,
    /// Held while one statement is described. The others wait.
    asking: tokio::sync::Mutex<()>,
}

/// The types of one statement's parameters, `$1` first.
#[derive(Debug, Clone)]
pub(super) struct Types(Arc<[Type]>);

impl Types {
    /// The parameters with their types. PostgreSQL refuses too many or too few.
    pub(super) fn with<'a>(
        &self,
        parameters: &[&'a (dyn ToSql + Sync)],
    ) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
        parameters.iter().copied().zip(self.0.iter().cloned().chain(repeat(Type::UNKNOWN))).collect()
    }
}

impl ParameterTypes {
    pub(super) fn new(primary: DatabaseUrl, role: Role) -> Self {
        Self { primary, role, known: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// The types of that statement's parameters.
    pub(super) async fn of(&self, sql: &'static str) -> Result<Types, DatabaseError> {
        if let Some(types) = self.known(sql) {
            return Ok(types);
        }
        let _turn = self.asking.lock().await;
        if let Some(types) = self.known(sql) {
            return Ok(types);
        }
        // Boxed, because the future of connecting is large, and statements are many.
        let client = Box::pin(self.primary.client(self.role)).await?;
        let types = Types(client.prepare(sql).await?.params().into());
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, types.clone());
        Ok(types)
    }

    fn known(&self, sql: &str) -> Option<Types> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned()
    }
}
