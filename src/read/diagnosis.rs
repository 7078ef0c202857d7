//! The state of the database that the product stands on, for `calmony doctor`.

use std::time::{Duration, SystemTime};

use tokio_postgres::Row;

use super::Reader;
use super::vitals::Vitals;
use crate::clock;
use crate::database::login::{Login, logins};
use crate::database::{DatabaseError, DatabaseUrl, Databases, Role};
use crate::due::lag::Lag;

/// The roles that programs work under.
const PROGRAMS: [Role; 5] = [Role::Api, Role::Reader, Role::Worker, Role::Biller, Role::Sandbox];

/// The server.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Server {
    /// Its version.
    pub version: String,
    /// The seconds that its clock is ahead of this machine's; negative if it is behind.
    pub clock_ahead_seconds: f64,
    /// True if commits reach the disk.
    pub fsync: bool,
    /// True if a torn page can be mended after a crash.
    pub full_page_writes: bool,
    /// The setting that says when a commit is acknowledged.
    pub synchronous_commit: String,
    /// True if dead rows are cleaned up by themselves.
    pub autovacuum: bool,
    /// True if it is a standby, which takes no writes.
    pub is_standby: bool,
    /// Connections that are open, of all databases.
    pub connections: i64,
    /// The most connections that there may be.
    pub connections_max: i64,
    /// The age of the oldest frozen row, in transactions. At two thousand million PostgreSQL stops taking
    /// writes.
    pub transactions_old: i64,
    /// True if this login sees the activity of other logins' sessions.
    pub sees_all: bool,
}

/// A session or the like that keeps dead rows from being cleaned up, or other sessions from going on.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Holder {
    /// Its kind: a transaction, a prepared one, a replication slot, or a lock.
    pub kind: String,
    /// Its name: the program or the login, and the process.
    pub who: String,
    /// The seconds since it began; `None` if they aren't known.
    pub seconds: Option<f64>,
    /// The statement that ends it.
    pub ended_by: String,
}

/// The database that live mode is billed in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Adoption {
    /// This database: the identifier of its cluster, and its number there.
    pub this: String,
    /// The database that was adopted; `None` if none was.
    pub adopted: Option<String>,
    /// True if anything of live mode changes with time.
    pub is_needed: bool,
}

/// The facts that `calmony doctor` judges.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Diagnosis {
    /// The server.
    pub server: Server,
    /// The work.
    #[serde(rename = "condition")]
    pub vitals: Vitals,
    /// The logins of the programs that are connected.
    pub logins: Vec<Login>,
    /// Those that have held the horizon for more than a minute, at most 20.
    pub holders: Vec<Holder>,
    /// Endpoints whose former secret stops signing within a day.
    pub secrets_ending: i64,
    /// API keys that end within a week.
    pub keys_ending: i64,
    /// The last migration that was applied.
    pub schema_version: i64,
    /// The keys that signing secrets are sealed with.
    pub key_ids: Vec<String>,
    /// Those that stand in others' way, at most 20.
    pub obstacles: Vec<Holder>,
    /// Rights with which roles could stop others, each with its roles.
    pub not_apart: Vec<String>,
    /// Triggers that are missing, or don't fire always.
    pub triggers_off: Vec<String>,
    /// The database that live mode is billed in.
    pub adoption: Adoption,
    /// For how long objects have been due, of each kind that is.
    pub lags: Vec<Lag>,
}

