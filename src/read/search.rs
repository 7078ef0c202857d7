//! Searching: the newest objects that meet a query. `log/search.rs` keeps the documents that are searched.

use std::collections::BTreeSet;
use std::ops::Range;

use tokio_postgres::types::ToSql;

use super::objects::{ObjectFilter, StoredObject, id_range};
use super::page::Listed;
use super::{Direction, Page, Reader};
use crate::clock::{SECOND_MAX, Timestamp};
use crate::contract::Kind;
use crate::database::DatabaseError;
use crate::domain::search::{Condition, Query};

/// The most documents of the index that are all looked at for the newest. Of more, the newest are met soon.
const FEW: i64 = 10_000;

impl Reader {
    /// A page of the objects of one kind that meet the query, newest first, as they are now. Objects that
    /// were deleted a moment ago are among them.
    pub async fn search<K: Kind>(
        &self,
        account: i64,
        query: &Query,
        page: &Page,
    ) -> Result<Listed<StoredObject>, DatabaseError> {
        // The newest objects of each condition are merged. Then as many are fetched as a page may have.
        let mut found = BTreeSet::new();
        for condition in query.conditions() {
            found.extend(self.meeting::<K>(account, condition, page).await?);
        }
        let newest: Vec<String> = found.into_iter().rev().take(page.limit.saturating_add(1)).collect();
        let objects = self.objects_of_ids(account, &newest).await?;
        Ok(page.listed(objects.into_iter().map(|(_, object)| object)))
    }

    /// The ids of the objects that meet one condition.
    async fn meeting<K: Kind>(
        &self,
        account: i64,
        condition: &Condition,
        page: &Page,
    ) -> Result<Vec<String>, DatabaseError> {
        let range = id_range::<K>(&created(&condition.created), &page.direction);
        let (left_out_from, left_out_to): (Vec<_>, Vec<_>) = condition
            .not_created
            .iter()
            .map(|seconds| id_range::<K>(&created(seconds), &Direction::Newest))
            .map(|range| (range.start, range.end))
            .unzip();
        let (fields, parts, must) = parts(condition);
        let rows = page.rows();
        let (not_from, not_to): (Vec<_>, Vec<_>) =
            condition.not_amount.iter().map(|amounts| (amounts.start, amounts.end)).unzip();
        let parameters: [&(dyn ToSql + Sync); 16] = [
            &account,
            &range.start,
            &range.end,
            &condition.all_of,
            &condition.none_of,
            &fields,
            &parts,
            &must,
            &left_out_from,
            &left_out_to,
            &rows,
            &FEW,
            &condition.amount.start,
            &condition.amount.end,
            &not_from,
            &not_to,
        ];
        let _turn = self.heavy_turn(account).await?;
        let mut client = self.heavy.get().await?;
        // Otherwise it would read other accounts' documents on its way to many of this one's, or sort all of
        // an account that looks small.
        let moment =
            client.moment(Some("set local enable_seqscan = off; set local enable_sort = off")).await?;
        // The index is asked in the order of how rare the terms are.
        let rows = moment.query_anew(include_str!("sql/search.sql"), &parameters).await?;
        Ok(rows.iter().map(|row| row.get("id")).collect())
    }
}

/// Objects that were created within these seconds.
fn created(seconds: &Range<u64>) -> ObjectFilter {
    let start = |second: u64| Timestamp::from_millis(second.min(SECOND_MAX) * 1000);
    ObjectFilter {
        created_from: Some(start(seconds.start)),
        created_until: Some(start(seconds.end)),
        ..ObjectFilter::default()
    }
}

/// The texts that must be within fields, and those that must not.
fn parts(condition: &Condition) -> (Vec<&str>, Vec<&str>, Vec<bool>) {
    let wanted = condition.containing.iter().map(|part| (part, true));
    let mut parts = (Vec::new(), Vec::new(), Vec::new());
    for ((field, part), must) in wanted.chain(condition.lacking.iter().map(|part| (part, false))) {
        parts.0.push(field.letter());
        parts.1.push(part.as_str());
        parts.2.push(must);
    }
    parts
}
