//! `previous_attributes`: the changes of an update, with the former values.
//!
//! The changed fields of an object are there; of a hash within it only the changed entries, null for one that
//! was not there; of a list the whole former list.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The fields of an object, whose names need no escape, each with its text.
type Texts<'a> = BTreeMap<&'a str, &'a RawValue>;

/// The former values of all members that differ; `None` when none does. Both are objects as they are stored.
pub fn previous_attributes(
    before: &str,
    after: &str,
) -> Result<Option<Map<String, Value>>, serde_json::Error> {
    if before == after {
        return Ok(None);
    }
    let (before, after): (Texts<'_>, Texts<'_>) =
        (serde_json::from_str(before)?, serde_json::from_str(after)?);
    Ok(changed(&differing(&before, &after)?, &differing(&after, &before)?))
}

/// The fields that have another text in the other object. Only these are read: most of an object stays as it
/// was.
fn differing(of: &Texts<'_>, other: &Texts<'_>) -> Result<Map<String, Value>, serde_json::Error> {
    let is_same =
        |name: &str, text: &RawValue| other.get(name).is_some_and(|other| other.get() == text.get());
    of.iter()
        .filter(|(name, text)| !is_same(name, text))
        .map(|(name, text)| Ok(((*name).to_owned(), serde_json::from_str(text.get())?)))
        .collect()
}

/// A field that isn't there is null: an object that was stored before its resource got the field hasn't
/// changed when it has it.
fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut previous = Map::new();
    for (name, was) in before {
        if let Some(inner) = former(was, after.get(name).unwrap_or(&Value::Null)) {
            previous.insert(name.clone(), inner);
        }
    }
    for (name, is) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        if let Some(was) = former(&Value::Null, is) {
            previous.insert(name.clone(), was);
        }
    }
    (!previous.is_empty()).then_some(previous)
}

/// The part of a value that changed, as it was.
fn former(was: &Value, is: &Value) -> Option<Value> {
    match (was, is) {
        (was, is) if was == is => None,
        (Value::Object(was), Value::Object(is)) => changed(was, is).map(Value::Object),
        (was, _) => Some(was.clone()),
    }
}

/// True if an event's `previous_attributes` tell of the change that led to `after`. Versions up to 1.1 also
/// named fields that were new and null.
pub fn tells_of(
    told: &str,
    change: Option<&Map<String, Value>>,
    after: &str,
) -> Result<bool, serde_json::Error> {
    let told: Map<String, Value> = serde_json::from_str(told)?;
    if Some(&told) == change {
        return Ok(true);
    }
    let rest = without_nulls(&told, &serde_json::from_str(after)?);
    Ok(rest != told && rest == change.cloned().unwrap_or_default())
}

/// The former values, without those that were null and still are; of a hash, too.
fn without_nulls(told: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let rest = |(name, was): (&String, &Value)| match (was, after.get(name).unwrap_or(&Value::Null)) {
        (Value::Null, Value::Null) => None,
        (Value::Object(was), Value::Object(is)) => {
            let rest = without_nulls(was, is);
            (!rest.is_empty()).then(|| (name.clone(), Value::Object(rest)))
        }
        _ => Some((name.clone(), was.clone())),
    };
    told.iter().filter_map(rest).collect()
}

/// A field that an event changed, or a field of a hash within: its name with dots, and both values as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `metadata.plan`.
    pub field: String,
    /// The value before.
    pub was: String,
    /// The value after.
    pub is: String,
}

/// The changes of an event, as its `previous_attributes` say.
#[must_use]
pub fn changes(event: &Value) -> Vec<Change> {
    let mut all = Vec::new();
    let parts = (event.pointer("/data/previous_attributes"), event.pointer("/data/object"));
    if let (Some(previous), Some(object)) = parts {
        compare("", previous, object, &mut all);
    }
    all
}