/// Reads all of it. The activity of sessions is read under the login itself, which sees more than the
/// reader's role.
pub async fn diagnose(url: &DatabaseUrl) -> Result<Diagnosis, DatabaseError> {
    let login = url.login_client().await?;
    let asked_at = clock::now().system_time();
    let row = login.query_one(include_str!("sql/diagnosis_server.sql"), &[]).await?;
    let answered_at = clock::now().system_time();
    let server = Server {
        version: row.get("version"),
        clock_ahead_seconds: ahead(row.get("now"), asked_at, answered_at),
        fsync: row.get("fsync"),
        full_page_writes: row.get("full_page_writes"),
        synchronous_commit: row.get("synchronous_commit"),
        autovacuum: row.get("autovacuum"),
        is_standby: row.get("is_standby"),
        connections: row.get("connections"),
        connections_max: row.get("connections_max"),
        transactions_old: row.get("transactions_old"),
        sees_all: row.get("sees_all"),
    };
    let holders = login.query(include_str!("sql/diagnosis_activity.sql"), &[]).await?;
    let programs = login.query(include_str!("sql/diagnosis_programs.sql"), &[]).await?;
    let names: Vec<String> = programs.iter().map(|row| row.get("login")).collect();
    let logins = logins(&login, &names, &PROGRAMS).await?;
    let obstacles = login.query(include_str!("sql/diagnosis_obstacles.sql"), &[]).await?;
    let not_apart = login.query(include_str!("sql/diagnosis_apart.sql"), &[]).await?;
    let client = url.client(Role::Reader).await?;
    let ending = client.query_one(include_str!("sql/diagnosis_expiring.sql"), &[]).await?;
    let reader = Reader::open(&Databases::only(url.clone()))?;
    let adoption = client.query_one(include_str!("sql/diagnosis_adoption.sql"), &[]).await?;
    let triggers = client.query(include_str!("sql/diagnosis_triggers.sql"), &[]).await?;
    let vitals = match reader.vitals().await {
        Ok(vitals) => vitals,
        // An obstacle may keep every reader from it.
        Err(error) => {
            let obstacles = login.query(include_str!("sql/diagnosis_obstacles.sql"), &[]).await?;
            return Err(obstructed(&obstacles).unwrap_or(error));
        }
    };
    Ok(Diagnosis {
        triggers_off: triggers.iter().map(|row| row.get("trigger")).collect(),
        server,
        logins,
        vitals,
        holders: holders.iter().map(holder).collect(),
        obstacles: obstacles.iter().map(holder).collect(),
        not_apart: not_apart.iter().map(|row| row.get("what")).collect(),
        secrets_ending: ending.get("secrets"),
        keys_ending: ending.get("keys"),
        schema_version: reader.schema_version().await?,
        key_ids: reader.key_ids().await?,
        adoption: Adoption {
            this: adoption.get("this"),
            adopted: adoption.get("adopted"),
            is_needed: adoption.get("is_needed"),
        },
        lags: reader.lags().await?,
    })
}

/// The reason why nothing can be read, if obstacles are known.
fn obstructed(obstacles: &[Row]) -> Option<DatabaseError> {
    let named = |Holder { kind, who, ended_by, .. }| format!("{who} holds {kind}; `{ended_by}` ends it");
    let named: Vec<String> = obstacles.iter().map(holder).map(named).collect();
    (!named.is_empty()).then(|| DatabaseError::Unavailable(named.join("; ")))
}

fn holder(row: &Row) -> Holder {
    Holder {
        kind: row.get("kind"),
        who: row.get("who"),
        seconds: row.get("seconds"),
        ended_by: row.get("ended_by"),
    }
}

/// The seconds that a clock is ahead that said `told` between two instants. They are zero if `told` is
/// between them.
fn ahead(told: SystemTime, asked_at: SystemTime, answered_at: SystemTime) -> f64 {
    let seconds = |later: SystemTime, earlier: SystemTime| {
        later.duration_since(earlier).map_or(0.0, |duration: Duration| duration.as_secs_f64())
    };
    // This machine's clock is read in whole milliseconds.
    let (ahead, behind) = (seconds(told, answered_at), seconds(asked_at, told));
    let difference = ahead - behind;
    if difference.abs() < 0.002 { 0.0 } else { difference }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_between_question_and_answer_is_right() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert!(ahead(at(1_005), at(1_000), at(1_010)).abs() < f64::EPSILON);
        assert!((ahead(at(5_000), at(1_000), at(2_000)) - 3.0).abs() < 1e-9);
        assert!((ahead(at(1_000), at(4_000), at(5_000)) + 3.0).abs() < 1e-9);
    }
}
