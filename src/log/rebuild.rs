//! Rebuilding the state from the log, beside everything else: objects, and the rows that are derived of
//! endpoints and replays.
//!
//! It goes portion by portion. The rows of a portion are locked first. Then, in a new snapshot, the last
//! events of their objects are read: appends that began before have committed by then, and later ones wait
//! for a moment and go on from the rows that are written here. A row that is right already is not touched.

use tokio_postgres::{Client, Transaction};

use super::verify::{Watch, estimate};
use crate::database::{DatabaseError, DatabaseUrl, Role};

/// The most objects of one portion.
const PORTION: i64 = 500;
/// The number of tries for a portion whose rows other sessions hold.
const TRIES: usize = 5;

/// The changes that were made, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Rebuilt {
    /// Objects that the log speaks of.
    pub objects: u64,
    /// Rows of objects, endpoints and replays that differed from the log, and were mended.
    pub mended: u64,
    /// Rows that were missing.
    pub made: u64,
    /// Objects, and rows of endpoints and replays, that no event speaks of. They were removed.
    pub removed: u64,
}

/// Rows that are derived from the events of an object: how they are mended and made, for the objects with
/// this prefix.
struct Derived {
    prefix: &'static str,
    lock: &'static str,
    mend: &'static str,
    make: &'static str,
}

const DERIVED: [Derived; 3] = [
    Derived {
        prefix: "",
        lock: include_str!("sql/rebuild_lock_objects.sql"),
        mend: include_str!("sql/rebuild_mend_objects.sql"),
        make: include_str!("sql/rebuild_make_objects.sql"),
    },
    Derived {
        prefix: "we_",
        lock: include_str!("sql/rebuild_lock_endpoints.sql"),
        mend: include_str!("sql/rebuild_mend_endpoints.sql"),
        make: include_str!("sql/rebuild_make_endpoints.sql"),
    },
    Derived {
        prefix: "rpl_",
        lock: include_str!("sql/rebuild_lock_replays.sql"),
        mend: include_str!("sql/rebuild_mend_replays.sql"),
        make: include_str!("sql/rebuild_make_replays.sql"),
    },
];

/// Rebuilds everything. With `dry_run` it counts the changes and makes none.
pub async fn rebuild(
    url: &DatabaseUrl,
    dry_run: bool,
    watch: &mut impl Watch,
) -> Result<Rebuilt, DatabaseError> {
    let mut client = url.client(Role::Owner).await?;
    client.batch_execute("set lock_timeout = '2s'").await?;
    let mut rebuilt = Rebuilt::default();
    watch.stage("objects", estimate(&client, "object").await?);
    let (mut account, mut last) = (i64::MIN, String::new());
    loop {
        let part = client.query(include_str!("sql/rebuild_part.sql"), &[&account, &last, &PORTION]).await?;
        let accounts: Vec<i64> = part.iter().map(|row| row.get("account")).collect();
        let streams: Vec<String> = part.iter().map(|row| row.get("stream")).collect();
        let (Some(next), Some(next_last)) = (accounts.last(), streams.last()) else { break };
        (account, last) = (*next, next_last.clone());
        let count = u64::try_from(streams.len()).unwrap_or(0);
        for derived in &DERIVED {
            let (mended, made) = portion(&mut client, derived, (&accounts, &streams), dry_run).await?;
            rebuilt.mended += mended;
            rebuilt.made += made;
        }
        rebuilt.objects += count;
        watch.done(count);
    }
    rebuilt.removed = remove_orphans(&mut client, dry_run, watch).await?;
    Ok(rebuilt)
}

/// Mends the derived rows of these objects. Returns how many were mended and how many were made.
async fn portion(
    client: &mut Client,
    derived: &Derived,
    (accounts, streams): (&[i64], &[String]),
    dry_run: bool,
) -> Result<(u64, u64), DatabaseError> {
    let keys: Vec<(i64, &str)> = accounts
        .iter()
        .copied()
        .zip(streams.iter().map(String::as_str))
        .filter(|(_, stream)| stream.starts_with(derived.prefix))
        .collect();
    if keys.is_empty() {
        return Ok((0, 0));
    }
    let (accounts, streams): (Vec<i64>, Vec<&str>) = keys.into_iter().unzip();
    let mut tries = 0;
    loop {
        let done = async {
            let transaction = client.transaction().await?;
            transaction.execute(derived.lock, &[&accounts, &streams]).await?;
            let mended = transaction.execute(derived.mend, &[&accounts, &streams]).await?;
            let made = transaction.execute(derived.make, &[&accounts, &streams]).await?;
            end(transaction, dry_run).await?;
            Ok((mended, made))
        };
        match done.await {
            Err(DatabaseError::Unavailable(_)) if tries < TRIES => tries += 1,
            result => return result,
        }
    }
}

async fn end(transaction: Transaction<'_>, dry_run: bool) -> Result<(), DatabaseError> {
    let ended = if dry_run { transaction.rollback().await } else { transaction.commit().await };
    Ok(ended?)
}

/// Removes rows that no event speaks of.
async fn remove_orphans(
    client: &mut Client,
    dry_run: bool,
    watch: &mut impl Watch,
) -> Result<u64, DatabaseError> {
    watch.stage("orphans", estimate(client, "object").await?);
    let (mut account, mut last, mut removed) = (i64::MIN, String::new(), 0);
    loop {
        let rows = client.query(include_str!("sql/verify_orphans.sql"), &[&account, &last, &PORTION]).await?;
        let Some(end_of_part) = rows.last() else { break };
        (account, last) = (end_of_part.get("account"), end_of_part.get("id"));
        watch.done(u64::try_from(rows.len()).unwrap_or(0));
        let orphans = rows.iter().filter(|row| row.get("is_orphan"));
        let (accounts, ids): (Vec<i64>, Vec<String>) =
            orphans.map(|row| (row.get::<_, i64>("account"), row.get::<_, String>("id"))).unzip();
        if !ids.is_empty() {
            let transaction = client.transaction().await?;
            removed += transaction
                .execute(include_str!("sql/rebuild_remove_objects.sql"), &[&accounts, &ids])
                .await?;
            end(transaction, dry_run).await?;
        }
    }
    for sql in
        [include_str!("sql/rebuild_remove_endpoints.sql"), include_str!("sql/rebuild_remove_replays.sql")]
    {
        let transaction = client.transaction().await?;
        removed += transaction.execute(sql, &[]).await?;
        end(transaction, dry_run).await?;
    }
    Ok(removed)
}
