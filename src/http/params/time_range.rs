//! Ranges of time.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::tree::integer;
use crate::clock::{SECOND_MAX, Timestamp};

/// The format of times and amounts.
const INT64: SchemaFormat = SchemaFormat::KnownFormat(KnownFormat::Int64);

/// The `created` parameter: a second, or bounds that combine. In whole seconds, as clients see times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TimeRange {
    /// From this instant on.
    pub(crate) from: Option<Timestamp>,
    /// Before this instant.
    pub(crate) until: Option<Timestamp>,
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
pub(crate) fn end_of(second: i64) -> Timestamp {
    start_of(second.saturating_add(1))
}

/// The first instant of a second. One too early or too late to be stored is the earliest or the latest.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ParameterError;

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
