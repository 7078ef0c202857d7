//! Objects of any kind: one by its id, and lists, newest first.
//!
//! A kind is a prefix and a ULID sorts by time, so a kind, a cursor and a range of times are all ranges of
//! ids on one index.

use std::ops::Range;

use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::lists::{OBJECTS, OBJECTS_BY_EMAIL, OBJECTS_HAVING, OBJECTS_OWNED};
use super::page::{BYTES_MAX, Listed};
use super::{Direction, Page, Reader};
use crate::clock::Timestamp;
use crate::contract::Kind;
use crate::database::DatabaseError;
use crate::id::Id;

/// An object as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its id.
    pub id: String,
    /// The object as JSON. After a deletion it is as it last was.
    pub data: String,
    /// True if it was deleted.
    pub deleted: bool,
}

impl StoredObject {
    fn of(row: &Row) -> Self {
        Self { id: row.get("id"), data: row.get("data"), deleted: row.get("deleted") }
    }
}

/// The objects that a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectFilter {
    /// The instant from which on the objects were created.
    pub created_from: Option<Timestamp>,
    /// The instant before which the objects were created.
    pub created_until: Option<Timestamp>,
    /// The exact email address of the objects; `None` means any or none.
    pub email: Option<String>,
    /// The object that the objects belong to; `None` means any or none.
    pub owner: Option<String>,
    /// With one of these ids.
    pub ids: Option<Vec<String>>,
    /// With these fields and values, as a JSON object; `None` for any. They have no index: every object of
    /// the kind is looked at until the page is full.
    pub having: Option<Value>,
}

/// The fields that a list is narrowed to, of those that a caller gave; `None` if it gave none.
#[must_use]
pub fn having<const N: usize>(fields: [(&str, Option<Value>); N]) -> Option<Value> {
    let given: Map<_, _> =
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    (!given.is_empty()).then_some(Value::Object(given))
}

impl Reader {
    /// The object of that id, deleted or not; `None` when this account has none.
    pub async fn object<K: Kind>(
        &self,
        account: i64,
        id: Id<K>,
    ) -> Result<Option<StoredObject>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_opt(include_str!("sql/object.sql"), &[&account, &id.to_string()]).await?;
        Ok(row.as_ref().map(StoredObject::of))
    }

    /// The object as it was before an instant; `None` when this account had none of that id.
    pub async fn object_as_of<K: Kind>(
        &self,
        account: i64,
        id: Id<K>,
        before: Timestamp,
    ) -> Result<Option<StoredObject>, DatabaseError> {
        let client = self.client().await?;
        let row = client
            .query_opt(
                include_str!("sql/object_as_of.sql"),
                &[&account, &id.to_string(), &before.system_time()],
            )
            .await?;
        Ok(row.as_ref().map(StoredObject::of))
    }

    /// The objects of these ids, deleted or not, in their order; `None` for those that are past
    /// [`BYTES_MAX`]. Those that the account doesn't have are left out.
    pub async fn objects_of_ids(
        &self,
        account: i64,
        ids: &[String],
    ) -> Result<Vec<(String, Option<StoredObject>)>, DatabaseError> {
        let _turn = self.list_turn(account).await?;
        let client = self.client().await?;
        let sql = include_str!("sql/objects_of_ids.sql");
        let rows = client.query(sql, &[&account, &ids, &BYTES_MAX]).await?;
        let fits = |row: &Row| row.get::<_, Option<&str>>("data").is_some();
        Ok(rows.iter().map(|row| (row.get("id"), fits(row).then(|| StoredObject::of(row)))).collect())
    }

    /// The number of webhook endpoints that the account has.
    pub async fn endpoint_count(&self, account: i64) -> Result<i64, DatabaseError> {
        let client = self.client().await?;
        Ok(client.query_one(include_str!("sql/endpoint_count.sql"), &[&account]).await?.get("count"))
    }

    /// A page of the living objects of one kind.
    pub async fn objects<K: Kind>(
        &self,
        account: i64,
        filter: &ObjectFilter,
        page: &Page,
    ) -> Result<Listed<StoredObject>, DatabaseError> {
        let range = id_range::<K>(filter, &page.direction);
        let rows = page.rows();
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&account, &range.start, &range.end, &rows, &BYTES_MAX];
        let having = filter.having.as_ref().map(Value::to_string);
        let (list, is_heavy) = match (&filter.email, &filter.owner, &having, &filter.ids) {
            (Some(email), ..) => {
                parameters.push(email);
                (&OBJECTS_BY_EMAIL, false)
            }
            (None, Some(owner), ..) => {
                parameters.push(owner);
                parameters.push(&having);
                (&OBJECTS_OWNED, false)
            }
            (None, None, None, None) => (&OBJECTS, false),
            (None, None, ..) => {
                parameters.push(&having);
                parameters.push(&filter.ids);
                (&OBJECTS_HAVING, true)
            }
        };
        let _turn = if is_heavy { self.heavy_turn(account).await? } else { self.list_turn(account).await? };
        let pool = if is_heavy { &self.heavy } else { &self.pool };
        let client = self.client_for(account, page, pool).await?;
        let rows = client.query(page.statement(list), &parameters).await?;
        let stored = |row: &Row| {
            let data = row.get::<_, Option<String>>("data")?;
            Some(StoredObject { id: row.get("id"), data, deleted: false })
        };
        Ok(page.listed(rows.iter().map(stored)))
    }
}

/// The ids that a list may show: greater than the start, less than the end. `_` + 1 is `` ` ``: the end of a
/// prefix.
pub(super) fn id_range<K: Kind>(filter: &ObjectFilter, direction: &Direction) -> Range<String> {
    let prefix = K::RESOURCE.prefix;
    let first = |at: Timestamp| Id::<K>::first_at(at).to_string();
    let mut range = format!("{prefix}_")..format!("{prefix}`");
    // The start is not in the range, and no id is as small as the first of its instant in practice: its
    // random part is 0.
    range.start = filter.created_from.map_or(range.start, first);
    range.end = filter.created_until.map_or(range.end, first);
    match direction {
        Direction::Newest => {}
        Direction::After(cursor) => range.end = range.end.min(cursor.clone()),
        Direction::Before(cursor) => range.start = range.start.max(cursor.clone()),
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Customer;

    #[test]
    fn a_range_covers_its_kind_and_no_other() {
        let range = id_range::<Customer>(&ObjectFilter::default(), &Direction::Newest);
        let id = Id::<Customer>::generate(Timestamp::from_millis(1)).to_string();
        assert!(range.contains(&id));
        assert!(!range.contains(&"we_01J9ZW6QAPZK9N3FBJ0WB5K7TX".to_owned()));
        assert!(!range.contains(&"cs_01J9ZW6QAPZK9N3FBJ0WB5K7TX".to_owned()));
    }

    #[test]
    fn times_and_cursors_narrow_it() {
        let at = |second: u64| Id::<Customer>::generate(Timestamp::from_millis(second * 1000)).to_string();
        let (old, middle, new) = (at(4_000_000_000), at(4_000_000_010), at(4_000_000_020));
        let filter = ObjectFilter {
            created_from: Some(Timestamp::from_millis(4_000_000_005_000)),
            created_until: Some(Timestamp::from_millis(4_000_000_015_000)),
            ..ObjectFilter::default()
        };
        let range = id_range::<Customer>(&filter, &Direction::Newest);
        assert!(range.contains(&middle) && !range.contains(&old) && !range.contains(&new));
        let range = id_range::<Customer>(&filter, &Direction::After(old));
        assert!(range.is_empty());
    }
}
