//! What of a contract would break its clients and subscribers if it became another.

use serde_json::{Map, Value, json};

/// On which side of the API a schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Clients send it: what was taken must be taken, and nothing more may be demanded.
    Taken,
    /// We send it: what was there must be there, and nothing of another kind.
    Sent,
}

/// Everything that is broken, by its place.
pub(super) fn broken(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Found(Vec::new());
    found.names("/paths", before, after, |found, place, old, new| {
        found.names(place, old, new, Found::operation);
    });
    found.names("/webhooks", before, after, |found, place, old, new| {
        found.names(place, old, new, Found::webhook);
    });
    found.names("/components/schemas", before, after, |found, place, old, new| {
        let side = if place.contains("Params") { Side::Taken } else { Side::Sent };
        found.schema(place, old, new, side);
    });
    found.names("/x-id-prefixes", before, after, Found::same);
    found.gone("/x-event-types", &before["x-event-types"], &after["x-event-types"], "no longer has");
    found.0
}

struct Found(Vec<String>);

/// What is at a place of a document: for `/a/b` what is in `a`'s `b`; a longer place was walked to.
fn entries(at: &str, value: &Value) -> Map<String, Value> {
    let value = value.pointer(at).unwrap_or(value);
    value.as_object().cloned().unwrap_or_default()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

impl Found {
    fn say(&mut self, place: &str, what: &str) {
        self.0.push(format!("{place} {what}"));
    }

    /// A map of names, each of which has to stay.
    fn names(
        &mut self,
        place: &str,
        old: &Value,
        new: &Value,
        compare: impl Fn(&mut Self, &str, &Value, &Value),
    ) {
        let (old, new) = (entries(place, old), entries(place, new));
        for (name, value) in &old {
            let place = format!("{place}/{}", name.replace('/', "~1"));
            match new.get(name) {
                None => self.say(&place, "is gone"),
                Some(now) => compare(self, &place, value, now),
            }
        }
    }

    fn same(&mut self, place: &str, old: &Value, new: &Value) {
        if old != new {
            self.say(place, &format!("was {old} and is {new}"));
        }
    }

    /// What is in one list and not in the other.
    fn gone(&mut self, place: &str, from: &Value, others: &Value, how: &str) {
        let others = list(others);
        for value in list(from).iter().filter(|value| !others.contains(value)) {
            self.say(place, &format!("{how} {value}"));
        }
    }

    fn operation(&mut self, place: &str, old: &Value, new: &Value) {
        self.gone(place, &old["x-emits"], &new["x-emits"], "no longer emits");
        self.parameters(place, &list(&old["parameters"]), &list(&new["parameters"]));
        if new["requestBody"]["required"] == true && old["requestBody"]["required"] != true {
            self.say(place, "now demands a body");
        }
        self.content(&format!("{place}/requestBody"), &old["requestBody"], &new["requestBody"], Side::Taken);
        self.names(
            &format!("{place}/responses"),
            &old["responses"],
            &new["responses"],
            |found, place, old, new| {
                found.content(place, old, new, Side::Sent);
            },
        );
    }

    fn webhook(&mut self, place: &str, old: &Value, new: &Value) {
        self.content(place, &old["requestBody"], &new["requestBody"], Side::Sent);
    }

    fn content(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        self.names(place, &old["content"], &new["content"], |found, place, old, new| {
            found.schema(place, &old["schema"], &new["schema"], side);
        });
    }

    fn parameters(&mut self, place: &str, before: &[Value], after: &[Value]) {
        let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        for old in before {
            let place = format!("{place}/{}", old["name"].as_str().unwrap_or_default());
            match after.iter().find(|new| same(old, new)) {
                None => self.say(&place, "is gone"),
                Some(new) => self.schema(&place, &old["schema"], &new["schema"], Side::Taken),
            }
        }
        let demanded = |one: &&Value| one["required"] == true;
        for new in after.iter().filter(demanded) {
            if !before.iter().filter(demanded).any(|old| same(old, new)) {
                self.say(place, &format!("now demands {}", new["name"]));
            }
        }
    }

    fn schema(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        if old["oneOf"].is_array()
            || new["oneOf"].is_array()
            || old["anyOf"].is_array()
            || new["anyOf"].is_array()
        {
            return self.alternatives(place, old, new, side);
        }
        if old["$ref"] != new["$ref"] {
            return self.same(place, &old["$ref"], &new["$ref"]);
        }
        let (wide, narrow) = if side == Side::Taken { (new, old) } else { (old, new) };
        self.gone(place, &kinds(narrow), &kinds(wide), "is no longer as it was: type");
        self.bounds(place, old, new, side);
        self.properties(place, old, new, side);
        for inner in ["items", "additionalProperties", "propertyNames"] {
            if old[inner].is_object() && new[inner].is_object() {
                self.schema(&format!("{place}/{inner}"), &old[inner], &new[inner], side);
            }
        }
    }

    fn properties(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let at = format!("{place}/properties");
        self.names(&at, &old["properties"], &new["properties"], |found, place, old, new| {
            found.schema(place, old, new, side);
        });
        match side {
            Side::Taken => {
                self.gone(place, &new["required"], &old["required"], "now demands");
                if new["additionalProperties"] == false && old["additionalProperties"] != false {
                    self.say(place, "no longer takes what it doesn't know");
                }
            }
            Side::Sent => self.gone(place, &old["required"], &new["required"], "no longer promises"),
        }
    }

    /// Values, patterns and bounds: what is taken may get wider, what is sent may get narrower. A value that was sent once stays
    /// documented.
    fn bounds(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        self.gone(place, &old["enum"], &new["enum"], "no longer has the value");
        if side == Side::Taken && old["enum"].is_null() && !new["enum"].is_null() {
            self.say(place, "takes certain values only");
        }
        let (wide, narrow) = if side == Side::Taken { (new, old) } else { (old, new) };
        for rule in ["pattern", "format"] {
            if wide[rule] != narrow[rule] && !wide[rule].is_null() {
                self.say(place, &format!("has another {rule}"));
            }
        }
        let number = |value: &Value| value.as_f64();
        for rule in ["maximum", "maxLength", "maxItems", "minimum", "minLength", "minItems"] {
            let is_max = rule.starts_with("max");
            let fits = match (number(&wide[rule]), number(&narrow[rule])) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(wide), Some(narrow)) => {
                    if is_max {
                        narrow <= wide
                    } else {
                        narrow >= wide
                    }
                }
            };
            if !fits {
                self.say(place, &format!("has another {rule}"));
            }
        }
    }

    /// Each alternative has to be there still, or another that is like it; and nothing else is sent.
    fn alternatives(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let (before, after) = (several(old), several(new));
        let fits = |old: &Value, new: &Value| {
            let mut found = Self(Vec::new());
            found.schema(place, old, new, side);
            found.0.is_empty()
        };
        for one in before.iter().filter(|old| !after.iter().any(|new| fits(old, new))) {
            self.say(place, &format!("is no longer {one}"));
        }
        if side == Side::Sent {
            for one in after.iter().filter(|new| !before.iter().any(|old| fits(old, new))) {
                self.say(place, &format!("may now be {one}"));
            }
        }
    }
}

