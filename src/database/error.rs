//! The failures of the database, in words that show no row.

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::error::SqlState;

/// The reason that the database didn't do its task.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database can't be reached, is starting or stopping, or has no connection free. It may work in a
    /// moment.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A row that must be the only one of its kind is there already.
    #[error("the database refused: {said}")]
    Duplicate {
        /// The name of its table, or of the partition.
        table: String,
        /// The database's message.
        said: String,
    },
    /// Objects have changed since they were read, or two statements waited for each other. Decisions
    /// that rest on them are to be made anew.
    #[error("the database refused: {0}")]
    Conflict(String),
    /// The database wasn't asked: the account has as many reads under way as it may.
    #[error("the account has too many reads under way")]
    TooManyReads,
    /// The database refused the statement. The text shows no row, because a row may hold a secret.
    #[error("the database refused: {0}")]
    Refused(String),
}

/// The constraints that a decision meets where an object has changed since it was read.
const OUTDATED: &[&str] = &["event_version_follows_its_object", "group_rests_on_what_it_read"];

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let passing = |code: &SqlState| {
            // 08 connection, 53 resources, 57 operator's intervention, 40 rollback (deadlock), 55P03 lock
            // timeout, 25006 read-only: a standby that isn't promoted yet.
            ["08", "53", "57", "40"].iter().any(|class| code.code().starts_with(class))
                || [SqlState::LOCK_NOT_AVAILABLE, SqlState::READ_ONLY_SQL_TRANSACTION].contains(code)
        };
        let constraint = error.as_db_error().and_then(|refusal| refusal.constraint()).unwrap_or_default();
        match error.code() {
            Some(&SqlState::T_R_DEADLOCK_DETECTED) => Self::Conflict(refusal(&error)),
            Some(_) if OUTDATED.contains(&constraint) => Self::Conflict(refusal(&error)),
            Some(&SqlState::UNIQUE_VIOLATION) => Self::Duplicate {
                table: error.as_db_error().and_then(|refusal| refusal.table()).unwrap_or_default().to_owned(),
                said: refusal(&error),
            },
            // A login is refused while its password is being changed.
            Some(code) if code.code().starts_with("28") => Self::Unavailable(refusal(&error)),
            Some(code) if !passing(code) => Self::Refused(refusal(&error)),
            _ => Self::Unavailable(describe(&error)),
        }
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::PostCreateHook(HookError::Message(said)) => Self::Unavailable(said.into_owned()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// PostgreSQL's message, without its DETAIL, which shows rows.
fn refusal(error: &tokio_postgres::Error) -> String {
    let Some(refusal) = error.as_db_error() else { return error.to_string() };
    let hint = match *refusal.code() {
        SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME | SqlState::UNDEFINED_FUNCTION => {
            "; has `calmony migrate` been run?"
        }
        SqlState::UNDEFINED_OBJECT | SqlState::INVALID_PARAMETER_VALUE | SqlState::INSUFFICIENT_PRIVILEGE => {
            "; is the login a member of the role? has `calmony migrate` been run?"
        }
        _ => "",
    };
    let constraint = refusal.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{}: {}{constraint}{hint}", refusal.code().code(), refusal.message())
}

/// An error with its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
