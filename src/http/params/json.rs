//! JSON bodies. A name given twice is refused, because two readers could take two different ones.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::tree::Tree;
use crate::http::error::ApiError;

/// Reads a JSON body.
pub(super) fn parse(body: &[u8]) -> Result<Tree, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::MalformedBody(error.to_string()))
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::OtherNumber(value.into()), Tree::Integer))
    }

    /// `5.0` is an integer, as JSON Schema has it; up to 2^53, where every integer is a float.
    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        let is_integer = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
        let integer = is_integer.then(|| format!("{value:.0}").parse().ok()).flatten();
        let other = || Number::from_f64(value).map_or(Tree::Null, Tree::OtherNumber);
        Ok(integer.map_or_else(other, Tree::Integer))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Tree::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut names = std::collections::HashSet::new();
        let mut entries = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Tree>()? {
            if !names.insert(name.clone()) {
                let name: String = name.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("the name '{name}' is given twice")));
            }
            entries.push((name, value));
        }
        Ok(Tree::Map(entries))
    }
}
