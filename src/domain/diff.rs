//! `previous_attributes`: what an update changed, with the former values.
//!
//! Of an object the changed fields; of a hash within it only the changed entries, null for one that was not there; of a
//! list the whole former list.

use serde_json::{Map, Value};

/// The former values of whatever differs; `None` when nothing does.
pub fn previous_attributes(
    before: &str,
    after: &str,
) -> Result<Option<Map<String, Value>>, serde_json::Error> {
    if before == after {
        return Ok(None);
    }
    Ok(changed(&serde_json::from_str(before)?, &serde_json::from_str(after)?))
}

fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut previous = Map::new();
    for (name, was) in before {
        match (was, after.get(name)) {
            (was, Some(is)) if was == is => {}
            (Value::Object(was), Some(Value::Object(is))) => {
                if let Some(inner) = changed(was, is) {
                    previous.insert(name.clone(), Value::Object(inner));
                }
            }
            (was, _) => drop(previous.insert(name.clone(), was.clone())),
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        previous.insert(name.clone(), Value::Null);
    }
    (!previous.is_empty()).then_some(previous)
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
    fn a_hash_that_comes_or_goes_is_shown_whole() {
        assert_eq!(
            diff(&json!({"address": null}), &json!({"address": {"city": "x"}})),
            Some(json!({"address": null}))
        );
        let gone = json!({"address": {"city": "x"}});
        assert_eq!(diff(&gone, &json!({"address": null})), Some(gone));
    }

    #[test]
    fn nothing_changed_is_nothing() {
        let value = json!({"metadata": {"a": "1"}, "balance": 0});
        assert_eq!(diff(&value, &value), None);
    }
}
