//! `GET /journal`: the history of money, as lines of JSON, oldest first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::try_unfold;
use serde::Serialize;
use tokio_postgres::Row;

use super::answer;
use super::shared::Sandbox;
use super::writer::Failure;
use crate::database::DatabaseError;

/// The rows of a portion.
const PORTION: i64 = 500;

/// A line.
#[derive(Serialize)]
struct Line<'a> {
    seq: i64,
    key: &'a str,
    kind: &'a str,
    outcome: &'a str,
    amount: i64,
    currency: Option<&'a str>,
    at: String,
    reference: Option<&'a str>,
}

/// The part of the journal that is still to be read.
struct Rest {
    sandbox: Arc<Sandbox>,
    after: i64,
    key: Option<String>,
}

pub(super) async fn read(
    State(sandbox): State<Arc<Sandbox>>,
    Query(mut query): Query<HashMap<String, String>>,
) -> Response {
    let key = query.remove("key");
    let after = query.remove("after").map_or(Ok(0), |text| text.parse::<i64>());
    let Ok(after) = after else { return answer::invalid("after has to be the number of a row.") };
    if !query.is_empty() {
        return answer::invalid("The journal is asked for with key and after, and nothing else.");
    }
    // The first portion tells if the database can be read.
    match portion(Rest { sandbox, after, key }).await {
        Err(error) => answer::failed(&Failure::Unavailable(error.to_string())),
        Ok((first, rest)) => {
            let more = try_unfold(rest, async |rest| match rest {
                Some(rest) => portion(rest).await.map(Some),
                None => Ok(None),
            });
            let first = futures_util::stream::once(async { Ok::<_, DatabaseError>(first) });
            let lines = Body::from_stream(futures_util::StreamExt::chain(first, more));
            ([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
        }
    }
}

/// The next lines, and the rest; `None` if there is none. Rows become visible in the order of their numbers,
/// so that nothing is passed over.
async fn portion(rest: Rest) -> Result<(Bytes, Option<Rest>), DatabaseError> {
    let client = rest.sandbox.readers.get().await?;
    let rows = match &rest.key {
        Some(key) => {
            client.query(include_str!("sql/journal_of_key.sql"), &[&rest.after, &PORTION, key]).await?
        }
        None => client.query(include_str!("sql/journal.sql"), &[&rest.after, &PORTION]).await?,
    };
    drop(client);
    let mut lines = Vec::new();
    for row in &rows {
        // A line has names of fields only, which can always be written.
        let _ = serde_json::to_writer(&mut lines, &line(row));
        lines.push(b'\n');
    }
    let last = rows.last().map(|row| row.get("seq"));
    let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < PORTION);
    let rest = last.filter(|_| !is_last).map(|after| Rest { after, ..rest });
    Ok((lines.into(), rest))
}

fn line(row: &Row) -> Line<'_> {
    Line {
        seq: row.get("seq"),
        key: row.get("key"),
        kind: row.get("kind"),
        outcome: row.get("outcome"),
        amount: row.get("amount"),
        currency: row.get("currency"),
        at: humantime::format_rfc3339_millis(row.get::<_, SystemTime>("at")).to_string(),
        reference: row.get("reference"),
    }
}
