//! The changes of a contract that would break its clients and subscribers.
//!
//! Answers are open (`super::open`): they may have more than a client knows. Opening them broke nobody.
//! Closing them would let additions break clients.

mod planted;

use serde_json::{Map, Value, json};
use support::contract::{KNOWN, OTHER, is_taken};

/// The side of the API that a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Clients send it. Everything that was taken must be taken, and nothing more may be demanded.
    Taken,
    /// The API sends it. Everything that was there must be there, and nothing of another kind.
    Sent,
}

/// All breaking changes, by their place.
pub(super) fn broken(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Found { said: Vec::new(), before, after };
    found.names("/paths", before, after, |found, place, old, new| {
        found.names(place, old, new, Found::operation);
    });
    found.names("/webhooks", before, after, |found, place, old, new| {
        found.names(place, old, new, Found::webhook);
    });
    found.names("/components/schemas", before, after, |found, place, old, new| {
        // This component excludes the known kinds, so it grows with them.
        if place.ends_with(OTHER) {
            return;
        }
        let side = if is_taken(place) { Side::Taken } else { Side::Sent };
        found.schema(place, old, new, side);
    });
    found.names("/x-id-prefixes", before, after, Found::same);
    found.gone("/x-event-types", &before["x-event-types"], &after["x-event-types"], "no longer has");
    found.said
}

/// The findings so far, and the documents that references lead into.
struct Found<'a> {
    said: Vec<String>,
    before: &'a Value,
    after: &'a Value,
}

