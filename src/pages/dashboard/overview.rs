//! The overview: how much happens, how it goes out, and what waits.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::api::Failure;
use super::session::Session;
use crate::http::App;
use crate::pages::shared::frame::Frame;

/// The most of the past that is told, in seconds.
const PAST_MAX: u32 = 600;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
}

/// The page; its figures come by themselves.
pub(super) async fn page(session: Session) -> Result<Html<String>, Failure> {
    Ok(Html(OverviewPage { frame: session.frame("overview") }.render()?))
}

/// Since when figures are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Since {
    /// Events after this one; an id that is none stands for the beginning.
    after: String,
    /// Attempts of so many last seconds.
    seconds: u32,
}

/// The figures since then, and what waits now.
pub(super) async fn figures(
    State(app): State<App>,
    session: Session,
    Query(Since { after, seconds }): Query<Since>,
) -> Result<Response, Failure> {
    let _place = app.load.enter(session.account).await.map_err(Failure::of)?;
    let seconds = seconds.min(PAST_MAX);
    let overview = app.reader.overview(session.account, after.parse().ok(), seconds).await;
    let overview = overview.map_err(|error| Failure::of(error.into()))?;
    let text = serde_json::to_string(&overview).map_err(|_| Failure::Broken)?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}
