//! Webhook endpoints: their condition, and the changes that an operator makes.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Redirect};
use futures_util::future::join_all;
use serde_json::Value;

use super::api::{ApiClient, Failure};
use super::events::{Done, segment};
use super::pager::{Pager, Part};
use super::session::{Posted, Session};
use crate::contract::EventType;
use crate::pages::shared::frame::Frame;
use crate::pages::shared::node::Node;

/// The endpoints of a page. The health of each is a call of its own.
const ROWS: &str = "20";
/// The deliveries of an endpoint that are shown.
const DELIVERIES: &str = "10";

/// An endpoint and its condition.
pub(super) struct Endpoint {
    pub(super) node: Node,
    pub(super) health: Node,
}

impl Endpoint {
    /// One word for its condition. It is also a class of the style sheet.
    pub(super) fn state(&self) -> &'static str {
        let status = self.node.text("/status");
        if status == "disabled" {
            "disabled"
        } else if self.node.has("/paused") {
            "paused"
        } else if self.health.has("/failing_since") {
            "failing"
        } else {
            "enabled"
        }
    }

    /// The part of its newest attempts that was taken, for people.
    pub(super) fn rate(&self) -> String {
        let (count, taken) =
            (self.health.number("/attempts/count"), self.health.number("/attempts/succeeded"));
        if count > 0.0 {
            format!("{:.1} % of {count}", taken / count * 100.0)
        } else {
            "no attempts yet".to_owned()
        }
    }
}

/// The endpoint of an answer, with its health from a call of its own.
async fn with_health(api: &ApiClient, node: Node) -> Endpoint {
    let path = format!("/v1/webhook_endpoints/{}/health", node.text("/id"));
    // It may have been deleted just now.
    let health = api.get(&path, &[]).await.unwrap_or(Node(Value::Null));
    Endpoint { node, health }
}

#[derive(Template)]
#[template(path = "endpoints.html")]
struct EndpointsPage {
    frame: Frame,
    endpoints: Vec<Endpoint>,
    pager: Pager,
}

/// The endpoints.
pub(super) async fn list(session: Session, Query(part): Query<Part>) -> Result<Html<String>, Failure> {
    let asked = part.parameters(ROWS);
    let list = session.api.get("/v1/webhook_endpoints", &asked).await?;
    let endpoints =
        join_all(list.nodes("/data").into_iter().map(|node| with_health(&session.api, node))).await;
    let pager = Pager::of(&list, "/dashboard/endpoints", &asked);
    Ok(Html(EndpointsPage { frame: session.frame("endpoints"), endpoints, pager }.render()?))
}

/// The fields of the form of a replay, as they were typed. They are kept so that the replay that starts is
/// the one that was counted.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub(super) from: String,
    pub(super) until: String,
    pub(super) kind: String,
    pub(super) object: String,
    pub(super) rate_limit: String,
    pub(super) only_failed: bool,
}

impl Typed {
    pub(super) fn from_form(posted: &Posted) -> Self {
        let text = |name| posted.field(name).to_owned();
        Self {
            from: text("from"),
            until: text("until"),
            kind: text("type"),
            object: text("object"),
            rate_limit: text("rate_limit"),
            only_failed: posted.field("only_failed") == "true",
        }
    }
}

#[derive(Template)]
#[template(path = "endpoint.html")]
struct EndpointPage {
    frame: Frame,
    endpoint: Endpoint,
    deliveries: Vec<Node>,
    types: Vec<&'static str>,
    /// A signing secret that was just made.
    secret: String,
    /// The size of a replay, where that was asked for, and the question.
    preview: Option<Node>,
    form: Typed,
}

async fn page(
    session: &Session,
    id: &str,
    frame: Frame,
    (secret, preview, form): (String, Option<Node>, Typed),
) -> Result<Html<String>, Failure> {
    let path = format!("/v1/webhook_endpoints/{}", segment(id));
    let node = session.api.get(&path, &[]).await?;
    let deliveries =
        session.api.get(&format!("{path}/deliveries"), &[("limit", DELIVERIES)]).await?.nodes("/data");
    let endpoint = with_health(&session.api, node).await;
    let types = EventType::ALL.iter().map(|known| known.as_str()).collect();
    Ok(Html(EndpointPage { frame, endpoint, deliveries, types, secret, preview, form }.render()?))
}

/// One endpoint.
pub(super) async fn one(
    session: Session,
    Path(id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Html<String>, Failure> {
    let frame = session.frame("endpoints").saying(done.message());
    page(&session, &id, frame, (String::new(), None, Typed::default())).await
}

/// The page of one endpoint, with the size that a replay would have.
pub(super) async fn with_preview(
    session: &Session,
    id: &str,
    (preview, typed): (Node, Typed),
) -> Result<Html<String>, Failure> {
    let frame = session.frame("endpoints");
    page(session, id, frame, (String::new(), Some(preview), typed)).await
}

/// Pauses, resumes, enables or disables it.
pub(super) async fn change(Path(id): Path<String>, posted: Posted) -> Result<Redirect, Failure> {
    let change = match posted.field("change") {
        "pause" => ("paused", "true"),
        "resume" => ("paused", "false"),
        "disable" => ("disabled", "true"),
        "enable" => ("disabled", "false"),
        _ => return Err(Failure::unreadable("It isn't clear what to change.")),
    };
    let id = segment(&id);
    posted.post(&format!("/v1/webhook_endpoints/{id}"), &[change]).await?;
    Ok(Redirect::to(&format!("/dashboard/endpoints/{id}?done=changed")))
}

/// Gives it another signing secret. This page shows it, and no other does.
pub(super) async fn roll(Path(id): Path<String>, posted: Posted) -> Result<Html<String>, Failure> {
    let overlap = [("overlap", posted.field("overlap"))];
    let path = format!("/v1/webhook_endpoints/{}/roll_secret", segment(&id));
    let rolled = posted.post(&path, &overlap).await?;
    let frame = posted.session.frame("endpoints").saying("It has another signing secret.");
    page(&posted.session, &id, frame, (rolled.text("/secret"), None, Typed::default())).await
}
