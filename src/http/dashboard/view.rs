//! What templates are given: answers of the API, and texts made of them.

use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use super::session::Session;
use crate::answer;

/// A part of an answer.
#[derive(Debug, Clone)]
pub(super) struct Node(pub(super) Value);

impl Node {
    /// A text at a place; empty where there is none.
    pub(super) fn text(&self, place: &str) -> String {
        answer::text(&self.0, place)
    }

    /// Whether there is something at a place that isn't null, false, or empty.
    pub(super) fn has(&self, place: &str) -> bool {
        !matches!(self.0.pointer(place), None | Some(Value::Null | Value::Bool(false)))
            && !self.text(place).is_empty()
    }

    /// The parts of a list at a place.
    pub(super) fn nodes(&self, place: &str) -> Vec<Self> {
        let list = self.0.pointer(place).and_then(Value::as_array);
        list.into_iter().flatten().cloned().map(Self).collect()
    }

    /// A number at a place; zero where there is none.
    pub(super) fn number(&self, place: &str) -> f64 {
        self.0.pointer(place).and_then(Value::as_f64).unwrap_or_default()
    }

    /// A time in Unix seconds at a place, as RFC 3339.
    pub(super) fn time(&self, place: &str) -> String {
        answer::time(&self.0, place)
    }

    /// The whole as JSON, for people.
    pub(super) fn pretty(&self, place: &str) -> String {
        self.0.pointer(place).and_then(|value| serde_json::to_string_pretty(value).ok()).unwrap_or_default()
    }
}

/// What every page has round its content.
pub(super) struct Frame {
    /// Which part of the navigation it belongs to.
    pub(super) part: &'static str,
    pub(super) token: String,
    pub(super) readonly: bool,
    pub(super) livemode: bool,
    /// What has just been done, or went wrong.
    pub(super) said: String,
}

impl Frame {
    pub(super) fn new(part: &'static str, session: &Session) -> Self {
        let (token, readonly, livemode) = (session.token.clone(), session.readonly, session.livemode);
        Self { part, token, readonly, livemode, said: String::new() }
    }

    /// The same, and says something.
    pub(super) fn saying(self, said: impl Into<String>) -> Self {
        Self { said: said.into(), ..self }
    }

    /// What a form is known by, so that what is sent twice is done once.
    pub(super) fn once() -> String {
        format!("dashboard-{:032x}", rand::random::<u128>())
    }

    /// What marks the part of the navigation that the page is of.
    pub(super) fn current(&self, part: &str) -> &'static str {
        if self.part == part { "page" } else { "false" }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    said: &'a str,
}

/// A page that says what went wrong.
pub(super) fn problem(said: &str) -> String {
    Problem { said }.render().unwrap_or_else(|_| "Something went wrong here.".to_owned())
}

/// Which part of a list a page shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    starting_after: String,
    ending_before: String,
}

impl Part {
    /// As the API is asked for it.
    pub(super) fn asked<'a>(&'a self, rows: &'a str) -> [(&'static str, &'a str); 3] {
        [("starting_after", &self.starting_after), ("ending_before", &self.ending_before), ("limit", rows)]
    }
}

/// A page of a list: where the pages before and after it are.
pub(super) struct Pager {
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

impl Pager {
    /// Of a list of the API that was asked for with these parameters; ids are at `/id`. `path` is the page's own.
    pub(super) fn of(list: &Node, path: &str, asked: &[(&str, &str)]) -> Self {
        let entries = list.nodes("/data");
        let forwards = asked.iter().any(|(name, value)| *name == "ending_before" && !value.is_empty());
        let is_first = !asked
            .iter()
            .any(|(name, value)| *name != "limit" && name.ends_with("fter") && !value.is_empty());
        let has_more = list.has("/has_more");
        let link = |cursor: &str, entry: Option<&Node>| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in asked {
                if !["starting_after", "ending_before", "limit"].contains(name) && !value.is_empty() {
                    query.append_pair(name, value);
                }
            }
            entry.map(|entry| format!("{path}?{}", query.append_pair(cursor, &entry.text("/id")).finish()))
        };
        let has_newer = if forwards { has_more } else { !is_first };
        let has_older = forwards || has_more;
        Self {
            newer: has_newer.then(|| link("ending_before", entries.first())).flatten(),
            older: has_older.then(|| link("starting_after", entries.last())).flatten(),
        }
    }
}