fn kinds(schema: &Value) -> Value {
    match &schema["type"] {
        Value::String(kind) => json!([kind]),
        several => several.clone(),
    }
}

/// The alternatives of a schema; itself where it has none.
fn several(schema: &Value) -> Vec<Value> {
    let alternatives = [&schema["oneOf"], &schema["anyOf"]].into_iter().find(|some| some.is_array());
    alternatives.map_or_else(|| vec![schema.clone()], list)
}

#[cfg(test)]
mod tests {
    use calmony_pay::http::openapi::document;
    use serde_json::{Value, json};

    use super::broken;

    /// What is found when that is put in that place of the contract; null takes it away.
    fn after(place: &str, name: &str, value: Value) -> Vec<String> {
        let mut changed = document().clone();
        let parent = changed.pointer_mut(place).unwrap_or_else(|| panic!("{place} is there"));
        match parent {
            Value::Array(entries) if value.is_null() => drop(entries.remove(0)),
            Value::Array(entries) => entries.push(value),
            Value::Object(entries) if value.is_null() => drop(entries.remove(name).expect(name)),
            Value::Object(entries) => drop(entries.insert(name.to_owned(), value)),
            _ => panic!("{place} holds something"),
        }
        assert_ne!(changed, *document(), "there was something to change");
        broken(document(), &changed)
    }

