//! Answers: stored JSON goes out byte for byte.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
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

/// What is left of an object that was deleted.
#[derive(Serialize)]
struct Remains<'a> {
    id: &'a str,
    object: &'a str,
    deleted: bool,
}

/// An object as it is stored, or what is left of a deleted one.
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

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    url: &'a str,
    has_more: bool,
    data: Vec<&'a RawValue>,
}

#[derive(Serialize)]
struct SearchResult<'a> {
    object: &'static str,
    url: &'a str,
    has_more: bool,
    next_page: Option<&'a str>,
    data: Vec<&'a RawValue>,
}

/// The envelope of what was found, around objects that are JSON already.
pub(super) fn found(url: &str, page: &Listed<String>, next_page: Option<&str>) -> Result<Rendered, ApiError> {
    let (object, has_more, data) = ("search_result", page.has_more, raw(&page.entries)?);
    Ok(Rendered(serde_json::to_string(&SearchResult { object, url, has_more, next_page, data })?))
}

fn raw(entries: &[String]) -> Result<Vec<&RawValue>, serde_json::Error> {
    entries.iter().map(|entry| serde_json::from_str(entry)).collect()
}

/// A list envelope around objects that are JSON already.
pub(super) fn list(url: &str, page: &Listed<String>) -> Result<Rendered, ApiError> {
    let (has_more, data) = (page.has_more, raw(&page.entries)?);
    Ok(Rendered(serde_json::to_string(&List { object: "list", url, has_more, data })?))
}
