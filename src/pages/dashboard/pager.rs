//! Parts of lists, and the links to the parts before and after.

use serde::Deserialize;

use crate::pages::shared::node::Node;

/// The part of a list that a page shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    starting_after: String,
    ending_before: String,
}

impl Part {
    /// The parameters by which the API is asked for it.
    pub(super) fn parameters<'a>(&'a self, rows: &'a str) -> [(&'static str, &'a str); 3] {
        [("starting_after", &self.starting_after), ("ending_before", &self.ending_before), ("limit", rows)]
    }
}

/// The links from a page of a list to the pages before and after it.
pub(super) struct Pager {
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

impl Pager {
    /// The links of a list that the API was asked for with these parameters. Its entries have their ids at
    /// `/id`. `path` is the page's own.
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
