//! The parameters that all lists share.

use std::fmt;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::App;
use super::caller::Caller;
use super::error::ApiError;
use super::params::integer;
use super::render::{self, Rendered};
use crate::clock::{SECOND_MAX, Timestamp};
use crate::contract::Kind;
use crate::domain::{ParameterError, Problem, Rejection};
use crate::id::Id;
use crate::read::objects::ObjectFilter;
use crate::read::page::Listed;
use crate::read::{Direction, Page};

/// The most entries of a page.
const LIMIT_MAX: i64 = 100;
/// How many entries a page has where nothing is said.
const LIMIT_DEFAULT: i64 = 10;
/// What times and amounts are.
const INT64: SchemaFormat = SchemaFormat::KnownFormat(KnownFormat::Int64);

/// The parameters of a list that takes no others.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PageParams {
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    starting_after: Option<String>,
}

impl PageParams {
    /// The page they ask for.
    pub(super) fn page(self) -> Result<Page, ParameterError> {
        page(self.limit, self.starting_after, self.ending_before)
    }
}

/// The page that `limit`, `starting_after` and `ending_before` ask for.
pub(super) fn page(
    limit: Option<i64>,
    starting_after: Option<String>,
    ending_before: Option<String>,
) -> Result<Page, ParameterError> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ParameterError::new("limit", Problem::OutOfRange(1, LIMIT_MAX)));
    }
    let direction = match (starting_after, ending_before) {
        (None, None) => Direction::Newest,
        (Some(cursor), None) => Direction::After(cursor),
        (None, Some(cursor)) => Direction::Before(cursor),
        (Some(_), Some(_)) => {
            return Err(ParameterError::new("starting_after", Problem::ExclusiveWith("ending_before")));
        }
    };
    Ok(Page { limit: usize::try_from(limit).unwrap_or(usize::MAX), direction })
}

/// The refusal of a cursor that names no object of the account.
pub(super) fn no_such_cursor<K: Kind>(page: &Page) -> ApiError {
    let (param, id) = match &page.direction {
        Direction::Before(id) => ("ending_before", id.clone()),
        Direction::After(id) => ("starting_after", id.clone()),
        Direction::Newest => ("starting_after", String::new()),
    };
    ParameterError::new(param, Problem::NoSuchObject { noun: K::RESOURCE.noun, id }).into()
}

/// A page of the living objects of one kind, as it is sent. A cursor may be an object that was deleted meanwhile, so that a
/// client that deletes what it pages through gets to the end.
pub(super) async fn objects<K: Kind>(
    app: &App,
    caller: &Caller,
    url: &'static str,
    filter: &ObjectFilter,
    page: &Page,
) -> Result<Rendered, ApiError> {
    if let Direction::After(cursor) | Direction::Before(cursor) = &page.direction {
        let id = cursor.parse::<Id<K>>().map_err(|_| no_such_cursor::<K>(page))?;
        app.reader.object(caller.account.id, id).await?.ok_or_else(|| no_such_cursor::<K>(page))?;
    }
    let listed = app.reader.objects::<K>(caller.account.id, filter, page).await?;
    let entries = listed.entries.into_iter().map(|object| object.data).collect();
    render::list(url, Listed { entries, has_more: listed.has_more })
}

/// The `created` parameter: a second, or bounds that combine. In whole seconds, as clients see times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TimeRange {
    /// From this instant on.
    pub(super) from: Option<Timestamp>,
    /// Before this instant.
    pub(super) until: Option<Timestamp>,
}

impl PartialSchema for TimeRange {
    fn schema() -> RefOr<Schema> {
        let second = || ObjectBuilder::new().schema_type(Type::Integer).format(Some(INT64));
        let bounds = ["gt", "gte", "lt", "lte"];
        let range = bounds.iter().fold(ObjectBuilder::new(), |range, bound| range.property(*bound, second()));
        let range = range.additional_properties(Some(AdditionalProperties::FreeForm(false)));
        OneOfBuilder::new().item(second()).item(range).into()
    }
}

impl ToSchema for TimeRange {}

// The schema of a struct shows its fields' defaults; without bounds there is nothing to show.
impl Serialize for TimeRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

/// The first instant after a second.
pub(super) fn end_of(second: i64) -> Timestamp {
    start_of(second.saturating_add(1))
}

/// The first instant of a second. What is too early or too late to be stored is the earliest or the latest.
fn start_of(second: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(second).unwrap_or(0).min(SECOND_MAX) * 1000)
}

impl TimeRange {
    fn narrow<E: Error>(&mut self, bound: &str, second: i64) -> Result<(), E> {
        let (start, end) = (start_of(second), end_of(second));
        let (from, until) = match bound {
            "gte" => (Some(start), None),
            "gt" => (Some(end), None),
            "lt" => (None, Some(start)),
            "lte" => (None, Some(end)),
            _ => return Err(E::unknown_field(bound, &["gt", "gte", "lt", "lte"])),
        };
        self.from = self.from.max(from);
        self.until = [self.until, until].into_iter().flatten().min();
        Ok(())
    }
}

impl<'de> Deserialize<'de> for TimeRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeRangeVisitor)
    }
}

struct TimeRangeVisitor;

impl<'de> Visitor<'de> for TimeRangeVisitor {
    type Value = TimeRange;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in Unix seconds, or a hash of gt, gte, lt and lte")
    }

    fn visit_i64<E: Error>(self, second: i64) -> Result<TimeRange, E> {
        let mut range = TimeRange::default();
        range.narrow("gte", second)?;
        range.narrow("lte", second)?;
        Ok(range)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TimeRange, E> {
        self.visit_i64(integer(text).ok_or_else(|| E::custom("must be a time in Unix seconds"))?)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut bounds: A) -> Result<TimeRange, A::Error> {
        let mut range = TimeRange::default();
        while let Some((bound, second)) = bounds.next_entry::<String, i64>()? {
            range.narrow(&bound, second)?;
        }
        Ok(range)
    }
}

/// The id in a route's path. A text that is no id of a `K` names nothing: 404, as for any other id that is not there.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathId<K: Kind>(pub Id<K>);

impl<S: Send + Sync, K: Kind> FromRequestParts<S> for PathId<K> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text =
            Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text).unwrap_or_default();
        let missing = || Rejection::NoSuchObject { noun: K::RESOURCE.noun, id: text.clone() };
        Ok(Self(text.parse().map_err(|_| missing())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_100_entries_and_one_cursor() {
        assert_eq!(page(None, None, None).expect("a page").limit, 10);
        for limit in [0, 101, -1, i64::MAX] {
            assert_eq!(page(Some(limit), None, None).unwrap_err().param, "limit");
        }
        assert_eq!(
            page(None, Some("a".into()), Some("b".into())).unwrap_err().problem,
            Problem::ExclusiveWith("ending_before")
        );
    }

    #[test]
    fn bounds_combine() {
        let mut range = TimeRange::default();
        for (bound, second) in [("gt", 5), ("gte", 3), ("lt", 20), ("lte", 30)] {
            range.narrow::<ParameterError>(bound, second).expect("a known bound");
        }
        assert_eq!(range.from, Some(Timestamp::from_millis(6_000)));
        assert_eq!(range.until, Some(Timestamp::from_millis(20_000)));
        assert!(range.narrow::<ParameterError>("eq", 1).is_err());
    }
}
