//! Metadata: up to 50 texts under names of the caller's choice, merged name by name.

use std::collections::BTreeMap;

use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema, Type};

use super::patch::Patch;
use crate::domain::{ParameterError, Problem, schema};

/// The most entries, counted after the merge.
pub const ENTRIES_MAX: usize = 50;
/// The longest name, in characters.
pub const NAME_MAX: usize = 40;
/// The longest value, in characters.
pub const VALUE_MAX: usize = 500;

/// Metadata as it is stored and shown.
pub type Metadata = BTreeMap<String, String>;

/// A change of metadata that a call asks for: for each name a value, or `None` to remove it.
pub type MetadataChange = Patch<BTreeMap<String, Option<String>>>;

/// The metadata after the call. An empty value removes its name, an empty hash (`metadata=`) removes all.
pub fn merge(change: MetadataChange, mut current: Metadata) -> Result<Metadata, ParameterError> {
    let entries = match change {
        Patch::Keep => return Ok(current),
        Patch::Unset => return Ok(Metadata::new()),
        Patch::Set(entries) => entries,
    };
    for (name, value) in entries {
        match value {
            None => drop(current.remove(&name)),
            Some(value) => {
                check(&name, &value)?;
                current.insert(name, value);
            }
        }
    }
    if current.len() > ENTRIES_MAX {
        return Err(ParameterError::new("metadata", Problem::TooMany(ENTRIES_MAX)));
    }
    Ok(current)
}

fn check(name: &str, value: &str) -> Result<(), ParameterError> {
    let refuse = |reason: String| Err(ParameterError::new("metadata", Problem::Malformed(reason)));
    if name.is_empty() {
        return refuse("its names must not be empty".to_owned());
    }
    if name.contains(['[', ']']) {
        return refuse("its names must not have brackets".to_owned());
    }
    if name.chars().count() > NAME_MAX {
        return refuse(format!("its names must be at most {NAME_MAX} characters"));
    }
    if value.chars().count() > VALUE_MAX {
        return Err(ParameterError::new(format!("metadata[{name}]"), Problem::TooLong(VALUE_MAX)));
    }
    Ok(())
}

/// The schema of metadata, as it is sent.
pub(crate) fn schema() -> Object {
    schema_of(ObjectBuilder::new().schema_type(Type::String).max_length(Some(VALUE_MAX)).build())
}

/// The schema of a change of metadata.
pub(crate) fn change_schema() -> Object {
    let mut change = schema_of(schema::text(VALUE_MAX));
    change.schema_type = SchemaType::from_iter([Type::Object, Type::Null]);
    change
}

fn schema_of(value: Object) -> Object {
    let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let name = name.max_length(Some(NAME_MAX)).pattern(Some("^[^\\[\\]]*$"));
    ObjectBuilder::new()
        .property_names(Some(name))
        .additional_properties(Some(RefOr::T(Schema::Object(value))))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(entries: &[(&str, Option<&str>)]) -> MetadataChange {
        Patch::Set(entries.iter().map(|(name, value)| ((*name).into(), value.map(Into::into))).collect())
    }

    fn metadata(entries: &[(&str, &str)]) -> Metadata {
        entries.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn names_merge_and_an_empty_value_removes() {
        let before = metadata(&[("a", "1"), ("b", "2")]);
        let after = merge(set(&[("b", None), ("c", Some("3"))]), before.clone());
        assert_eq!(after, Ok(metadata(&[("a", "1"), ("c", "3")])));
        assert_eq!(merge(Patch::Unset, before.clone()), Ok(Metadata::new()));
        assert_eq!(merge(Patch::Keep, before.clone()), Ok(before));
    }

    #[test]
    fn limits_are_checked_on_the_result() {
        let full: Metadata = (0..50).map(|n| (n.to_string(), String::new())).collect();
        assert!(merge(set(&[("0", None), ("new", Some("x"))]), full.clone()).is_ok());
        let error = merge(set(&[("new", Some("x"))]), full).unwrap_err();
        assert_eq!(error, ParameterError::new("metadata", Problem::TooMany(50)));
        let long = "x".repeat(501);
        let error = merge(set(&[("k", Some(&long))]), Metadata::new()).unwrap_err();
        assert_eq!(error, ParameterError::new("metadata[k]", Problem::TooLong(500)));
        for (name, reason) in
            [("", "empty"), ("a[b]", "brackets"), ("]", "brackets"), (long.as_str(), "characters")]
        {
            let error = merge(set(&[(name, Some("x"))]), Metadata::new()).unwrap_err();
            assert!(matches!(error.problem, Problem::Malformed(said) if said.contains(reason)), "{name}");
        }
    }
}
