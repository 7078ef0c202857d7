//! Bringing what is searched up to date with the log, when somebody searches (docs/decisions/0017).
//!
//! Portion by portion, each a statement that stores its documents together with how far it has come. Processes that do the
//! same at once do no harm: a document moves to a higher version only.

use std::time::Duration;

use deadpool_postgres::Client;
use tokio::time::Instant;
use tokio_postgres::Row;

use super::Log;
use crate::database::DatabaseError;
use crate::domain::search::Document;

/// Events of one portion.
const PORTION: i64 = 2_000;

impl Log {
    /// Brings the account's search documents up to that position; false when that takes longer than `patience`. What was done
    /// is kept, and the next call goes on there. The position must be one below which nothing is undecided.
    pub async fn keep_search(
        &self,
        account: i64,
        up_to: i64,
        patience: Duration,
    ) -> Result<bool, DatabaseError> {
        let began = Instant::now();
        loop {
            // One portion at a time in this process, and accounts take turns: searching must not take the place of writing.
            let _turn = self.search_turn.lock().await;
            let client = self.pool.get().await?;
            let progress = client.prepare_cached(include_str!("sql/search_progress.sql")).await?;
            let position: i64 = client.query_opt(&progress, &[&account]).await?.map_or(0, |row| row.get(0));
            if position >= up_to {
                return Ok(true);
            }
            if began.elapsed() >= patience {
                return Ok(false);
            }
            keep_portion(&client, account, position, up_to).await?;
        }
    }
}

/// Stores the documents of what comes after a position.
async fn keep_portion(client: &Client, account: i64, after: i64, up_to: i64) -> Result<(), DatabaseError> {
    let part = client.prepare_cached(include_str!("sql/search_part.sql")).await?;
    let rows = client.query(&part, &[&account, &after, &up_to, &PORTION]).await?;
    let (last, events) = rows.first().map_or((None, 0), |row| (row.get::<_, Option<i64>>(0), row.get(1)));
    let end = if events < PORTION { up_to } else { last.unwrap_or(up_to) };
    let changed = rows.iter().filter(|row| row.get::<_, Option<&str>>(2).is_some());
    let documents: Vec<Document> = changed.clone().map(|row| document(account, row)).collect();
    let ids: Vec<&str> = changed.clone().map(|row| row.get(2)).collect();
    let versions: Vec<i64> = changed.map(|row| row.get(3)).collect();
    let names: Vec<_> = documents.iter().map(|document| &document.name).collect();
    let emails: Vec<_> = documents.iter().map(|document| &document.email).collect();
    let phones: Vec<_> = documents.iter().map(|document| &document.phone).collect();
    let terms: Vec<_> =
        documents.iter().map(|document| serde_json::json!(document.terms).to_string()).collect();
    let store = client.prepare_cached(include_str!("sql/search_store.sql")).await?;
    client.execute(&store, &[&account, &end, &ids, &versions, &names, &emails, &phones, &terms]).await?;
    Ok(())
}

/// The document of a customer as it is in the log; an empty one when it was deleted, so that nothing of it is kept.
fn document(account: i64, row: &Row) -> Document {
    let (id, deleted, data): (&str, bool, &str) = (row.get(2), row.get(4), row.get(5));
    if deleted {
        return Document::default();
    }
    Document::of(account, data).unwrap_or_else(|error| {
        tracing::error!(id, %error, "a customer can't be read, and isn't found by searching");
        Document::default()
    })
}
