//! A processor's journal, which only a sandbox has to have: the history of money, oldest first.
//!
//! It is read in pages, each bounded by its bytes and by the time of a call. Its readers are people's
//! tools; nothing that serves clients reads it.

use reqwest::Method;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::Processor;
use crate::clock::Timestamp;
use crate::domain::attempt::MovementKind;

/// The most bytes of one page. The next page begins after its last whole line.
const PAGE_MAX: usize = 1024 * 1024;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key of the operation.
    pub key: String,
    /// The kind of operation.
    pub kind: MovementKind,
    /// True if it was performed.
    pub is_approved: bool,
    /// The amount.
    pub amount: i64,
    /// Its currency.
    pub currency: Option<String>,
    /// The time.
    pub at: Timestamp,
}

/// A page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<Row>,
    /// The number of the row that the next page comes after; `None` at the end.
    pub next: Option<u64>,
}

/// A row as it is written.
#[derive(Deserialize)]
struct Written {
    seq: u64,
    key: String,
    kind: MovementKind,
    outcome: OutcomeName,
    amount: i64,
    currency: Option<String>,
    at: String,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum OutcomeName {
    Approved,
    Declined,
    ActionRequired,
    Never,
}

impl Processor {
    /// The page that comes after that row; `None` where the processor has no journal. The error is a reason
    /// for people.
    pub async fn journal(&self, after: u64) -> Result<Option<Page>, String> {
        self.read(("after", &after.to_string()), after).await
    }

    /// The rows of one key: those of its first page, which holds thousands. The error is a reason for people.
    pub async fn journal_of(&self, key: &str) -> Result<Vec<Row>, String> {
        Ok(self.read(("key", key), 0).await?.unwrap_or_default().rows)
    }

    async fn read(&self, (name, value): (&str, &str), after: u64) -> Result<Option<Page>, String> {
        let line = self.line();
        let mut url = line.url(&["journal"]);
        url.query_pairs_mut().append_pair(name, value);
        let end = Instant::now() + line.deadline();
        let answered = timeout_at(end, line.beginning((Method::GET, url), PAGE_MAX)).await;
        let (reply, is_whole) = match answered {
            Err(_) => return Err("no page came in time".to_owned()),
            Ok(answer) => answer.map_err(|lost| lost.to_string())?,
        };
        match reply.status {
            200 => page(&reply.body, is_whole, after).map(Some),
            404 => Ok(None),
            status => Err(format!("it is answered {status}")),
        }
    }
}

/// The page that those bytes are. Where they aren't all, the last line may be cut.
fn page(bytes: &[u8], is_whole: bool, after: u64) -> Result<Page, String> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if !is_whole {
        lines.pop();
    }
    let mut page = Page::default();
    let mut last = after;
    for line in lines.into_iter().filter(|line| !line.trim_ascii().is_empty()) {
        let place = || format!("the row after {last} isn't one of a journal");
        let written: Written = serde_json::from_slice(line).map_err(|_| place())?;
        if written.seq <= last || written.amount < 0 {
            return Err(place());
        }
        let at = humantime::parse_rfc3339(&written.at).map_err(|_| place())?;
        last = written.seq;
        page.rows.push(Row {
            key: written.key,
            kind: written.kind,
            is_approved: written.outcome == OutcomeName::Approved,
            amount: written.amount,
            currency: written.currency,
            at: at.into(),
        });
    }
    if !is_whole && page.rows.is_empty() {
        return Err(format!("a row has more than {} KiB", PAGE_MAX / 1024));
    }
    page.next = (!is_whole).then_some(last);
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64) -> String {
        format!(
            "{{\"seq\":{seq},\"key\":\"pi_1.1.7\",\"kind\":\"capture\",\"outcome\":\"approved\",\"amount\":5,\
             \"currency\":\"usd\",\"at\":\"2026-11-28T06:00:00.000Z\",\"reference\":null}}\n"
        )
    }

    #[test]
    fn a_page_ends_with_its_last_whole_line() {
        let text = line(3) + &line(4) + "{\"seq\":5,\"ke";
        let cut = page(text.as_bytes(), false, 2).expect("a page");
        assert_eq!((cut.rows.len(), cut.next), (2, Some(4)));
        let whole = page((line(3) + &line(4)).as_bytes(), true, 2).expect("a page");
        assert_eq!((whole.rows.len(), whole.next), (2, None));
        assert_eq!(whole.rows[0].at, Timestamp::from_seconds(1_795_845_600));
        assert_eq!(page(b"", true, 9), Ok(Page::default()));
    }

    #[test]
    fn what_is_no_journal_is_refused() {
        let refused = |text: &str, is_whole| page(text.as_bytes(), is_whole, 2).is_err();
        assert!(refused("<html>", true), "another page");
        assert!(refused(&(line(4) + &line(4)), true), "seq doesn't rise");
        assert!(refused(&line(2), true), "a row that came before");
        assert!(refused(&line(3).replace(":5", ":-5"), true), "a negative amount");
        assert!(refused(&line(3).replace("2026", "soon"), true), "no time");
        assert!(refused(&line(3).replace("capture", "steal"), true), "no kind");
        assert!(refused("{\"seq\":3,", false), "a line without an end");
    }
}
