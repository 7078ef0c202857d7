//! The layer that reads the query and the body of a request into one [`Tree`].

use std::time::Duration;

use axum::body::Bytes;
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::tree::{PARAMETERS_MAX, Tree};
use super::{form, json};
use crate::domain::{ParameterError, Problem};
use crate::http::app::App;
use crate::http::error::{ApiError, HttpProblem};
use crate::http::request::admission::Arriving;
use crate::read::keys::Account;

/// The most bytes of a body.
const BODY_MAX: usize = 1024 * 1024;
/// The most bytes of a too large body that are read and dropped, and the longest time for it.
const LINGER_MAX: usize = 8 * 1024 * 1024;
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest time for a body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the parameters of a request, for the layers after it.
pub(crate) async fn read(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    check_coding(&parts)?;
    let body = match parts.extensions.get::<Account>() {
        Some(account) if !body.is_end_stream() => {
            let arriving = app.load.arriving(account.id)?;
            read_body(body, BODY_MAX, Some(arriving)).await?
        }
        _ => read_body(body, BODY_MAX, None).await?,
    };
    let tree = parse(&parts, &body).map_err(|error| {
        // A body that can't be read may be quoted by its refusal.
        let is_shown = app.card_numbers.refuse_sent(&body);
        if is_shown { ParameterError::new("", Problem::CardNumber).into() } else { error }
    })?;
    parts.extensions.insert(tree);
    Ok(next.run(Request::from_parts(parts, axum::body::Body::empty())).await)
}

/// The parameters of a query and a body.
fn parse(parts: &Parts, body: &[u8]) -> Result<Tree, ApiError> {
    let mut tree = form::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
    merge(&mut tree, parse_body(parts, body)?)?;
    Ok(tree)
}

/// Bodies are taken as they are: none is unpacked.
fn check_coding(parts: &Parts) -> Result<(), HttpProblem> {
    let codings = parts.headers.get_all(CONTENT_ENCODING).iter();
    let packed = codings.map(HeaderValue::as_bytes).find(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    packed.map_or(Ok(()), |coding| Err(HttpProblem::Packed(String::from_utf8_lossy(coding).into_owned())))
}

/// Lets a client that is sending send on for a moment, so that it reads the refusal and doesn't meet a broken
/// pipe.
async fn linger(body: axum::body::Body) {
    let mut rest = Limited::new(body, LINGER_MAX);
    let dropped = async { while let Some(Ok(_)) = rest.frame().await {} };
    // The refusal stands, even if this fails.
    let _ = tokio::time::timeout(LINGER_TIMEOUT, dropped).await;
}

/// Reads a body of so many bytes at the most, within [`BODY_TIMEOUT`]. Until it is there, its bytes are
/// counted.
pub(crate) async fn read_body(
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

/// Adds the parameters of the body to those of the query. A body of many names must not be compared with
/// itself.
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
