//! Adoption: the one database that live mode is billed in, so that a copy of it bills nobody by itself.

use crate::database::{DatabaseError, DatabaseUrl, Role};

/// The database that was adopted, and the one that was before, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The identifier of its cluster, and its number there.
    pub database: String,
    /// The same of the one before.
    pub before: Option<String>,
}

/// Makes that database the one that live mode is billed in.
pub async fn adopt(url: &DatabaseUrl) -> Result<Adopted, DatabaseError> {
    let client = url.client(Role::Owner).await?;
    let row = client.query_one(include_str!("sql/adopt.sql"), &[]).await?;
    Ok(Adopted { database: row.get("database"), before: row.get("before") })
}
