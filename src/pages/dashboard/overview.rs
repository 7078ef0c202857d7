//! The overview: the latest events, their deliveries, and those that wait.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::api::Failure;
use super::session::Session;
use crate::http::App;
use crate::pages::shared::frame::Frame;

/// The longest past that is shown, in seconds.
const PAST_MAX: u32 = 600;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
}

/// The page. Its figures come by themselves.
pub(super) async fn page(session: Session) -> Result<Html<String>, Failure> {
    Ok(Html(OverviewPage { frame: session.frame("overview") }.render()?))
}

/// The beginning of the figures that are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Since {
    /// The event after which events are counted. A text that is no id stands for the beginning.
    after: String,
    /// The last seconds whose attempts are counted.
    seconds: u32,
}

/// The figures since then, and the deliveries that wait now.
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
