//! Searching: the newest objects that meet a query. `log/search.rs` keeps what is searched.

use std::collections::BTreeMap;
use std::ops::Range;

use tokio_postgres::types::ToSql;

use super::objects::{ObjectFilter, id_range};
use super::page::Listed;
use super::{Direction, Page, Reader};
use crate::clock::{SECOND_MAX, Timestamp};
use crate::contract::Kind;
use crate::database::DatabaseError;
use crate::domain::search::{Condition, Query};

/// An object that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// The object as JSON.
    pub data: String,
}

impl Reader {
    /// A page of what meets the query, newest first.
    pub async fn search<K: Kind>(
        &self,
        account: i64,
        query: &Query,
        page: &Page,
    ) -> Result<Listed<Found>, DatabaseError> {
        // What meets one of several conditions is merged: each gives its newest.
        let mut found = BTreeMap::new();
        for condition in query.conditions() {
            let newest = self.meeting::<K>(account, condition, page).await?;
            found.extend(newest.into_iter().map(|object| (object.id.clone(), object)));
        }
        Ok(page.listed(found.into_values().rev().collect()))
    }

    async fn meeting<K: Kind>(
        &self,
        account: i64,
        condition: &Condition,
        page: &Page,
    ) -> Result<Vec<Found>, DatabaseError> {
        let ids = |seconds: &Range<u64>, direction| id_range::<K>(&created(seconds), direction);
        let range = ids(&condition.created, &page.direction);
        let left_out = condition.not_created.iter().map(|seconds| ids(seconds, &Direction::Newest));
        let (first, ending): (Vec<_>, Vec<_>) = left_out.map(|range| (range.start, range.end)).unzip();
        let (fields, parts, must) = parts(condition);
        let rows = page.rows();
        let parameters: [&(dyn ToSql + Sync); 11] = [
            &account,
            &range.start,
            &range.end,
            &condition.all_of,
            &condition.none_of,
            &fields,
            &parts,
            &must,
            &first,
            &ending,
            &rows,
        ];
        let client = self.client().await?;
        // Not prepared for later: the plan depends on how common the terms are.
        let rows = client.query(include_str!("sql/search.sql"), &parameters).await?;
        Ok(rows.iter().map(|row| Found { id: row.get(0), data: row.get(1) }).collect())
    }
}

/// Objects that were created within these seconds.
fn created(seconds: &Range<u64>) -> ObjectFilter {
    let start = |second: u64| Timestamp::from_millis(second.min(SECOND_MAX) * 1000);
    ObjectFilter {
        created_from: Some(start(seconds.start)),
        created_until: Some(start(seconds.end)),
        email: None,
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
