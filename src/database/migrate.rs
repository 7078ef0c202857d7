//! Bringing a database up to the schema of this version. Forward only, and safe to run from several places
//! at once.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::{DatabaseError, DatabaseUrl, Role};

mod embedded {
    refinery::embed_migrations!("schema/migrations");
}

/// The advisory lock under which migrations run. Refinery itself takes none.
const MIGRATION_LOCK: i64 = 0x0043_414C_4D4D_4947;

/// The longest wait of a migration for a lock, the number of tries, and the pause between them: a minute in
/// all, in which others get their turn.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
const LOCK_TRIES: usize = 30;
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// True if a migration waited too long for another session's lock, or met a session that waited for its
/// own.
fn is_lock_timeout(error: &refinery::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        let code = inner.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
        if code.is_some_and(|code| {
            [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
        }) {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// The reason that a database could not be brought up to date. Migrations that were applied before stay
/// applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The connection or the preparation failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A session without the right to migrate holds the lock.
    #[error("{who} holds the lock of migrations and may make none; `{ended_by}` ends it")]
    Held {
        /// The login and its process.
        who: String,
        /// The statement that ends it.
        ended_by: String,
    },
    /// A migration failed, or one that was applied is not the one this version has.
    #[error("{0}")]
    Migration(#[from] refinery::Error),
}

/// The version of the last migration that was applied, as that role sees it; zero if there is none.
pub async fn applied(url: &DatabaseUrl, role: Role) -> Result<i64, DatabaseError> {
    let client = url.client(role).await?;
    let row = client.query_one(include_str!("../read/sql/schema_version.sql"), &[]).await?;
    Ok(row.get("version"))
}

/// The version of the newest migration that this program knows.
#[must_use]
pub fn newest() -> i64 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

/// Waits until no other migration runs. A session that holds the lock without a right to migrate isn't
/// waited for.
async fn take_turn(login: &Client) -> Result<(), MigrateError> {
    loop {
        let taken = login.query_one("select pg_try_advisory_lock($1)", &[&MIGRATION_LOCK]).await;
        if taken.map_err(DatabaseError::from)?.get::<_, bool>(0) {
            return Ok(());
        }
        let held = login.query_opt(include_str!("sql/migration_lock.sql"), &[]).await;
        if let Some(held) = held.map_err(DatabaseError::from)? {
            return Err(MigrateError::Held { who: held.get(0), ended_by: held.get(1) });
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
}

/// Makes the roles and the schema if they are missing, takes away the rights by which one login could stop
/// others, and applies the migrations that are missing. Returns the names of those it applied.
pub async fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, MigrateError> {
    let login = url.login_client().await?;
    take_turn(&login).await?;
    login.batch_execute(include_str!("../../schema/roles.sql")).await.map_err(DatabaseError::from)?;
    login.batch_execute(include_str!("../../schema/apart.sql")).await.map_err(DatabaseError::from)?;
    let mut owner = url.client(Role::Owner).await?;
    // A session that waits for a lock makes all others wait behind it. So the wait is short, and is tried
    // again.
    owner
        .batch_execute(&format!("set lock_timeout = '{}ms'", LOCK_TIMEOUT.as_millis()))
        .await
        .map_err(DatabaseError::from)?;
    let (mut applied, mut tries) = (Vec::new(), 0);
    loop {
        let mut runner = embedded::migrations::runner();
        runner.set_migration_table_name("migration");
        match runner.run_async(&mut owner).await {
            Ok(report) => {
                applied.extend(report.applied_migrations().iter().map(ToString::to_string));
                return Ok(applied);
            }
            Err(error) if tries < LOCK_TRIES && is_lock_timeout(&error) => {
                tries += 1;
                // Migrations that were applied before stay applied.
                applied.extend(
                    error
                        .report()
                        .into_iter()
                        .flat_map(|report| report.applied_migrations().iter().map(ToString::to_string)),
                );
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
