//! Replays: counting the events of one, starting it, watching it, ending it.

use std::time::UNIX_EPOCH;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse as _, Redirect, Response};

use super::api::Failure;
use super::endpoints::{Typed, with_preview};
use super::events::{Done, ROWS, segment};
use super::pager::{Pager, Part};
use super::session::{Posted, Session};
use crate::pages::shared::frame::Frame;
use crate::pages::shared::node::Node;

/// The Unix seconds of a typed time, which is understood as UTC. It has the form of a browser's field for
/// times. `None` means that nothing was typed.
fn seconds(typed: &str) -> Result<Option<String>, Failure> {
    if typed.is_empty() {
        return Ok(None);
    }
    let text = if typed.len() == 16 { format!("{typed}:00Z") } else { format!("{typed}Z") };
    let at = humantime::parse_rfc3339(&text).ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    // Left out, it would be a replay without that bound.
    let at = at.ok_or_else(|| Failure::unreadable("A time looks like 2026-11-22T10:00."))?;
    Ok(Some(at.as_secs().to_string()))
}

/// Counts the events of a replay, or starts it.
pub(super) async fn start(Path(id): Path<String>, posted: Posted) -> Result<Response, Failure> {
    let id = segment(&id);
    let (from, until) = (seconds(posted.field("from"))?, seconds(posted.field("until"))?);
    let counts = match posted.field("do") {
        "count" => true,
        "start" => false,
        _ => return Err(Failure::unreadable("It isn't clear whether to count or to start.")),
    };
    let mut form = vec![("dry_run", if counts { "true" } else { "false" })];
    let fields = [
        ("types[]", posted.field("type")),
        ("related_object", posted.field("object")),
        ("rate_limit", posted.field("rate_limit")),
    ];
    form.extend(fields.into_iter().filter(|(_, value)| !value.is_empty()));
    form.extend(from.as_deref().map(|from| ("created[gte]", from)));
    form.extend(until.as_deref().map(|until| ("created[lt]", until)));
    if posted.field("only_failed") == "true" {
        form.push(("only_failed", "true"));
    }
    let answer = posted.post(&format!("/v1/webhook_endpoints/{id}/replay"), &form).await?;
    if counts {
        let typed = Typed::from_form(&posted);
        return Ok(with_preview(&posted.session, &id, (answer, typed)).await?.into_response());
    }
    Ok(Redirect::to(&format!("/dashboard/replays/{}?done=started", answer.text("/id"))).into_response())
}

#[derive(Template)]
#[template(path = "replays.html")]
struct ReplaysPage {
    frame: Frame,
    replays: Vec<Node>,
    pager: Pager,
}

/// The replays.
pub(super) async fn list(session: Session, Query(part): Query<Part>) -> Result<Html<String>, Failure> {
    let asked = part.parameters(ROWS);
    let list = session.api.get("/v1/replays", &asked).await?;
    let pager = Pager::of(&list, "/dashboard/replays", &asked);
    Ok(Html(ReplaysPage { frame: session.frame("replays"), replays: list.nodes("/data"), pager }.render()?))
}

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage {
    frame: Frame,
    replay: Node,
}

/// One replay.
pub(super) async fn one(
    session: Session,
    Path(id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Html<String>, Failure> {
    let replay = session.api.get(&format!("/v1/replays/{}", segment(&id)), &[]).await?;
    // Where it was over before, nothing was canceled.
    let said = if done.is("canceled") && replay.text("/status") != "canceled" { "" } else { done.message() };
    let frame = session.frame("replays").saying(said);
    Ok(Html(ReplayPage { frame, replay }.render()?))
}

/// The progress of a replay, for the page that watches it.
pub(super) async fn progress(session: Session, Path(id): Path<String>) -> Result<Response, Failure> {
    let replay = session.api.get(&format!("/v1/replays/{}", segment(&id)), &[]).await?;
    Ok(([(CONTENT_TYPE, "application/json")], replay.0.to_string()).into_response())
}

/// Cancels a replay.
pub(super) async fn cancel(Path(id): Path<String>, posted: Posted) -> Result<Redirect, Failure> {
    let id = segment(&id);
    posted.post(&format!("/v1/replays/{id}/cancel"), &[]).await?;
    Ok(Redirect::to(&format!("/dashboard/replays/{id}?done=canceled")))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_browsers_time_is_read_as_utc() {
        let told = |typed| super::seconds(typed).ok();
        assert_eq!(told("2026-11-22T10:00"), Some(Some("1795341600".to_owned())));
        assert_eq!(told("2026-11-22T10:00:01"), Some(Some("1795341601".to_owned())));
        assert_eq!(told(""), Some(None));
        assert_eq!(told("tomorrow"), None, "not a replay of everything");
    }
}