fn compare(field: &str, was: &Value, is: &Value, all: &mut Vec<Change>) {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            for (name, was) in was {
                let field = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                compare(&field, was, is.get(name).unwrap_or(&Value::Null), all);
            }
        }
        _ => all.push(Change { field: field.to_owned(), was: was.to_string(), is: is.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn diff(before: &Value, after: &Value) -> Option<Value> {
        previous_attributes(&before.to_string(), &after.to_string()).expect("JSON").map(Value::Object)
    }

    #[test]
    fn former_values_of_what_changed_and_of_nothing_else() {
        let before =
            json!({"name": "Ada", "email": null, "metadata": {"a": "1", "b": "2"}, "locales": ["en", "de"]});
        let after =
            json!({"name": "Bob", "email": null, "metadata": {"a": "9", "c": "3"}, "locales": ["en"]});
        let expected =
            json!({"name": "Ada", "metadata": {"a": "1", "b": "2", "c": null}, "locales": ["en", "de"]});
        assert_eq!(diff(&before, &after), Some(expected));
    }

    #[test]
    fn changes_name_their_fields_within_hashes_too() {
        let event = json!({ "data": {
            "object": { "id": "cus_1", "name": "Ada", "metadata": { "plan": "pro" }, "phone": null },
            "previous_attributes": { "name": null, "metadata": { "plan": "free", "trial": "yes" } },
        } });
        let told: Vec<String> = changes(&event)
            .into_iter()
            .map(|Change { field, was, is }| format!("{field} {was} {is}"))
            .collect();
        assert_eq!(
            told,
            [r#"metadata.plan "free" "pro""#, r#"metadata.trial "yes" null"#, r#"name null "Ada""#]
        );
        assert!(changes(&json!({ "data": { "object": {} } })).is_empty());
    }

    #[test]
    fn a_hash_that_comes_or_goes_is_shown_whole() {
        assert_eq!(
            diff(&json!({"address": null}), &json!({"address": {"city": "x"}})),
            Some(json!({"address": null}))
        );
        let gone = json!({"address": {"city": "x"}});
        assert_eq!(diff(&gone, &json!({"address": null})), Some(gone));
    }

    #[test]
    fn a_field_that_its_resource_did_not_have_yet_was_null() {
        let (before, after) = (json!({"name": "Ada"}), json!({"name": "Ada", "caption": null}));
        assert_eq!((diff(&before, &after), diff(&after, &before)), (None, None));
        let named = json!({"name": "Bob", "caption": "x"});
        assert_eq!(diff(&before, &named), Some(json!({"name": "Ada", "caption": null})));
        let tells = |told: &Value, after: &Value| {
            let change = previous_attributes(&before.to_string(), &after.to_string()).expect("JSON");
            tells_of(&told.to_string(), change.as_ref(), &after.to_string()).expect("JSON")
        };
        let renamed = json!({"name": "Bob", "caption": null});
        assert!(tells(&json!({"name": "Ada"}), &renamed));
        assert!(tells(&json!({"name": "Ada", "caption": null}), &renamed), "as before");
        assert!(tells(&json!({"caption": null}), &after), "an update that changed nothing, as before");
        assert!(!tells(&json!({"name": "Ada"}), &named), "the caption is missing");
        assert!(!tells(&json!({}), &after), "nothing has happened");
        let hashes = json!({"name": "Ada", "address": {"city": null}});
        let told = json!({"address": {"line2": null}}).to_string();
        let after = json!({"name": "Ada", "address": {"city": null, "line2": null}}).to_string();
        assert_eq!(previous_attributes(&hashes.to_string(), &after).expect("JSON"), None);
        assert!(tells_of(&told, None, &after).expect("JSON"), "a field of a hash");
        assert!(!tells(&json!({"name": "Eve", "caption": null}), &renamed));
    }

    #[test]
    fn nothing_changed_is_nothing() {
        let value = json!({"metadata": {"a": "1"}, "balance": 0});
        assert_eq!(diff(&value, &value), None);
    }
}
