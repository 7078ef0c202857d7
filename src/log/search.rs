//! Bringing the documents of searches up to date with the log, when somebody searches (docs/decisions/0017).
//!
//! Portion by portion, each a statement that stores its documents together with how far it has come. Of
//! two processes that do the same at once, one goes on and the other sees it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_postgres::Row;

use super::Log;
use crate::database::{DatabaseError, Parameters, Pool, PooledClient};
use crate::domain::search::{Document, Searched};
use crate::shares::{Place, Shares};

/// The most events of one portion, and the bytes after which it has no more: a bound of a statement's
/// work, however large objects are.
const PORTION: i64 = 2_000;
const PORTION_BYTES: i64 = 512 * 1024;
/// The most portions that are stored at the same time: searching must not take the place of writing.
const AT_ONCE: usize = 2;
/// The most accounts that bring something up to date at the same time. Each has one turn, so that many
/// requests of one stand in nobody's way.
const ACCOUNTS_MAX: usize = 1_024;

/// The turns of accounts to store a portion.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    accounts: Shares<i64>,
    places: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let accounts = Shares::with_each(ACCOUNTS_MAX, 1, 1);
        Self { accounts, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Turns {
    /// Waits for the account's turn, and then for a place in the order in which accounts came.
    async fn turn(&self, account: i64, patience: Duration) -> Option<(Place<i64>, OwnedSemaphorePermit)> {
        let turn = self.accounts.enter(&account, 1, patience, patience).await.ok()?;
        Some((turn, self.places.clone().acquire_owned().await.ok()?))
    }
}

impl Log {
    /// Brings the account's search documents of one kind up to that position. Returns false when that takes
    /// longer than `patience`; the documents made by then are kept, and the next call goes on there. The
    /// position must be one below which nothing is undecided.
    pub async fn bring_search_up_to(
        &self,
        account: i64,
        searched: Searched,
        position: i64,
        patience: Duration,
    ) -> Result<bool, DatabaseError> {
        let began = Instant::now();
        while progress(&self.client().await?, account, searched, position).await?.is_behind {
            let left = patience.saturating_sub(began.elapsed());
            let Ok(Some(turn)) = timeout(left, self.search_turns.turn(account, left)).await else {
                return Ok(false);
            };
            // Apart from the request, which may be given up while the statement runs.
            let pool = self.pool.clone();
            let portion = tokio::spawn(async move {
                let _turn = turn;
                store_portion(&pool, account, searched, position).await
            });
            portion.await.map_err(|error| DatabaseError::Unavailable(error.to_string()))??;
        }
        Ok(true)
    }
}

/// The part of an account's log that is in its documents.
struct Progress {
    /// The last position of that part.
    position: i64,
    /// True if the log has more.
    is_behind: bool,
}

async fn progress(
    client: &PooledClient,
    account: i64,
    searched: Searched,
    up_to: i64,
) -> Result<Progress, DatabaseError> {
    let parameters: &Parameters<'_> = &[&account, &up_to, &searched.prefix()];
    let row = client.query_one(include_str!("sql/search_behind.sql"), parameters).await?;
    Ok(Progress { position: row.get("position"), is_behind: row.get("behind") })
}

/// Stores the documents of the next part of the log.
async fn store_portion(
    pool: &Pool,
    account: i64,
    searched: Searched,
    up_to: i64,
) -> Result<(), DatabaseError> {
    let client = pool.get().await?;
    let after = progress(&client, account, searched, up_to).await?.position;
    let begins = format!("{}_", searched.prefix());
    let parameters: &Parameters<'_> = &[&account, &after, &up_to, &PORTION, &PORTION_BYTES, &begins];
    let rows = client.query(include_str!("sql/search_part.sql"), parameters).await?;
    let end = match rows.first() {
        Some(row) if row.get("more") => row.get("last"),
        _ => up_to,
    };
    let changed: Vec<&Row> = rows.iter().filter(|row| row.get::<_, Option<&str>>("id").is_some()).collect();
    let documents: Vec<Document> = changed.iter().map(|row| document(account, searched, row)).collect();
    let ids: Vec<&str> = changed.iter().map(|row| row.get("id")).collect();
    let versions: Vec<i64> = changed.iter().map(|row| row.get("version")).collect();
    let names: Vec<_> = documents.iter().map(|document| &document.name).collect();
    let emails: Vec<_> = documents.iter().map(|document| &document.email).collect();
    let phones: Vec<_> = documents.iter().map(|document| &document.phone).collect();
    let terms: Vec<_> =
        documents.iter().map(|document| serde_json::json!(document.terms).to_string()).collect();
    let amounts: Vec<_> = documents.iter().map(|document| document.amount).collect();
    let kind = searched.prefix();
    let parameters: &Parameters<'_> =
        &[&account, &after, &end, &ids, &versions, &names, &emails, &phones, &terms, &amounts, &kind];
    client.execute(include_str!("sql/search_store.sql"), parameters).await?;
    Ok(())
}

/// The document of an object as it is in the log; an empty one when it was deleted, so that nothing of it is
/// kept.
fn document(account: i64, searched: Searched, row: &Row) -> Document {
    let (id, deleted, data): (&str, bool, &str) = (row.get("id"), row.get("deleted"), row.get("data"));
    if deleted {
        return Document::default();
    }
    Document::of(searched, account, data).unwrap_or_else(|error| {
        tracing::error!(id, %error, "an object can't be read, and isn't found by searching");
        Document::default()
    })
}
