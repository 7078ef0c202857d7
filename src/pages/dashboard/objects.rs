//! One object of any resource: as it is, and how it came to be so.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Html;

use super::api::Failure;
use super::events::{ROWS, segment};
use super::pager::{Pager, Part};
use super::session::Session;
use crate::contract::Subject;
use crate::domain::diff::{Change, changes};
use crate::domain::subjects::described;
use crate::pages::shared::frame::Frame;
use crate::pages::shared::node::Node;

/// An event of an object, and its changes.
struct Step {
    event: Node,
    changes: Vec<Change>,
}

#[derive(Template)]
#[template(path = "object.html")]
struct ObjectPage {
    frame: Frame,
    noun: &'static str,
    object: Node,
    id: String,
    steps: Vec<Step>,
    pager: Pager,
}

/// One object, with its history, the newest first.
pub(super) async fn one(
    session: Session,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Result<Html<String>, Failure> {
    let id = segment(&id);
    // An id of no resource is asked for, too: the API tells the problem.
    let subject = Subject::of_id(&id).unwrap_or(Subject::Customer);
    let object = session.api.get(&format!("{}/{id}", described(subject).path), &[]).await?;
    let part = part.parameters(ROWS);
    let asked: Vec<_> = part.into_iter().chain([("object", id.as_str())]).collect();
    let list = session.api.get("/v1/events", &asked).await?;
    let steps = list.nodes("/data").into_iter();
    let steps = steps.map(|event| Step { changes: changes(&event.0), event }).collect();
    let pager = Pager::of(&list, &page_of(subject, &id), &part);
    let noun = subject.resource().noun;
    let frame = session.frame(if subject == Subject::Customer { "customers" } else { "objects" });
    Ok(Html(ObjectPage { frame, noun, object, id, steps, pager }.render()?))
}

/// The page of an object.
pub(super) fn page_of(subject: Subject, id: &str) -> String {
    let part = match subject {
        Subject::Customer => "customers",
        Subject::WebhookEndpoint => "endpoints",
        Subject::Replay => "replays",
        // A resource without pages of its own.
        Subject::Product
        | Subject::PaymentMethod
        | Subject::PaymentIntent
        | Subject::SetupIntent
        | Subject::Charge
        | Subject::Refund => "objects",
    };
    format!("/dashboard/{part}/{id}")
}
