//! The check that a pooler or a standby leads to the primary's database.

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Row};

use super::{DatabaseError, DatabaseUrl, Role};

/// The check of a session before it is used.
#[derive(Debug)]
pub(super) struct SessionCheck {
    primary: DatabaseUrl,
    role: Role,
    /// The identity of the primary's database.
    database: OnceCell<String>,
}

impl SessionCheck {
    pub(super) fn new(primary: DatabaseUrl, role: Role) -> Self {
        Self { primary, role, database: OnceCell::new() }
    }

    /// Checks that the session works under the role, with a statement timeout, and in the primary's
    /// database or a copy of it. A pooler sets role and timeout by its own query, and passes over a failure
    /// of it.
    pub(super) async fn run(&self, client: &Client) -> Result<(), DatabaseError> {
        let session = about(client).await?;
        let (user, timeout, database): (&str, &str, &str) = (session.get(0), session.get(1), session.get(2));
        if user != self.role.name() || timeout == "0" {
            return Err(DatabaseError::Unavailable(format!(
                "its sessions work as {user} with a statement_timeout of {timeout}; \
                 the pooler's database {} needs the connect_query of deploy/pgbouncer",
                self.role.name()
            )));
        }
        let of_primary = async || Ok(about(&self.primary.client(self.role).await?).await?.get(2));
        let wanted: &String = self.database.get_or_try_init::<DatabaseError, _, _>(of_primary).await?;
        if database != wanted {
            return Err(DatabaseError::Unavailable("it leads to another database".to_owned()));
        }
        Ok(())
    }
}

async fn about(client: &Client) -> Result<Row, DatabaseError> {
    Ok(client.query_typed_one(include_str!("sql/session.sql"), &[]).await?)
}