/// The entries at a place of a document: for `/a/b` those of `b` in `a`. A longer place was walked to.
fn entries(at: &str, value: &Value) -> Map<String, Value> {
    let value = value.pointer(at).unwrap_or(value);
    value.as_object().cloned().unwrap_or_default()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The beginnings that a pattern such as `^(cus|we)_…` allows, and the rest of the pattern.
fn beginnings(pattern: &Value) -> Option<(Vec<&str>, &str)> {
    let (all, rest) = pattern.as_str()?.strip_prefix("^(")?.split_once(')')?;
    Some((all.split('|').collect(), rest))
}

/// True for two patterns of which one allows all beginnings of the other, and more.
fn has_more_beginnings(wide: &Value, narrow: &Value) -> bool {
    let (Some(wide), Some(narrow)) = (beginnings(wide), beginnings(narrow)) else { return false };
    wide.1 == narrow.1 && narrow.0.iter().all(|one| wide.0.contains(one))
}

impl Found<'_> {
    fn say(&mut self, place: &str, what: &str) {
        self.said.push(format!("{place} {what}"));
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

    /// Reports the entries of one list that the other lacks.
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
        // A field that was always null promised nothing of its later type, so that naming the type breaks
        // nothing.
        if side == Side::Taken || old["type"] != "null" {
            self.without_alternatives(place, old, new, side);
        }
    }

    /// Compares schemas that have no alternatives.
    fn without_alternatives(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        if old["$ref"] != new["$ref"] {
            return self.references(place, old, new, side);
        }
        let (wide, narrow) = if side == Side::Taken { (new, old) } else { (old, new) };
        self.gone(place, &kinds(narrow), &kinds(wide), "is no longer as it was: type");
        self.values(place, old, new, side);
        self.bounds(place, old, new, side);
        self.properties(place, old, new, side);
        for inner in ["items", "additionalProperties", "propertyNames"] {
            if old[inner].is_object() && new[inner].is_object() {
                self.schema(&format!("{place}/{inner}"), &old[inner], &new[inner], side);
            }
        }
    }

    /// Compares references. Another name is a break in the API's answers, because clients use the name. In
    /// the requests of clients the schemas are compared.
    fn references(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let behind = |document: &Value, schema: &Value| match schema["$ref"].as_str() {
            Some(name) => document.pointer(name.trim_start_matches('#')).cloned(),
            None => Some(schema.clone()),
        };
        match (side, behind(self.before, old), behind(self.after, new)) {
            (Side::Taken, Some(old), Some(new)) => self.schema(place, &old, &new, side),
            _ => self.same(place, &old["$ref"], &new["$ref"]),
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
            Side::Sent => {
                self.gone(place, &old["required"], &new["required"], "no longer promises");
                if old["additionalProperties"] == true && new["additionalProperties"] != true {
                    self.say(place, "is closed, and was open");
                }
            }
        }
    }

    /// Compares the values of enumerations. More values may be taken. More may be sent, too, if the schema is
    /// open for that. A value that was once sent stays documented.
    fn values(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        match side {
            Side::Taken => {
                self.gone(place, &old["enum"], &new["enum"], "no longer has the value");
                if old["enum"].is_null() && !new["enum"].is_null() {
                    self.say(place, "takes certain values only");
                }
            }
            Side::Sent => {
                self.gone(place, &known(old), &known(new), "no longer has the value");
                if old[KNOWN].is_array() && !new[KNOWN].is_array() {
                    self.say(place, "is closed, and was open");
                }
                if old["enum"].is_array() && new["enum"].is_array() {
                    self.gone(place, &new["enum"], &old["enum"], "was closed and has the new value");
                }
            }
        }
    }

    /// Compares patterns and bounds. Those of requests may get wider, those of answers may get narrower. The
    /// length of an answer's text or list is not promised.
    fn bounds(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let (wide, narrow) = if side == Side::Taken { (new, old) } else { (old, new) };
        for rule in ["pattern", "format"] {
            let is_wider = wide[rule].is_null() || has_more_beginnings(&wide[rule], &narrow[rule]);
            if wide[rule] != narrow[rule] && !is_wider {
                self.say(place, &format!("has another {rule}"));
            }
        }
        let number = |value: &Value| value.as_f64();
        let lengths: &[&str] =
            if side == Side::Taken { &["maxLength", "maxItems", "minLength", "minItems"] } else { &[] };
        for rule in ["maximum", "minimum"].iter().chain(lengths) {
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

    /// Compares alternatives. Each must still be there, or another that is like it. Nothing else is sent,
    /// unless that was announced.
    fn alternatives(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let (before, after) = (several(old), several(new));
        let (before_all, after_all) = (self.before, self.after);
        let fits = |old: &Value, new: &Value| {
            let mut found = Found { said: Vec::new(), before: before_all, after: after_all };
            found.without_alternatives(place, old, new, side);
            found.said.is_empty()
        };
        for one in before.iter().filter(|old| !after.iter().any(|new| fits(old, new))) {
            self.say(place, &format!("is no longer {one}"));
        }
        let is_other = |one: &Value| one["$ref"].as_str().is_some_and(|name| name.ends_with(OTHER));
        if side == Side::Sent && !before.iter().any(is_other) {
            // A caller that has it expanded asked for an object.
            let is_asked_for = |new: &Value| new["$ref"].is_string() && can_be_expanded(self.before, place);
            let expected =
                |new: &Value| is_other(new) || is_asked_for(new) || before.iter().any(|old| fits(old, new));
            for one in after.iter().filter(|new| !expected(new)) {
                self.say(place, &format!("may now be {one}"));
            }
        }
    }
}

/// True if a document's callers can ask for the field of a component at that place to be expanded.
fn can_be_expanded(document: &Value, place: &str) -> bool {
    let Some((_, path)) = place.split_once("/properties/") else { return false };
    let path = path.replace("/properties/", ".");
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(_, path)| path.as_object().into_iter().flatten());
    let parameters = operations.flat_map(|(_, operation)| list(&operation["parameters"]));
    let mut expand = parameters.filter(|parameter| parameter["name"] == "expand[]");
    expand.any(|parameter| list(&parameter["schema"]["items"]["enum"]).contains(&json!(path)))
}

fn kinds(schema: &Value) -> Value {
    match &schema["type"] {
        Value::String(kind) => json!([kind]),
        several => several.clone(),
    }
}

/// The known values of an enumeration that is sent, open or not.
fn known(schema: &Value) -> Value {
    let values = if schema[KNOWN].is_array() { &schema[KNOWN] } else { &schema["enum"] };
    list(values).into_iter().filter(|value| !value.is_null()).collect()
}

/// The alternatives of a schema, with null as one of them, or the schema itself if it has none.
fn several(schema: &Value) -> Vec<Value> {
    let null = json!({ "type": "null" });
    if let Some(alternatives) = [&schema["oneOf"], &schema["anyOf"]].into_iter().find(|some| some.is_array())
    {
        return list(alternatives).iter().flat_map(several).collect();
    }
    let (kinds, mut other) = (list(&kinds(schema)), schema.clone());
    if kinds.len() < 2 || !kinds.contains(&json!("null")) {
        return vec![other];
    }
    other["type"] = kinds.into_iter().filter(|kind| kind != "null").collect();
    if let Some(values) = other.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    vec![other, null]
}
