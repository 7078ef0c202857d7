//! The parameters of a request, whatever they are spelled as: a query, a form with brackets, or JSON.
//!
//! All three become one [`Tree`], and a tree is read into the type that a handler or the domain wants. Unknown parameters
//! are refused, and every refusal says which parameter it is about.

mod canonical;
mod deserialize;
mod form;
mod json;

pub(super) use deserialize::integer;

use std::time::Duration;

use axum::body::Bytes;
use axum::body::HttpBody as _;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::App;
use super::error::{ApiError, HttpProblem};
use super::load::Arriving;
use crate::domain::{ParameterError, Problem};
use crate::read::keys::Account;

/// The most bytes of a body.
const BODY_MAX: usize = 1024 * 1024;
/// How much of a body that is too large is read and dropped, and for how long.
const LINGER_MAX: usize = 8 * 1024 * 1024;
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The most parameters at one level of a query, a form or JSON.
const PARAMETERS_MAX: usize = 1_000;

/// Parameters before they have types. A list spelled with numbers in brackets is a map until a type asks for
/// a list, and one spelled as a name that is given several times is several values until then.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is no 64-bit integer.
    OtherNumber,
    /// A text of JSON.
    Text(String),
    /// The values that a form or a query gives under one name, once or several times.
    Given(Vec<String>),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Takes a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<Self> {
        let Self::Map(entries) = self else { return None };
        let at = entries.iter().position(|(known, _)| known == name)?;
        Some(entries.remove(at).1)
    }

    /// Refuses a parameter that is given without a value. In a body that unsets a field; to read with, it
    /// would ask for everything where something was meant, as a script does whose variable is empty.
    pub(super) fn refuse_empty(&self) -> Result<(), ParameterError> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .try_for_each(|(name, value)| value.refuse_empty().map_err(|error| error.within(name))),
            Self::List(values) if values.is_empty() => Err(ParameterError::new("", Problem::Empty)),
            Self::List(values) => values.iter().enumerate().try_for_each(|(index, value)| {
                value.refuse_empty().map_err(|error| error.within(&index.to_string()))
            }),
            Self::Given(values) if values.iter().any(String::is_empty) => {
                Err(ParameterError::new("", Problem::Empty))
            }
            value if value.is_unset() => Err(ParameterError::new("", Problem::Empty)),
            _ => Ok(()),
        }
    }
}

/// True for a request whose parameters only narrow down what it is answered.
pub(super) fn only_filters(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE)
}

/// Reads the parameters of a request into a `T`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params<T>(pub T);

/// The same for parameters that only narrow down what is meant: none of them may be empty, whatever the method.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Filters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        taken(parts, true).map(Self)
    }
}

/// A request that takes no parameters.
#[derive(Debug, Clone, Copy, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParams {}

/// Reads the parameters of a request, for whoever comes after.
pub(super) async fn read(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    check_coding(&parts)?;
    let body = match parts.extensions.get::<Account>() {
        Some(account) if !body.is_end_stream() => {
            let arriving = app.load.arriving(account.id)?;
            read_body(body, BODY_MAX, Some(arriving)).await?
        }
        _ => read_body(body, BODY_MAX, None).await?,
    };
    let mut tree = form::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
    merge(&mut tree, parse_body(&parts, &body)?)?;
    parts.extensions.insert(tree);
    Ok(next.run(Request::from_parts(parts, axum::body::Body::empty())).await)
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let only_filters = only_filters(&parts.method);
        taken(parts, only_filters).map(Self)
    }
}

/// The parameters, taken from the request.
fn taken<T: DeserializeOwned>(parts: &mut Parts, only_filters: bool) -> Result<T, ApiError> {
    let tree = parts.extensions.remove::<Tree>().unwrap_or_else(|| Tree::Map(Vec::new()));
    let empty = if only_filters { tree.refuse_empty() } else { Ok(()) };
    let params = T::deserialize(tree);
    // What is unknown is said to be that, empty or not.
    if let Err(ParameterError { problem: Problem::Unknown, .. }) = params {
        return Ok(params?);
    }
    empty?;
    Ok(params?)
}

/// Bodies are taken as they are: none is unpacked.
fn check_coding(parts: &Parts) -> Result<(), HttpProblem> {
    let codings = parts.headers.get_all(CONTENT_ENCODING).iter();
    let packed = codings.map(HeaderValue::as_bytes).find(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    packed.map_or(Ok(()), |coding| Err(HttpProblem::Packed(String::from_utf8_lossy(coding).into_owned())))
}

/// Lets a client that is sending send on for a moment, so that it reads the refusal and doesn't meet a broken pipe.
async fn linger(body: axum::body::Body) {
    let mut rest = Limited::new(body, LINGER_MAX);
    let dropped = async { while let Some(Ok(_)) = rest.frame().await {} };
    // Whatever it comes to, the refusal stands.
    let _ = tokio::time::timeout(LINGER_TIMEOUT, dropped).await;
}

/// Reads a body of so many bytes at the most, within [`BODY_TIMEOUT`]. Until it is there, its bytes are counted.
pub(super) async fn read_body(
    body: axum::body::Body,
    most: usize,
    mut arriving: Option<Arriving>,
) -> Result<Bytes, ApiError> {
    // A length that is too much is known before anything has come.
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > most {
        linger(body).await;
        return Err(ApiError::BodyTooLarge);
    }
    let mut body = Limited::new(body, most);
    let collected = tokio::time::timeout(BODY_TIMEOUT, async {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    return ApiError::BodyTooLarge;
                }
                ApiError::MalformedBody("it ended early, or its chunks are broken".to_owned())
            })?;
            if let Ok(data) = frame.into_data() {
                if let Some(arriving) = &mut arriving {
                    arriving.came(data.len())?;
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(Bytes::from(bytes))
    });
    collected.await.unwrap_or(Err(ApiError::BodyTimeout))
}

fn parse_body(parts: &Parts, body: &[u8]) -> Result<Tree, ApiError> {
    if body.is_empty() {
        return Ok(Tree::Map(Vec::new()));
    }
    let content_type =
        parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (essence, options) = content_type.split_once(';').unwrap_or((content_type, ""));
    let refuse = || Err(ApiError::UnsupportedContentType(content_type.to_owned()));
    if !is_utf8(options) {
        return refuse();
    }
    match essence.trim().to_ascii_lowercase().as_str() {
        "application/json" => json::parse(body),
        "application/x-www-form-urlencoded" | "" => Ok(form::parse(body)?),
        _ => refuse(),
    }
}

/// True where the options of a content type name no other encoding of texts than UTF-8.
fn is_utf8(options: &str) -> bool {
    options.split(';').filter_map(|option| option.split_once('=')).all(|(name, value)| {
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || ["utf-8", "utf8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known))
    })
}

/// Adds the parameters of the body to those of the query. A body of many names must not be compared with itself.
fn merge(query: &mut Tree, body: Tree) -> Result<(), ApiError> {
    let (Tree::Map(query), Tree::Map(body)) = (query, body) else {
        return Err(ApiError::MalformedBody("expected a JSON object".to_owned()));
    };
    if body.len() > PARAMETERS_MAX {
        return Err(ParameterError::new("", Problem::TooMany(PARAMETERS_MAX)).into());
    }
    for (name, _) in &body {
        if query.iter().any(|(known, _)| known == name) {
            return Err(ParameterError::new(name, Problem::Repeated).into());
        }
    }
    query.extend(body);
    Ok(())
}
