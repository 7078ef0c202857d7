//! The log, and one event: its content, its deliveries and their attempts.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Redirect};
use serde::Deserialize;
use serde_json::json;

use super::api::{ApiClient, Failure};
use super::pager::Pager;
use super::session::{Posted, Session};
use crate::contract::EventType;
use crate::pages::shared::frame::Frame;
use crate::pages::shared::node::Node;

/// The entries of a page.
pub(super) const ROWS: &str = "25";

/// The filter of the log.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    r#type: String,
    object: String,
    delivery_success: String,
    starting_after: String,
    ending_before: String,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage<'a> {
    frame: Frame,
    filter: &'a Filter,
    types: Vec<&'static str>,
    events: Vec<Node>,
    pager: Pager,
}

/// A page of the log.
pub(super) async fn list(session: Session, Query(filter): Query<Filter>) -> Result<Html<String>, Failure> {
    let asked = [
        ("type", filter.r#type.trim()),
        ("object", filter.object.trim()),
        ("delivery_success", filter.delivery_success.as_str()),
        ("starting_after", filter.starting_after.as_str()),
        ("ending_before", filter.ending_before.as_str()),
        ("limit", ROWS),
    ];
    let frame = session.frame("events");
    // The problem of a filter is told on the page where it can be changed.
    let (frame, list) = match session.api.get("/v1/events", &asked).await {
        Ok(list) => (frame, list),
        Err(failure) => (frame.saying(failure.message()), Node(serde_json::Value::Null)),
    };
    let page = EventsPage {
        frame,
        filter: &filter,
        types: EventType::ALL.iter().map(|known| known.as_str()).collect(),
        events: list.nodes("/data"),
        pager: Pager::of(&list, "/dashboard/events", &asked),
    };
    Ok(Html(page.render()?))
}

/// A phase of an attempt, in a picture that is a thousand wide.
struct Bar {
    name: &'static str,
    from: f64,
    width: f64,
    milliseconds: f64,
}

impl Bar {
    /// Its name as a class of the style sheet.
    fn class(&self) -> String {
        self.name.replace(' ', "-")
    }
}

/// An attempt, and its phases one after the other.
struct Attempt {
    node: Node,
    bars: Vec<Bar>,
}

/// A delivery and its attempts, the newest first.
struct Delivery {
    node: Node,
    attempts: Vec<Attempt>,
}

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    frame: Frame,
    event: Node,
    deliveries: Vec<Delivery>,
    endpoints: Vec<Node>,
}

/// The phases of an attempt, each from where the one before it ends. The whole is a thousand wide.
fn bars(attempt: &Node) -> Vec<Bar> {
    let phase = |name: &str| attempt.number(&format!("/phases/{name}"));
    let total = phase("total").max(0.001);
    let (dns, connect, tls, first_byte) = (phase("dns"), phase("connect"), phase("tls"), phase("first_byte"));
    let before = dns + connect + tls;
    // An attempt without an answer waited to the end.
    let waited_until = if first_byte > 0.0 { first_byte } else { total };
    let waiting = (waited_until - before).max(0.0);
    let parts = [
        ("name look-up", dns),
        ("connection", connect),
        ("TLS", tls),
        ("waiting", waiting),
        ("reading", (total - before - waiting).max(0.0)),
    ];
    let (mut from, mut bars) = (0.0, Vec::new());
    for (name, milliseconds) in parts.into_iter().filter(|(_, milliseconds)| *milliseconds > 0.0) {
        let width = milliseconds / total * 1000.0;
        bars.push(Bar { name, from, width, milliseconds });
        from += width;
    }
    bars
}

/// One event.
pub(super) async fn one(
    session: Session,
    Path(id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Html<String>, Failure> {
    let path = format!("/v1/events/{}", segment(&id));
    let event = session.api.get(&path, &[]).await?;
    let deliveries = session.api.get(&format!("{path}/deliveries"), &[]).await?;
    let deliveries = deliveries
        .nodes("/data")
        .into_iter()
        .map(|node| {
            let attempts = node.nodes("/attempts/data");
            let attempts = attempts.into_iter().map(|node| Attempt { bars: bars(&node), node }).collect();
            Delivery { node, attempts }
        })
        .collect();
    let endpoints = endpoints(&session.api).await?;
    let frame = session.frame("events").saying(done.message());
    Ok(Html(EventPage { frame, event, deliveries, endpoints }.render()?))
}

/// The account's endpoints, read page by page. Of each only the id and the URL are kept, for a form.
async fn endpoints(api: &ApiClient) -> Result<Vec<Node>, Failure> {
    let mut all: Vec<Node> = Vec::new();
    loop {
        let after = all.last().map(|last| last.text("/id")).unwrap_or_default();
        let asked = [("limit", "100"), ("starting_after", after.as_str())];
        let list = api.get("/v1/webhook_endpoints", &asked).await?;
        let page = list.nodes("/data");
        all.extend(page.iter().map(|one| Node(json!({ "id": one.text("/id"), "url": one.text("/url") }))));
        if page.is_empty() || !list.has("/has_more") {
            return Ok(all);
        }
    }
}

/// The name of the change that was just made, in the address of the page that is shown afterwards.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Done {
    done: String,
}

/// The changes that can have been made. Nobody else's text gets onto a page by way of its address.
const DONE: &[(&str, &str)] = &[
    ("resent", "It is owed to the endpoint once more."),
    ("changed", "The endpoint is changed."),
    ("started", "The replay has started."),
    ("canceled", "The replay is canceled. What it has owed already stays owed."),
];

impl Done {
    /// True if that change was made.
    pub(super) fn is(&self, name: &str) -> bool {
        self.done == name
    }

    /// The change in words, for people.
    pub(super) fn message(&self) -> &'static str {
        DONE.iter().find(|(name, _)| *name == self.done).map_or("", |(_, said)| said)
    }
}

/// A part of a path. Characters that would make it more than one part are taken out.
pub(super) fn segment(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
}

/// Owes the event to an endpoint once more.
pub(super) async fn resend(Path(id): Path<String>, posted: Posted) -> Result<Redirect, Failure> {
    let id = segment(&id);
    let endpoint = [("webhook_endpoint", posted.field("webhook_endpoint"))];
    posted.post(&format!("/v1/events/{id}/retry"), &endpoint).await?;
    Ok(Redirect::to(&format!("/dashboard/events/{id}?done=resent")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn phases_follow_each_other_and_fill_the_whole() {
        let attempt = Node(json!({ "phases": {
            "dns": 2.0, "connect": 3.0, "tls": null, "first_byte": 15.0, "total": 20.0 } }));
        let bars = bars(&attempt);
        let told: Vec<_> = bars.iter().map(|bar| (bar.name, bar.milliseconds)).collect();
        assert_eq!(told, [("name look-up", 2.0), ("connection", 3.0), ("waiting", 10.0), ("reading", 5.0)]);
        assert!((bars.iter().map(|bar| bar.width).sum::<f64>() - 1000.0).abs() < 1e-6);
        assert!(super::bars(&Node(json!({ "phases": { "total": 0.0 } }))).len() <= 1);
        let unanswered = Node(json!({ "phases": { "connect": 3.0, "first_byte": null, "total": 20.0 } }));
        let told: Vec<_> = super::bars(&unanswered).iter().map(|bar| (bar.name, bar.milliseconds)).collect();
        assert_eq!(told, [("connection", 3.0), ("waiting", 17.0)]);
    }
}