    #[test]
    fn whatever_is_planted_is_found() {
        const CREATE: &str = "/paths/~1v1~1customers/post";
        const LIST: &str = "/paths/~1v1~1customers/get/parameters";
        const PARAMS: &str = "/components/schemas/CustomerParams";
        const CUSTOMER: &str = "/components/schemas/Customer";
        let text = || json!({ "type": "string" });
        for (place, name, value) in [
            ("/paths", "/v1/customers/{id}", Value::Null),
            ("/paths/~1v1~1customers~1{id}", "delete", Value::Null),
            ("/webhooks", "customer.deleted", Value::Null),
            ("/x-id-prefixes", "we_", Value::Null),
            ("/x-id-prefixes", "we_", json!("something else")),
            ("/x-event-types", "", Value::Null),
            (&format!("{CREATE}/x-emits"), "", Value::Null),
            (&format!("{CREATE}/responses"), "409", Value::Null),
            (&format!("{CREATE}/requestBody/content"), "application/json", Value::Null),
            ("/paths/~1v1~1replays~1{id}~1cancel/post", "requestBody", json!({ "required": true })),
            (LIST, "", Value::Null),
            (LIST, "", json!({ "name": "page", "in": "query", "required": true, "schema": text() })),
            (&format!("{LIST}/0"), "required", json!(true)),
            (&format!("{LIST}/0/schema"), "pattern", json!("^1")),
            (&format!("{PARAMS}/properties"), "description", Value::Null),
            (&format!("{PARAMS}/properties/name"), "maxLength", json!(10)),
            (&format!("{PARAMS}/properties/name"), "minLength", json!(1)),
            (&format!("{PARAMS}/properties/name"), "enum", json!(["Ada"])),
            (&format!("{PARAMS}/properties/name"), "type", json!("string")),
            (&format!("{PARAMS}/properties/preferred_locales"), "minItems", json!(1)),
            (PARAMS, "required", json!(["name"])),
            (&format!("{CUSTOMER}/properties"), "description", Value::Null),
            (&format!("{CUSTOMER}/properties/description"), "type", json!("object")),
            (&format!("{CUSTOMER}/properties/balance"), "type", json!(["integer", "null"])),
            (&format!("{CUSTOMER}/properties/tax_exempt/enum"), "", Value::Null),
            (&format!("{CUSTOMER}/properties/id"), "pattern", json!("^c_")),
            (&format!("{CUSTOMER}/required"), "", Value::Null),
            (
                &format!("{CREATE}/responses/200/content/application~1json/schema"),
                "$ref",
                json!("#/elsewhere"),
            ),
            (
                "/paths/~1v1~1customers~1{id}/get/responses/200/content/application~1json/schema/anyOf",
                "",
                text(),
            ),
            ("/components/schemas/Error/properties/error/properties/code/enum", "", Value::Null),
        ] {
            let found = after(place, name, value.clone());
            assert!(!found.is_empty(), "{place} {name} {value}: nothing was found");
        }
    }

    #[test]
    fn what_only_adds_breaks_nothing() {
        for (place, name, value) in [
            ("/paths", "/v1/things", json!({ "get": {} })),
            ("/x-event-types", "", json!("thing.created")),
            ("/components/schemas/Customer/properties", "nickname", json!({ "type": "string" })),
            ("/components/schemas/CustomerParams/properties", "nickname", json!({ "type": "string" })),
            ("/components/schemas/CustomerParams/properties/name", "maxLength", json!(10_000)),
            (
                "/components/schemas/CustomerParams/properties/tax_exempt/oneOf",
                "",
                json!({ "type": "integer" }),
            ),
            ("/components/schemas/Error/properties/error/properties/code/enum", "", json!("another")),
            (
                "/paths/~1v1~1customers/get/parameters",
                "",
                json!({ "name": "phone", "in": "query", "required": false, "schema": { "type": "string" } }),
            ),
            ("/paths/~1v1~1customers/post", "summary", json!("in other words")),
        ] {
            assert_eq!(after(place, name, value), Vec::<String>::new(), "{place} {name}");
        }
        assert_eq!(broken(document(), document()), Vec::<String>::new());
    }
}
