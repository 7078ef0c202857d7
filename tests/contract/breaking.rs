//! What of a contract would break its clients and subscribers if it became another.

use serde_json::{Value, json};

/// On which side of the API a schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Clients send it: what was taken must be taken, and nothing more may be demanded.
    Taken,
    /// We send it: what was there must be there.
    Sent,
}

/// Everything that is broken, by its place.
pub(super) fn broken(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before, after, Side::Sent, &mut found);
    found
}

fn compare(place: &str, before: &Value, after: &Value, side: Side, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                let place = format!("{place}/{}", name.replace('/', "~1"));
                let side = side_of(&place, side);
                match (name.as_str(), new.get(name)) {
                    ("description" | "summary" | "title" | "operationId", _) => {}
                    ("required", now) => compare_required(&place, value, now, side, found),
                    ("enum" | "x-event-types" | "x-emits", Some(now)) => {
                        gone(&place, value, now, "no longer has", found);
                    }
                    ("parameters", Some(now)) => compare_parameters(&place, value, now, found),
                    ("oneOf" | "anyOf", Some(now)) => compare_alternatives(&place, value, now, side, found),
                    // A bound that is gone takes more than before; an answer without one may be more than was said.
                    (
                        "pattern" | "minimum" | "maximum" | "maxLength" | "minItems" | "default" | "format",
                        None,
                    ) if side == Side::Taken => {}
                    (_, None) => found.push(format!("{place} is gone")),
                    (_, Some(now)) => compare(&place, value, now, side, found),
                }
            }
            if let (None, Some(now)) = (old.get("required"), new.get("required"))
                && now.is_array()
            {
                compare_required(
                    &format!("{place}/required"),
                    &json!([]),
                    Some(now),
                    side_of(place, side),
                    found,
                );
            }
        }
        (old, new) if old != new => found.push(format!("{place}: {old} has become {new}")),
        _ => {}
    }
}

fn side_of(place: &str, side: Side) -> Side {
    let in_path = place.contains("/requestBody") || place.contains("/parameters");
    let is_body = place.starts_with("/components/schemas/") && place.contains("Params");
    let is_taken = is_body || place.starts_with("/paths/") && in_path;
    if is_taken { Side::Taken } else { side }
}

/// What is in one list and not in the other.
fn gone(place: &str, from: &Value, in_: &Value, how: &str, found: &mut Vec<String>) {
    let others = in_.as_array().cloned().unwrap_or_default();
    for value in from.as_array().into_iter().flatten().filter(|value| !others.contains(value)) {
        found.push(format!("{place} {how} {value}"));
    }
}

fn compare_required(place: &str, before: &Value, after: Option<&Value>, side: Side, found: &mut Vec<String>) {
    let after = after.unwrap_or(&Value::Null);
    match (side, before, after) {
        // A parameter's own `required`, or a body's.
        (_, Value::Bool(before), after) => {
            if !before && *after == Value::Bool(true) {
                found.push(format!("{place} is demanded now"));
            }
        }
        (Side::Taken, before, after) => gone(place, after, before, "now demands", found),
        (Side::Sent, before, after) => gone(place, before, after, "no longer promises", found),
    }
}

fn compare_parameters(place: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
    let (before, after) = (list(before), list(after));
    for old in &before {
        let place = format!("{place}/{}", old["name"].as_str().unwrap_or_default());
        match after.iter().find(|new| same(old, new)) {
            None => found.push(format!("{place} is gone")),
            Some(new) => compare(&place, old, new, Side::Taken, found),
        }
    }
    for new in after.iter().filter(|new| new["required"] == true && !before.iter().any(|old| same(old, new)))
    {
        found.push(format!("{place} now demands {}", new["name"]));
    }
}

/// Each alternative has to be there still, or another that is like it.
fn compare_alternatives(place: &str, before: &Value, after: &Value, side: Side, found: &mut Vec<String>) {
    let after = after.as_array().cloned().unwrap_or_default();
    for (index, old) in before.as_array().into_iter().flatten().enumerate() {
        let place = format!("{place}/{index}");
        let differences = after.iter().map(|new| {
            let mut found = Vec::new();
            compare(&place, old, new, side, &mut found);
            found
        });
        match differences.min_by_key(Vec::len) {
            None => found.push(format!("{place} is gone")),
            Some(least) => found.extend(least),
        }
    }
}

#[cfg(test)]
mod tests {
    use calmony_pay::http::openapi::document;
    use serde_json::{Value, json};

    use super::broken;

    /// What is found when that is done to the contract.
    fn after(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut changed = document().clone();
        change(&mut changed);
        assert_ne!(changed, *document(), "there was something to change");
        broken(document(), &changed)
    }

    fn remove(from: &mut Value, place: &str, name: &str) {
        from.pointer_mut(place).and_then(Value::as_object_mut).expect(place).remove(name).expect(name);
    }

    fn take(from: &mut Value, place: &str) {
        from.pointer_mut(place).and_then(Value::as_array_mut).expect(place).remove(0);
    }

    #[test]
    fn whatever_is_planted_is_found() {
        const BODY: &str = "/components/schemas/CustomerParams";
        let planted: [(&str, Vec<String>); 13] = [
            ("a route", after(|doc| remove(doc, "/paths", "/v1/customers/{id}"))),
            ("a method", after(|doc| remove(doc, "/paths/~1v1~1customers~1{id}", "delete"))),
            ("a parameter", after(|doc| remove(doc, &format!("{BODY}/properties"), "email"))),
            (
                "a demand",
                after(|doc| {
                    doc.pointer_mut(BODY).expect(BODY)["required"] = json!(["name"]);
                }),
            ),
            (
                "a demanded query parameter",
                after(|doc| {
                    let parameters = doc.pointer_mut("/paths/~1v1~1customers/get/parameters");
                    parameters.and_then(Value::as_array_mut).expect("a list").push(json!({
                    "name": "page", "in": "query", "required": true, "schema": { "type": "string" } }));
                }),
            ),
            ("a query parameter", after(|doc| take(doc, "/paths/~1v1~1customers/get/parameters"))),
            ("a field", after(|doc| remove(doc, "/components/schemas/Customer/properties", "phone"))),
            ("a promise", after(|doc| take(doc, "/components/schemas/Customer/required"))),
            (
                "a type",
                after(|doc| {
                    doc["components"]["schemas"]["Customer"]["properties"]["balance"]["type"] =
                        json!("string");
                }),
            ),
            ("an event", after(|doc| remove(doc, "/webhooks", "customer.deleted"))),
            ("an emitted event", after(|doc| take(doc, "/paths/~1v1~1customers/post/x-emits"))),
            ("a prefix", after(|doc| remove(doc, "/x-id-prefixes", "we_"))),
            (
                "a value",
                after(|doc| take(doc, "/components/schemas/Error/properties/error/properties/code/enum")),
            ),
        ];
        for (what, found) in planted {
            assert!(!found.is_empty(), "{what} was taken away or added, and nothing was found");
        }
    }

    #[test]
    fn what_only_adds_breaks_nothing() {
        let found = after(|doc| {
            doc["paths"]["/v1/things"] = json!({ "get": {} });
            doc["components"]["schemas"]["Customer"]["properties"]["nickname"] = json!({ "type": "string" });
            let parameters = doc.pointer_mut("/paths/~1v1~1customers/get/parameters");
            parameters.and_then(Value::as_array_mut).expect("a list").push(json!({
                "name": "phone", "in": "query", "required": false, "schema": { "type": "string" } }));
        });
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(broken(document(), document()), Vec::<String>::new());
    }
}
