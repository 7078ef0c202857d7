//! Signing in with an API key. From then on the key is in a cookie. It is sealed, so that the browser doesn't
//! have it.
//!
//! A session ends after half a day, with the key, or when somebody signs out, wherever a copy of the cookie
//! is. Any process that has the sealing key opens the cookie, and none keeps it. A session that was ended
//! before its time is in the database until it would have ended by itself.

use askama::Template;
use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Query, Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::api::{ApiClient, Failure};
use super::state::Dashboard;
use crate::clock::{self, Timestamp};
use crate::http::known_key;
use crate::http::{App, Peer};
use crate::pages::shared::frame::Frame;
use crate::pages::shared::node::Node;
use crate::seal::Keyring;
use crate::secret;

/// The place that a session is sealed for.
const PLACE: &str = "dashboard session";
const COOKIE_NAME: &str = "calmony_session";
/// The life of a session, in seconds.
const LASTS: u64 = 12 * 3600;
/// The page to sign in on.
const SIGN_IN: &str = "/dashboard/sign-in";

/// The content of the cookie.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Content {
    key: String,
    /// The time at which the session ends, in Unix seconds.
    until: u64,
    /// The token that every form of this session has to bring with it.
    token: String,
}

/// The session of a person that has signed in.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) api: ApiClient,
    pub(super) token: String,
    pub(super) account: i64,
    /// The session as the database knows it, for ending it.
    record: secret::Session,
    /// True if the key may only read.
    pub(super) readonly: bool,
    pub(super) livemode: bool,
}

impl Session {
    /// The frame of a page in that part of the navigation.
    pub(super) fn frame(&self, part: &'static str) -> Frame {
        let (token, readonly, livemode) = (self.token.clone(), self.readonly, self.livemode);
        Frame { part, token, readonly, livemode, said: String::new() }
    }
}

fn seal(content: &Content, keyring: &Keyring) -> Option<String> {
    let sealed = keyring.seal_text(&serde_json::to_string(content).ok()?, PLACE);
    Some(format!("{}.{}", sealed.key_id, sealed.text))
}

fn open(headers: &HeaderMap, keyring: &Keyring) -> Option<Content> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split("; ")).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
    let (key_id, text) = value.split_once('.')?;
    let content: Content = serde_json::from_str(&keyring.open_text(key_id, text, PLACE).ok()?).ok()?;
    (content.until > clock::now().seconds()).then_some(content)
}

/// The cookie. It is secure only over HTTPS: over plain HTTP, as on one's own machine, a browser would not
/// take a secure one.
fn cookie(value: &str, lasts: u64, headers: &HeaderMap) -> Option<HeaderValue> {
    let is_secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if is_secure { "; Secure" } else { "" };
    let text =
        format!("{COOKIE_NAME}={value}; Path=/dashboard; Max-Age={lasts}; HttpOnly; SameSite=Strict{secure}");
    text.parse().ok()
}

/// Lets requests with a session through. The others are sent to sign in, and back afterwards.
pub(super) async fn required(
    State(dashboard): State<Dashboard>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    // An action isn't done by coming back.
    let is_page = *request.method() == Method::GET;
    let wanted = request.uri().path_and_query().filter(|_| is_page).map(ToString::to_string);
    let wanted = wanted.unwrap_or_else(|| "/dashboard".to_owned());
    let Some(content) = open(request.headers(), &dashboard.app.keyring) else {
        return Ok(to_sign_in(&wanted));
    };
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::OWN);
    let known = known_key(&dashboard.app, &content.key, peer).await.map_err(Failure::of)?;
    let Some(known) = known.filter(|known| !known.expired) else { return Ok(to_sign_in(&wanted)) };
    dashboard.app.load.count(known.id).map_err(Failure::of)?;
    let until = Timestamp::from_seconds(content.until);
    let record = secret::Session::new((known.account.id, known.id), &content.token, until);
    if dashboard.app.reader.is_ended(&record).await.map_err(|error| Failure::of(error.into()))? {
        return Ok(to_sign_in(&wanted));
    }
    let api = ApiClient { api: dashboard.api, key: content.key };
    request.extensions_mut().insert(Session {
        api,
        record,
        token: content.token,
        account: known.account.id,
        readonly: known.readonly,
        livemode: known.account.livemode,
    });
    Ok(next.run(request).await)
}

fn to_sign_in(wanted: &str) -> Response {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", wanted).finish();
    Redirect::to(&format!("{SIGN_IN}?{query}")).into_response()
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or(Failure::Broken)
    }
}

/// A form that somebody of this session has sent from a page of ours.
pub(super) struct Posted {
    pub(super) session: Session,
    fields: Vec<(String, String)>,
}

impl Posted {
    /// Does the action of the form, by a call of the API, once.
    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Node, Failure> {
        self.session.api.post(path, form, self.field("once")).await
    }

