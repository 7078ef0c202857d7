//! `/dashboard`: the pages for an operator of an account. They are rendered here. They work without a script,
//! except for the parts that move by themselves.
//!
//! The dashboard is a client of the API like any other, within the process. All that it shows or does goes
//! through the routes of `/v1`, under the key that somebody signed in with. So it can do nothing that the key
//! can't. Only the overview and the search for the beginning of an id read for themselves.

mod api;
mod assets;
mod customers;
mod endpoints;
mod events;
mod find;
mod objects;
mod overview;
mod pager;
mod replays;
mod session;
mod state;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{any, get, post};

use super::shared::problem::problem;
use crate::domain::{ParameterError, Problem};
use crate::http::{ApiError, App, CardNumberRefused, metered, read_body, unknown_route};
use api::Failure;
use session::Session;
use state::Dashboard;

/// The most bytes of a form.
const FORM_MAX: usize = 64 * 1024;
/// The refusal of a form that holds the number of a card.
const CARD_NUMBER: &str = "what looks like the number of a card has no business here \
                           (card_number_forbidden). Nothing was done, and nothing of it is kept.";
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// The content security policy: nothing from elsewhere, nothing within a page that isn't from a file of ours,
/// no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Counts the bytes of a page with those of the account's other answers.
async fn counted(
    State(dashboard): State<Dashboard>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let account = request.extensions().get::<Session>().map(|session| session.account);
    let room = dashboard.app.load.page_room(account.ok_or(Failure::Broken)?).map_err(Failure::of)?;
    Ok(metered(next.run(request).await, room))
}

/// The routes of all pages. `api` answers `/v1`.
pub(super) fn router(api: Router, app: &App) -> Router {
    let dashboard = Dashboard { api, app: app.clone() };
    Router::new()
        .route("/dashboard", get(overview::page))
        .route("/dashboard/overview.json", get(overview::figures))
        .route("/dashboard/find", get(find::find))
        .route("/dashboard/events", get(events::list))
        .route("/dashboard/events/{id}", get(events::one))
        .route("/dashboard/events/{id}/resend", post(events::resend))
        .route("/dashboard/endpoints", get(endpoints::list))
        .route("/dashboard/endpoints/{id}", get(endpoints::one))
        .route("/dashboard/endpoints/{id}/change", post(endpoints::change))
        .route("/dashboard/endpoints/{id}/roll", post(endpoints::roll))
        .route("/dashboard/endpoints/{id}/replay", post(replays::start))
        .route("/dashboard/customers", get(customers::list))
        .route("/dashboard/customers/{id}", get(objects::one))
        .route("/dashboard/objects/{id}", get(objects::one))
        .route("/dashboard/replays", get(replays::list))
        .route("/dashboard/replays/{id}", get(replays::one))
        .route("/dashboard/replays/{id}/progress.json", get(replays::progress))
        .route("/dashboard/replays/{id}/cancel", post(replays::cancel))
        .route("/dashboard/sign-out", post(session::sign_out))
        .route_layer(from_fn_with_state(dashboard.clone(), counted))
        .route_layer(from_fn_with_state(dashboard.clone(), session::required))
        .route("/dashboard/sign-in", get(session::sign_in_page).post(session::sign_in))
        .route("/dashboard/assets/{name}", get(assets::serve))
        .route("/dashboard/", get(async || Redirect::to("/dashboard")))
        .route("/dashboard/{*rest}", any(unknown_route))
        .with_state(dashboard)
        .layer(from_fn_with_state(app.clone(), bounded))
}

/// The pages as a browser gets them, with refusals of any layer.
pub(super) fn shown(pages: Router) -> Router {
    pages.layer(from_fn(in_a_page)).layer(from_fn(secure))
}

/// Reads the body of a request, up to [`FORM_MAX`] and within the time that the API gives. No form here has
/// a field for the number of a card.
async fn bounded(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = read_body(body, FORM_MAX, None).await?;
    if app.card_numbers.refuse_sent(&bytes) {
        return Err(ParameterError::new("", Problem::CardNumber).into());
    }
    Ok(next.run(Request::from_parts(parts, Body::from(bytes))).await)
}

/// Makes a page of each refusal that comes before a page is made.
async fn in_a_page(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_html = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/html");
    if !status.is_client_error() && !status.is_server_error()
        || response.headers().get(CONTENT_TYPE).is_some_and(is_html)
    {
        return response;
    }
    let reason = status.canonical_reason().unwrap_or("Refused");
    let holds_card_number = response.extensions().get::<CardNumberRefused>().is_some();
    let said = if holds_card_number { CARD_NUMBER } else { "this address doesn't take that." };
    let page = problem(&format!("{reason}: {said}"));
    let mut answer = Html(page).into_response();
    *answer.status_mut() = status;
    // Its headers for programs stay: the allowed methods, the time to come again, its name in the log.
    for name in [ALLOW, RETRY_AFTER, REQUEST_ID] {
        if let Some(value) = response.headers().get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

/// Sets the headers of every page.
async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // A shown page is somebody's; only files of ours may be kept.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
