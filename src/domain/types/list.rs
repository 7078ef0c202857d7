//! Lists with a bound.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::__dev::ComposeSchema;
use utoipa::ToSchema;
use utoipa::openapi::{ArrayBuilder, RefOr, Schema};

use super::bound::Bound;

/// A list of at most `MAX` entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(pub Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Entries::<T, MAX>(PhantomData)).map(Self)
    }
}

struct Entries<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Entries<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = entries.next_element()? {
            if all.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &Bound::Entries(MAX)));
            }
            all.push(entry);
        }
        Ok(all)
    }
}

impl<T: ToSchema + ComposeSchema, const MAX: usize> ComposeSchema for List<T, MAX> {
    fn compose(of: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let entry = of.into_iter().next().unwrap_or_else(|| T::compose(Vec::new()));
        ArrayBuilder::new().items(entry).max_items(Some(MAX)).into()
    }
}

impl<T: ToSchema + ComposeSchema, const MAX: usize> ToSchema for List<T, MAX> {
    fn name() -> Cow<'static, str> {
        format!("{}List{MAX}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_more_is_too_much() {
        let read = serde_json::from_str::<List<u8, 2>>;
        assert_eq!(read("[1, 2]").expect("a list").0, [1, 2]);
        assert!(read("[1, 2, 3]").unwrap_err().to_string().contains("at most 2 entries"));
    }
}
