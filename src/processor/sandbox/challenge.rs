//! The challenge's page, where a buyer proves to be the holder of the card. It works without scripts.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::get;
use url::form_urlencoded;

use super::body::read_body;
use super::operation::{State as Outcome, Stored};
use super::shared::Sandbox;
use super::texts::{ENGLISH, Texts, texts};
use super::writer::Job;
use super::{answer, currency, store};
use crate::processor::{Attach, Authorize, Request};

/// The content security policy: one file of ours, and nothing within a page or from elsewhere. Nothing is
/// said of forms, because browsers would apply it to the page that the buyer is sent back to.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors *";

/// The pages that need no secret: their addresses can't be guessed.
pub(super) fn router() -> Router<Arc<Sandbox>> {
    Router::new().route("/challenge/{token}", get(show).post(take)).route("/challenge.css", get(style))
}

#[derive(Template)]
#[template(path = "challenge.html")]
struct Page {
    texts: &'static Texts,
    /// The mistake; empty if there was none.
    problem: &'static str,
    /// True while the challenge waits.
    waits: bool,
    /// The amount and the currency; empty for a challenge without money.
    amount: String,
    /// The outcome; empty while it waits.
    done: &'static str,
}

async fn style() -> Response {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, include_str!("templates/challenge.css")).into_response()
}

async fn show(
    State(sandbox): State<Arc<Sandbox>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let texts = language(&headers);
    match found(&sandbox, &token).await {
        Ok(Some(stored)) => page(&stored, texts, ""),
        Ok(None) => gone(texts),
        Err(response) => response,
    }
}

async fn take(
    State(sandbox): State<Arc<Sandbox>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let texts = language(&headers);
    match taken(&sandbox, token, texts, body).await {
        Ok(response) | Err(response) => response,
    }
}

async fn taken(
    sandbox: &Sandbox,
    token: String,
    texts: &'static Texts,
    body: Body,
) -> Result<Response, Response> {
    let body = read_body(body).await?;
    let has_passed = form_urlencoded::parse(&body).find_map(|(name, value)| {
        let said = if name == "outcome" { value } else { return None };
        ["fail", "pass"].iter().position(|known| said == *known)
    });
    let stored = found(sandbox, &token).await?.ok_or_else(|| gone(texts))?;
    let Some(has_passed) = has_passed else { return Ok(page(&stored, texts, texts.choose)) };
    let job = Job::Answer(token.clone(), has_passed == 1);
    sandbox.decide(job).await.map_err(|failure| answer::failed(&failure))?;
    if let Some(url) = return_url(&stored) {
        return Ok(framed(Redirect::to(url).into_response()));
    }
    let stored = found(sandbox, &token).await?.ok_or_else(|| gone(texts))?;
    Ok(page(&stored, texts, ""))
}

/// The operation of that challenge; `None` if there is none.
async fn found(sandbox: &Sandbox, token: &str) -> Result<Option<Stored>, Response> {
    let client = sandbox.readers.get().await;
    let found = match &client {
        Ok(client) => store::challenged(client, token).await.ok(),
        Err(_) => None,
    };
    found.ok_or_else(answer::unavailable)
}

fn return_url(stored: &Stored) -> Option<&str> {
    match stored.request.as_ref()? {
        Request::Authorize(Authorize { return_url, .. }) | Request::Attach(Attach { return_url, .. }) => {
            return_url.as_deref()
        }
        _ => None,
    }
}

/// The page of a challenge. One that is over tells its problem itself.
fn page(stored: &Stored, texts: &'static Texts, problem: &'static str) -> Response {
    let amount = match &stored.request {
        Some(Request::Authorize(authorize)) => currency::shown(authorize.amount, &authorize.currency),
        _ => String::new(),
    };
    let (problem, done) = match &stored.state {
        Outcome::ActionRequired => (problem, ""),
        Outcome::Approved(_) | Outcome::Pending(_) => ("", texts.done),
        Outcome::Declined(_) | Outcome::Never => (texts.declined, ""),
    };
    let waits = stored.state == Outcome::ActionRequired;
    rendered(&Page { texts, problem, waits, amount, done })
}

/// There is no such challenge.
fn gone(texts: &'static Texts) -> Response {
    let page = Page { texts, problem: texts.unknown, waits: false, amount: String::new(), done: "" };
    answer::not_found(rendered(&page))
}

fn rendered(page: &Page) -> Response {
    // Writing to a string can't fail.
    framed(Html(page.render().unwrap_or_default()).into_response())
}

/// The same with the headers of pages.
fn framed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, axum::http::HeaderValue::from_static(value));
    }
    response
}

/// The texts in the browser's language.
fn language(headers: &HeaderMap) -> &'static Texts {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    accepted.map_or(&ENGLISH, texts)
}
