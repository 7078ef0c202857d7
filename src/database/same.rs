//! Whether a pooler or a standby leads to the database that it is said to.

use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::{DatabaseError, DatabaseUrl, Role};

/// What has to be the same of a database wherever it is reached, a copy of it included.
const IDENTITY: &str = "select system_identifier || '/' || (select oid from pg_database where datname = current_database()) \
                        from pg_control_system()";

/// What is asked of a session before it is used.
#[derive(Debug)]
pub(super) struct SessionCheck {
    primary: DatabaseUrl,
    role: Role,
    /// The primary's.
    identity: OnceCell<String>,
}

impl SessionCheck {
    pub(super) fn new(primary: DatabaseUrl, role: Role) -> Self {
        Self { primary, role, identity: OnceCell::new() }
    }

    /// Whether the session works under the role, for a limited time a statement, and in the primary's database or a copy of it. A pooler's
    /// settings make it so; a query of theirs that fails is passed over.
    pub(super) async fn run(&self, client: &Client) -> Result<(), DatabaseError> {
        let sql = "select current_user::text, current_setting('statement_timeout')";
        let row = client.query_typed_one(sql, &[]).await?;
        let (user, timeout): (&str, &str) = (row.get(0), row.get(1));
        if user != self.role.name() || timeout == "0" {
            return Err(DatabaseError::Unavailable(format!(
                "its sessions work as {user} with a statement_timeout of {timeout}; the pooler's database {} needs the \
                 connect_query of deploy/pgbouncer",
                self.role.name()
            )));
        }
        let ask = async || identity(&self.primary.client(self.role).await?).await;
        if identity(client).await? != *self.identity.get_or_try_init(ask).await? {
            return Err(DatabaseError::Unavailable("it leads to another database".to_owned()));
        }
        Ok(())
    }
}

async fn identity(client: &Client) -> Result<String, DatabaseError> {
    Ok(client.query_typed_one(IDENTITY, &[]).await?.get(0))
}
