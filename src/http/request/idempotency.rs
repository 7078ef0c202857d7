//! `Idempotency-Key`: a POST or PATCH that is sent again is answered as it was answered first, and done once.
//!
//! The log stores the answer with the event (`log/idempotency.rs`). Here a request is told apart from
//! another with the same key, a twin that is still under way is refused, and a stored answer is sent
//! again, byte for byte.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::context::{ExpandPaths, IdempotencyKey, RequestId};
use crate::domain::{ParameterError, Problem};
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::params::Tree;
use crate::http::render::Rendered;
use crate::log::idempotency::{Answer, Fingerprint, FirstAnswer, Remembered};
use crate::read::keys::Account;

/// The header, in requests and echoed in answers.
const HEADER: &str = "idempotency-key";
/// The longest key, in characters.
pub(crate) const KEY_MAX: usize = 255;

/// Sees to it that a request with a key is done once.
pub(super) async fn once(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (key, sent) = (key_of(request.headers()), request.headers().get(HEADER).cloned());
    if !matches!(*request.method(), Method::POST | Method::PATCH) {
        // It has no effect here, so that it can't be wrong. A DELETE's event tells of it.
        if let Ok(Some(key)) = key {
            request.extensions_mut().insert(IdempotencyKey { key, fingerprint: None });
        }
        return Ok(next.run(request).await);
    }
    let account = request.extensions().get::<Account>().map(|account| account.id);
    let (Some(key), Some(account)) = (key?, account) else { return Ok(next.run(request).await) };
    let mut response =
        done_once(&app, account, &key, request, next).await.unwrap_or_else(ApiError::into_response);
    if let Some(sent) = sent {
        response.headers_mut().insert(HEADER, sent);
    }
    Ok(response)
}

async fn done_once(
    app: &App,
    account: i64,
    key: &str,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let fingerprint = fingerprint(&request);
    let own = request.extensions().get::<RequestId>().map(|own| own.0.clone());
    let Some(_entry) = app.in_flight.enter(account, key) else { return Err(ApiError::KeyInUse) };
    request.extensions_mut().insert(IdempotencyKey { key: key.to_owned(), fingerprint: Some(fingerprint) });
    let response = next.run(request).await;
    // A request that is refused, for any reason, may have been done already. Where that can't be found
    // out, the refusal stands; while the database is away there is nothing to find out.
    if response.status().is_client_error()
        && let Ok(Some(remembered)) = app.log.recall(account, key).await
    {
        // A decline is stored with its own call, whose answer it is.
        if remembered.request_id.is_some() && remembered.request_id == own {
            return Ok(response);
        }
        return stored_answer(app, account, key, remembered, fingerprint);
    }
    Ok(response)
}

/// The fingerprint of a request: its path, and its parameters with the paths it expands.
fn fingerprint(request: &Request) -> Fingerprint {
    let parameters = request.extensions().get::<Tree>().map(Tree::canonical).unwrap_or_default();
    let expand = request.extensions().get::<ExpandPaths>().map_or("", |asked| asked.0.as_str());
    Fingerprint { path: hash(request.uri().path()), parameters: hash(&format!("{parameters}{expand}")) }
}

/// The stored answer, if this request is the one that it was given to.
fn stored_answer(
    app: &App,
    account: i64,
    key: &str,
    remembered: Remembered,
    asked: Fingerprint,
) -> Result<Response, ApiError> {
    let Remembered { fingerprint, request_id, answer } = remembered;
    let first = fingerprint.ok_or(ApiError::Internal)?;
    if first != asked {
        return Err(ApiError::KeyReused { same_path: first.path == asked.path });
    }
    let mut response = match answer {
        FirstAnswer::Open => return Err(ApiError::KeyInUse),
        FirstAnswer::Declined(object) => ApiError::PaymentDeclined(object).into_response(),
        FirstAnswer::Done(Answer::Plain(text)) => Rendered(text).into_response(),
        FirstAnswer::Done(Answer::Sealed(sealed)) => {
            let opened = app.keyring.open_text(&sealed.key_id, &sealed.text, &seal_place(account, key));
            let text = opened.map_err(|error| {
                // While keys are being changed over, another process may have the one that is missing here.
                tracing::error!(%error, "a stored answer can't be opened");
                ApiError::Unavailable
            })?;
            Rendered(text).into_response()
        }
    };
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    if let Some(value) = request_id.and_then(|id| HeaderValue::from_str(&id).ok()) {
        response.headers_mut().insert("original-request", value);
    }
    Ok(response)
}

/// The place that a sealed answer is bound to: an account's idempotency key.
pub(crate) fn seal_place(account: i64, key: &str) -> String {
    format!("idempotency {account} {key}")
}

fn hash(text: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    digest.first_chunk().copied().unwrap_or_default()
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, ParameterError> {
    let refuse = |problem| ParameterError::new("Idempotency-Key", problem);
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refuse(Problem::Repeated));
    }
    let key = std::str::from_utf8(value.as_bytes()).map_err(|_| refuse(Problem::InvalidCharacters))?;
    if key.is_empty() {
        return Err(refuse(Problem::Empty));
    }
    if key.chars().count() > KEY_MAX {
        return Err(refuse(Problem::TooLong(KEY_MAX)));
    }
    Ok(Some(key.to_owned()))
}
