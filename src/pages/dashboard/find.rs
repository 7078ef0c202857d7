//! The way from any id, or its beginning, to its page.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::api::Failure;
use super::objects;
use super::session::Session;
use crate::contract::{Event, Kind as _, Subject};
use crate::http::App;
use crate::id::request_came;
use crate::pages::shared::frame::Frame;

/// The most ids that are listed.
const FOUND_MAX: i64 = 50;

/// The id that is looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    id: String,
}

/// An id and its page.
struct Found {
    id: String,
    page: String,
}

#[derive(Template)]
#[template(path = "find.html")]
struct FindPage<'a> {
    frame: Frame,
    wanted: &'a str,
    found: Vec<Found>,
}

/// The page of an id; `None` for a text that is no id of an object or an event.
fn page_of(id: &str) -> Option<String> {
    if id.starts_with(&format!("{}_", Event::RESOURCE.prefix)) {
        return Some(format!("/dashboard/events/{id}"));
    }
    Some(objects::page_of(Subject::of_id(id)?, id))
}

/// Goes to the one id that begins with the text, or lists several.
pub(super) async fn find(
    State(app): State<App>,
    session: Session,
    Query(Wanted { id }): Query<Wanted>,
) -> Result<Response, Failure> {
    let wanted: String = id.trim().chars().take(40).collect();
    // PostgreSQL's text has no NUL, and nothing but a prefix begins with less than that.
    let is_id = wanted.len() >= 3 && wanted.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let ids = if request_came(&wanted).is_some() {
        let events = session.api.get("/v1/events", &[("request", &wanted)]).await?;
        events.nodes("/data").iter().map(|event| event.text("/id")).collect()
    } else if is_id {
        let _place = app.load.enter(session.account).await.map_err(Failure::of)?;
        let found = app.reader.ids_beginning(session.account, &wanted, FOUND_MAX).await;
        found.map_err(|error| Failure::of(error.into()))?
    } else {
        Vec::new()
    };
    let mut found: Vec<Found> =
        ids.into_iter().filter_map(|id| Some(Found { page: page_of(&id)?, id })).collect();
    if found.len() == 1
        && let Some(only) = found.pop()
    {
        return Ok(Redirect::to(&only.page).into_response());
    }
    let page = FindPage { frame: session.frame("find"), wanted: &wanted, found };
    Ok(Html(page.render()?).into_response())
}
