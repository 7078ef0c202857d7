//! Bringing a database up to the schema this version wants. Forward only, safe to run from several places at once.

use super::{DatabaseError, DatabaseUrl, Role};

mod embedded {
    refinery::embed_migrations!("schema/migrations");
}

/// The advisory lock under which migrations run; refinery itself takes none.
const MIGRATION_LOCK: i64 = 0x0043_414C_4D4D_4947;

/// Why a database could not be brought up to date. What had been applied before stays applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The connection or the preparation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A migration failed, or one that was applied is not the one this version has.
    #[error("{0}")]
    Migration(#[from] refinery::Error),
}

/// The version of the newest migration that this program knows.
#[must_use]
pub fn newest() -> i64 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

/// Makes the roles and the schema where they are missing and applies the migrations that are. Returns the names of those
/// it applied.
pub async fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, MigrateError> {
    let login = url.login_client().await?;
    login.execute("select pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await.map_err(DatabaseError::from)?;
    login.batch_execute(include_str!("../../schema/roles.sql")).await.map_err(DatabaseError::from)?;
    let mut owner = url.client(Role::Owner).await?;
    let report =
        embedded::migrations::runner().set_migration_table_name("migration").run_async(&mut owner).await?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}
