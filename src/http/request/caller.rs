//! The caller, judged before the route is looked at, so that a stranger can't learn which routes exist.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::admission::Asker;
use super::context::{IdempotencyKey, RequestId, Trace};
use crate::clock;
use crate::contract::{
    Kind, LIVE_KEY_PREFIX, RESTRICTED_LIVE_KEY_PREFIX, RESTRICTED_TEST_KEY_PREFIX, TEST_KEY_PREFIX,
};
use crate::domain::New;
use crate::http::app::App;
use crate::http::error::{ApiError, KeyProblem};
use crate::http::server::Peer;
use crate::id::Id;
use crate::log::Cause;
use crate::read::keys::{Account, Key};

const KEY_PREFIXES: [&str; 4] =
    [TEST_KEY_PREFIX, LIVE_KEY_PREFIX, RESTRICTED_TEST_KEY_PREFIX, RESTRICTED_LIVE_KEY_PREFIX];

/// The account and the key that a request is made with, and its names in the events it causes.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The account of the key.
    pub account: Account,
    /// The key.
    pub key: Key,
    cause: Cause,
}

impl Caller {
    /// The cause of the events that this request appends.
    pub(crate) fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The parts of a new object that the caller doesn't say.
    pub(crate) fn new_object<K: Kind>(&self) -> New<K> {
        New { id: Id::generate(clock::now()), livemode: self.account.livemode }
    }
}

/// Lets requests to `/v1` through that carry a key of ours.
pub(super) async fn authenticate(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if request.uri().path().starts_with("/v1") {
        let key = key_of(request.headers()).ok_or(KeyProblem::Missing)?;
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::OWN);
        let known = known_key(&app, &key, peer).await?.ok_or_else(|| KeyProblem::Invalid(hint(&key)))?;
        if known.expired {
            return Err(KeyProblem::Expired(hint(&key)).into());
        }
        if known.readonly && *request.method() != Method::GET && *request.method() != Method::HEAD {
            return Err(KeyProblem::ReadsOnly(hint(&key)).into());
        }
        app.load.count(known.id)?;
        app.log.note_key_use(known.account.id, known.id);
        request.extensions_mut().insert(known.account);
        request.extensions_mut().insert(known);
    }
    Ok(next.run(request).await)
}

/// The key of that text; `None` where there is none. Look-ups of keys that opened something a moment ago have
/// places apart, so that a client that guesses keys is in nobody's way.
pub(crate) async fn known_key(app: &App, key: &str, peer: Peer) -> Result<Option<Key>, ApiError> {
    if let Some(known) = app.reader.believed_key(key) {
        return Ok(Some(known));
    }
    let former = app.reader.former_key(key);
    let asker = former.map_or(Asker::Peer(peer), |known| Asker::Account(known.account.id));
    let _place = app.load.look_up(asker).await?;
    // Somebody else may have asked meanwhile.
    Ok(app.reader.key(key).await?)
}

/// The key of `Authorization: Bearer <key>` or of HTTP Basic with the key as user name.
fn key_of(headers: &HeaderMap) -> Option<String> {
    let (scheme, value) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        value.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
        decoded.split(':').next().unwrap_or_default().to_owned()
    } else {
        return None;
    };
    (!key.is_empty()).then_some(key)
}

/// As much of a wrong key as may be shown.
fn hint(key: &str) -> String {
    let end: String = key.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    let kind = KEY_PREFIXES.iter().find(|kind| key.starts_with(**kind)).copied().unwrap_or_default();
    if key.chars().count() < 16 { "***".to_owned() } else { format!("{kind}***{end}") }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let known = *parts.extensions.get::<Key>().ok_or(KeyProblem::Missing)?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let given = parts.extensions.get::<IdempotencyKey>().cloned();
        let (idempotency_key, fingerprint) = given.map(|given| (given.key, given.fingerprint)).unzip();
        let fingerprint = fingerprint.flatten();
        let trace = parts.extensions.get::<Trace>().and_then(|trace| trace.0);
        let cause = Cause { account: known.account.id, request_id, idempotency_key, fingerprint, trace };
        Ok(Self { account: known.account, key: known, cause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(authorization: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization.parse().expect("a header"));
        key_of(&headers)
    }

    #[test]
    fn bearer_and_basic_both_carry_a_key() {
        let basic = format!("Basic {}", STANDARD.encode("sk_test_x:"));
        for header in ["Bearer sk_test_x", "bearer  sk_test_x", basic.as_str()] {
            assert_eq!(key(header).as_deref(), Some("sk_test_x"), "{header}");
        }
        for header in ["sk_test_x", "Bearer ", "Basic ???", "Basic Og==", "Digest x"] {
            assert_eq!(key(header), None, "{header}");
        }
    }

    #[test]
    fn little_of_a_wrong_key_is_shown() {
        assert_eq!(hint("sk_test_0123456789abcdef"), "sk_test_***cdef");
        assert_eq!(hint("short"), "***");
    }
}
