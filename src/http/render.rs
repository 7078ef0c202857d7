//! Answers: stored JSON goes out byte for byte.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::contract::Resource;
use crate::domain::Snapshot;
use crate::read::objects::StoredObject;
use crate::read::page::Listed;

/// A JSON object, as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Rendered(pub(super) String);

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

impl From<Snapshot> for Rendered {
    fn from(snapshot: Snapshot) -> Self {
        Self(snapshot.data)
    }
}

/// The remains of an object that was deleted.
#[derive(Serialize)]
struct Remains<'a> {
    id: &'a str,
    object: &'a str,
    deleted: bool,
}

/// An object as it is stored, or the remains of a deleted one.
pub(super) fn stored(resource: Resource, object: StoredObject) -> Result<Rendered, ApiError> {
    if object.deleted { deleted(resource, &object.id) } else { Ok(Rendered(object.data)) }
}

/// The answer that says an object was deleted.
pub(super) fn deleted(resource: Resource, id: &str) -> Result<Rendered, ApiError> {
    Ok(Rendered(serde_json::to_string(&Remains { id, object: resource.object, deleted: true })?))
}

/// An object, with one thing more that isn't stored in it.
pub(super) fn with(data: &str, key: &str, value: Value) -> Result<Rendered, serde_json::Error> {
    let mut shown: Map<String, Value> = serde_json::from_str(data)?;
    shown.insert(key.to_owned(), value);
    Ok(Rendered(serde_json::to_string(&shown)?))
}

/// The head of a list; its entries follow.
#[derive(Serialize)]
struct ListHead<'a> {
    object: &'static str,
    url: &'a str,
    has_more: bool,
}

/// The head of a search result; the objects follow.
#[derive(Serialize)]
struct FoundHead<'a> {
    object: &'static str,
    url: &'a str,
    has_more: bool,
    next_page: Option<&'a str>,
}

/// A list envelope around objects that are JSON already.
pub(super) fn list(url: &str, page: Listed<String>) -> Result<Rendered, ApiError> {
    let head = ListHead { object: "list", url, has_more: page.has_more };
    Ok(around(&serde_json::to_string(&head)?, page.entries))
}

/// The envelope of a search result, around objects that are JSON already.
pub(super) fn found(url: &str, page: Listed<String>, next_page: Option<&str>) -> Result<Rendered, ApiError> {
    let head = FoundHead { object: "search_result", url, has_more: page.has_more, next_page };
    Ok(around(&serde_json::to_string(&head)?, page.entries))
}

/// A head, which is a JSON object, with entries as its `data`. Each of them is copied once, and let go of.
fn around(head: &str, entries: Vec<String>) -> Rendered {
    let head = head.strip_suffix('}').unwrap_or(head);
    let bytes: usize = entries.iter().map(|entry| entry.len() + 1).sum();
    let mut body = String::with_capacity(head.len() + bytes + r#","data":[]}"#.len());
    body.push_str(head);
    body.push_str(r#","data":["#);
    for (index, entry) in entries.into_iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(&entry);
    }
    body.push_str("]}");
    Rendered(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_its_head_and_its_entries_as_they_are_stored() {
        let page = |entries: &[&str]| Listed {
            entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
            has_more: true,
        };
        let Rendered(none) = list("/v1/\"x\"", page(&[])).expect("a list");
        assert_eq!(none, r#"{"object":"list","url":"/v1/\"x\"","has_more":true,"data":[]}"#);
        let Rendered(two) = found("/v1/x", page(&[r#"{"id": 1}"#, "{}"]), None).expect("a result");
        assert_eq!(
            two,
            concat!(
                r#"{"object":"search_result","url":"/v1/x","has_more":true,"next_page":null,"#,
                r#""data":[{"id": 1},{}]}"#
            )
        );
    }
}
