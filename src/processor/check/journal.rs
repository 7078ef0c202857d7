//! The rule about a journal, which only a sandbox has to have.

use reqwest::Method;
use serde::Deserialize;

use super::finding::{Stopped, Verdict, fail, hold};
use super::raw::Secret;
use super::subject::{AMOUNT, Subject};
use crate::processor::{Authorize, Request};

/// A row of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Row {
    seq: u64,
    key: String,
    kind: String,
    outcome: String,
    amount: i64,
    currency: Option<String>,
    at: String,
    reference: Option<String>,
}

/// The rows of a key.
async fn rows(subject: &Subject, key: &str) -> Verdict<Vec<Row>> {
    let mut url = subject.processor.line().url(&["journal"]);
    url.query_pairs_mut().append_pair("key", key);
    let reply = subject.send_to((Method::GET, url), &Secret::Right, None).await?;
    if reply.status == 404 {
        return Err(Stopped::Skipped("there is no journal".to_owned()));
    }
    hold(reply.status == 200, || format!("the journal is answered {}", reply.status))?;
    let text = String::from_utf8_lossy(&reply.body);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let Ok(rows) = lines.map(serde_json::from_str::<Row>).collect::<Result<Vec<_>, _>>() else {
        return fail("a line of the journal isn't a row");
    };
    hold(rows.iter().all(|row| row.key == key), || "the journal shows rows of other keys".to_owned())?;
    hold(rows.is_sorted_by(|one, other| one.seq < other.seq), || "seq doesn't rise".to_owned())?;
    hold(rows.iter().all(|row| row.at.contains('T')), || "a time isn't RFC 3339".to_owned())?;
    Ok(rows)
}

/// Holds that the rows of a key are those, by kind, outcome, amount and reference.
async fn are(subject: &Subject, key: &str, wanted: &[(&str, &str, i64, Option<&str>)]) -> Verdict {
    let found = rows(subject, key).await?;
    let found: Vec<_> = found
        .iter()
        .map(|row| (row.kind.as_str(), row.outcome.as_str(), row.amount, row.reference.as_deref()))
        .collect();
    hold(found == wanted, || format!("the journal has {found:?}, and should have {wanted:?}"))
}

pub(super) async fn journal(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.approved_method().await?);
    are(subject, &key, &[]).await?;
    let request = Request::Authorize(Authorize { capture: true, ..subject.hold_of(&key, &method) });
    let operation = subject.approved(&request, AMOUNT).await?;
    subject.approved(&request, AMOUNT).await?;
    let reference = operation.reference.unwrap_or_default();
    let of = Some(reference.as_str());
    let taken = [("authorize", "approved", AMOUNT, of), ("capture", "approved", AMOUNT, of)];
    are(subject, &key, &taken).await?;
    let currencies =
        rows(subject, &key).await?.iter().all(|row| row.currency.as_deref() == Some(subject.currency()));
    hold(currencies, || "the journal has another currency".to_owned())?;
    let refund = subject.refund(&reference, 1);
    subject.approved(&refund, 1).await?;
    are(subject, refund.key(), &[("refund", "approved", 1, of)]).await?;
    are(subject, &key, &taken).await?;
    let unseen = subject.key();
    subject.operation(&subject.void_of(&unseen)).await?;
    are(subject, &unseen, &[("void", "never", 0, None)]).await
}
