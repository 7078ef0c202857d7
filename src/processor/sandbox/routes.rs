//! The routes of the protocol.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use subtle::ConstantTimeEq as _;
use tokio::time::sleep;

use super::answer;
use super::body::read_body;
use super::cards::{Fault, named};
use super::holding::HOLD_SECONDS;
use super::number::Source;
use super::random::random;
use super::shared::Sandbox;
use super::writer::{Done, Failure, Job};
use super::{challenge, journal, methods, store, validate};
use crate::clock;
use crate::health::health_router;
use crate::processor::{Capabilities, Request};

/// For how long a key protects, in seconds: ten years. No key is ever forgotten.
const KEY_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;
/// The time that a slow answer takes.
const SLOW: Duration = Duration::from_secs(3);
/// The time after which a connection ends whose answer is lost.
const LOST: Duration = Duration::from_mins(1);

/// The sandbox as a service.
pub(super) fn router(sandbox: Arc<Sandbox>) -> Router {
    let ready = sandbox.clone();
    let health = health_router(move || {
        let sandbox = ready.clone();
        async move { sandbox.fingerprints().await.is_ok() }
    });
    Router::new()
        .route("/v1/capabilities", get(capabilities))
        .route("/v1/methods", post(make_method))
        .route("/v1/operations", post(perform))
        .route("/v1/operations/{key}", get(inquire))
        .route("/journal", get(journal::read))
        .fallback(async || answer::no_such_route())
        .method_not_allowed_fallback(async || answer::no_such_route())
        .layer(from_fn_with_state(sandbox.clone(), authorized))
        .merge(challenge::router())
        .with_state(sandbox)
        .merge(health)
}

/// Refuses a caller that doesn't know the secret.
async fn authorized(State(sandbox): State<Arc<Sandbox>>, request: HttpRequest, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if bool::from(given.as_bytes().ct_eq(sandbox.secret().as_bytes())) {
        next.run(request).await
    } else {
        answer::unauthorized()
    }
}

async fn capabilities() -> Response {
    answer::ok(&Capabilities {
        protocol: 1,
        name: "Calmony Pay's sandbox".to_owned(),
        sandbox: true,
        key_seconds: KEY_SECONDS,
        hold_seconds: HOLD_SECONDS,
    })
}

async fn make_method(State(sandbox): State<Arc<Sandbox>>, body: Body) -> Response {
    match made(&sandbox, body).await {
        Ok(response) | Err(response) => response,
    }
}

async fn made(sandbox: &Sandbox, body: Body) -> Result<Response, Response> {
    let body = read_body(body).await?;
    let source = serde_json::from_slice(&body).map_err(|error| unread(&error))?;
    let key = sandbox.fingerprints().await.map_err(|error| {
        tracing::warn!(%error, "no method can be made");
        answer::unavailable()
    })?;
    let (token, now) = (random("card_"), clock::now());
    let kept = match &source {
        Source::Source(name) => {
            let card = named(name).ok_or_else(answer::no_such_source)?;
            methods::by_name(card, token, key, now)
        }
        Source::Card(numbers) => {
            methods::by_numbers(numbers, token, key, now).map_err(|decline| answer::declined(&decline))?
        }
    };
    let method = kept.method();
    sandbox.decide(Job::Keep(Box::new(kept))).await.map_err(|failure| answer::failed(&failure))?;
    Ok(answer::ok(&method))
}

async fn perform(State(sandbox): State<Arc<Sandbox>>, body: Body) -> Response {
    let request = match read_body(body).await {
        Ok(body) => serde_json::from_slice::<Request>(&body).map_err(|error| unread(&error)),
        Err(response) => Err(response),
    };
    let request = match request {
        Ok(request) => request,
        Err(response) => return response,
    };
    if let Some(wrong) = validate::wrong(&request) {
        return answer::invalid(wrong);
    }
    match sandbox.decide(Job::Perform(request)).await {
        Ok(done) => with_fault(&sandbox, &done).await,
        Err(failure) => answer::failed(&failure),
    }
}

/// The answer, unless it takes a wrong way.
async fn with_fault(sandbox: &Sandbox, done: &Done) -> Response {
    let lost = async |time| {
        tokio::select! {
            () = sleep(time) => {}
            () = sandbox.stop.cancelled() => {}
        }
    };
    match done.fault {
        Some(Fault::NeverArrives) => return answer::unsent(),
        Some(Fault::BadGateway | Fault::BadGatewayDone) => return answer::bad_gateway(),
        Some(Fault::LostAnswer) => {
            lost(LOST).await;
            return answer::unsent();
        }
        Some(Fault::Slow) => lost(SLOW).await,
        Some(Fault::NoticeLate | Fault::NoticeTwice) | None => {}
    }
    done.operation.as_ref().map_or_else(answer::unavailable, answer::ok)
}

async fn inquire(State(sandbox): State<Arc<Sandbox>>, Path(key): Path<String>) -> Response {
    let found = match sandbox.readers.get().await {
        Ok(client) => store::operation(&client, &key).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(Some(stored)) => answer::ok(&stored.operation(&sandbox.url)),
        Ok(None) => answer::never_seen(),
        Err(error) => answer::failed(&Failure::Unavailable(error.to_string())),
    }
}

/// The answer to a body that isn't of the protocol. It shows nothing of it: it may be a number.
fn unread(error: &serde_json::Error) -> Response {
    let (line, column) = (error.line(), error.column());
    answer::invalid(&format!("The body is no request of the protocol: line {line}, column {column}."))
}