    /// The value of a field; empty if the form has no such field.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }
}

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if !is_from_here(request.headers()) {
            return Err(Failure::unreadable("This form was sent from another site."));
        }
        let session = request.extensions().get::<Session>().cloned();
        let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
        let (Some(session), Ok(Form(fields))) = (session, form) else {
            return Err(Failure::unreadable("This form can't be read."));
        };
        let posted = Self { session, fields };
        let token = posted.field("token").as_bytes().ct_eq(posted.session.token.as_bytes());
        if bool::from(token) {
            Ok(posted)
        } else {
            Err(Failure::unreadable("This form is of another session; go back and load the page again."))
        }
    }
}

/// True if a request comes from a page of ours, as far as the browser says.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    // Where the former isn't sent, as over plain HTTP.
    let origin = text("origin").and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    site && (text("origin").is_none() || origin == text("host"))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    next: &'a str,
    problem: &'a str,
}

/// The page to go on to after signing in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Onwards {
    next: String,
}

/// The fields of the form for signing in.
#[derive(Debug, Deserialize)]
pub(super) struct Credentials {
    key: String,
    #[serde(default)]
    next: String,
}

/// That page if it is ours, or else the overview. So nobody is sent to another site.
fn own_page(next: &str) -> &str {
    let is_own = next == "/dashboard" || next.starts_with("/dashboard/") || next.starts_with("/dashboard?");
    if is_own && next.bytes().all(|byte| byte.is_ascii_graphic()) { next } else { "/dashboard" }
}

/// The page that asks for a key.
pub(super) async fn sign_in_page(Query(Onwards { next }): Query<Onwards>) -> Result<Html<String>, Failure> {
    Ok(Html(SignInPage { next: own_page(&next), problem: "" }.render()?))
}

/// Takes a key. A wrong key is answered as slowly as the API answers it.
pub(super) async fn sign_in(
    State(dashboard): State<Dashboard>,
    headers: HeaderMap,
    Form(Credentials { key, next }): Form<Credentials>,
) -> Result<Response, Failure> {
    let (key, next) = (key.trim().to_owned(), own_page(&next));
    let api = ApiClient { api: dashboard.api, key: key.clone() };
    if let Err(failure) = api.get("/v1/events", &[("limit", "1")]).await {
        let page = SignInPage { next, problem: failure.message() }.render()?;
        let mut response = failure.into_response();
        *response.body_mut() = page.into();
        response.headers_mut().remove("content-length");
        return Ok(response);
    }
    if !is_from_here(&headers) {
        return Ok(Redirect::to(SIGN_IN).into_response());
    }
    let token = format!("{:032x}", rand::random::<u128>());
    let content = Content { key, until: clock::now().seconds() + LASTS, token };
    let sealed = seal(&content, &dashboard.app.keyring).ok_or(Failure::Broken)?;
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().insert(SET_COOKIE, cookie(&sealed, LASTS, &headers).ok_or(Failure::Broken)?);
    Ok(response)
}

/// Ends the session, for this browser and for every holder of a copy of the cookie. If that can't be
/// written down, the session goes on.
pub(super) async fn sign_out(
    State(app): State<App>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, Failure> {
    let record = posted.session.record;
    app.log.end_session(&record).await.map_err(|error| Failure::of(error.into()))?;
    app.reader.believe_ended(&record);
    let mut response = Redirect::to(SIGN_IN).into_response();
    response.headers_mut().insert(SET_COOKIE, cookie("", 0, &headers).ok_or(Failure::Broken)?);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for own in ["/dashboard", "/dashboard/events?type=x", "/dashboard?a=b"] {
            assert_eq!(own_page(own), own);
        }
        for other in [
            "",
            "https://elsewhere.example",
            "//elsewhere.example",
            "/v1/customers",
            "/dashboards",
            "/\\x",
            "/dashboard/\n",
        ] {
            assert_eq!(own_page(other), "/dashboard", "{other}");
        }
    }

    #[test]
    fn a_session_is_what_was_sealed_here_and_is_not_over() {
        let keyring: Keyring = crate::seal::generate_key().parse().expect("a key");
        let session = |until| Content { key: "sk_test_x".to_owned(), until, token: "t".to_owned() };
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            let line = format!("other=1; {COOKIE_NAME}={value}");
            headers.insert(COOKIE, line.parse().expect("a header"));
            headers
        };
        let now = clock::now().seconds();
        let good = seal(&session(now + 60), &keyring).expect("a cookie");
        assert_eq!(open(&headers(&good), &keyring).map(|content| content.key), Some("sk_test_x".to_owned()));
        assert!(!good.contains("sk_test"));
        let over = seal(&session(now - 1), &keyring).expect("a cookie");
        let elsewhere: Keyring = crate::seal::generate_key().parse().expect("a key");
        for (value, keyring) in [(over, &keyring), (good.replace('.', ""), &keyring), (good, &elsewhere)] {
            assert!(open(&headers(&value), keyring).is_none());
        }
    }
}
