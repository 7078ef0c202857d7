//! Answers of the API, for templates.

use serde_json::Value;

use crate::answer;

/// A part of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Node(pub(crate) Value);

impl Node {
    /// The text at a place; empty if there is none.
    pub(crate) fn text(&self, place: &str) -> String {
        answer::text(&self.0, place)
    }

    /// True if there is something at a place that isn't null, false, or empty.
    pub(crate) fn has(&self, place: &str) -> bool {
        !matches!(self.0.pointer(place), None | Some(Value::Null | Value::Bool(false)))
            && !self.text(place).is_empty()
    }

    /// The parts of a list at a place.
    pub(crate) fn nodes(&self, place: &str) -> Vec<Self> {
        let list = self.0.pointer(place).and_then(Value::as_array);
        list.into_iter().flatten().cloned().map(Self).collect()
    }

    /// The number at a place; zero if there is none.
    pub(crate) fn number(&self, place: &str) -> f64 {
        self.0.pointer(place).and_then(Value::as_f64).unwrap_or_default()
    }

    /// The time in Unix seconds at a place, as RFC 3339.
    pub(crate) fn time(&self, place: &str) -> String {
        answer::time(&self.0, place)
    }

    /// The part at a place as JSON, for people.
    pub(crate) fn pretty(&self, place: &str) -> String {
        self.0.pointer(place).and_then(|value| serde_json::to_string_pretty(value).ok()).unwrap_or_default()
    }
}
