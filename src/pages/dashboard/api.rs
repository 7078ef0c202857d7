//! The API, called from within the process with the key of the session.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::response::Parts;
use axum::http::{Method, Request};
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;
use tower_service::Service as _;
use url::form_urlencoded;

use crate::http::{ApiError, KeyProblem};
use crate::pages::shared::node::Node;
use crate::pages::shared::problem::problem;

/// The most bytes of an answer: more than any has, a page of a list (`read/page.rs`) or one event of the
/// largest kind.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// A client within the process.
#[derive(Debug, Clone)]
pub(super) struct ApiClient {
    pub(super) api: Router,
    pub(super) key: String,
}

/// The reason that a page can't be shown.
#[derive(Debug)]
pub(super) enum Failure {
    /// The API refused: the head of its answer, and its message.
    Refused(Box<Parts>, String),
    /// The product has a defect.
    Broken,
}

impl Failure {
    /// The refusal of a form that can't be read.
    pub(super) fn unreadable(said: &str) -> Self {
        let (parts, _) = ApiError::MalformedBody(said.to_owned()).into_response().into_parts();
        Self::Refused(Box::new(parts), said.to_owned())
    }

    /// The same answer as the API's own.
    pub(super) fn of(error: ApiError) -> Self {
        let is_key = matches!(error, ApiError::Key(_));
        let (parts, _) = error.into_response().into_parts();
        let said = if is_key {
            "This key doesn't open anything here."
        } else {
            "Not now: too much is asked at once, or the database is away."
        };
        Self::Refused(Box::new(parts), said.to_owned())
    }

    /// The API's message, for the page that the call came from.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Refused(_, said) => said,
            Self::Broken => "Something went wrong here.",
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Refused(parts, _) => parts.status,
            Self::Broken => {
                tracing::error!("a page of the dashboard can't be made");
                ApiError::Internal.into_response().status()
            }
        };
        let mut response = Html(problem(self.message())).into_response();
        *response.status_mut() = status;
        response
    }
}

impl From<askama::Error> for Failure {
    fn from(_: askama::Error) -> Self {
        Self::Broken
    }
}

impl ApiClient {
    /// Reads something. Empty parameters are left out, as a field of a form may be empty.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Node, Failure> {
        let given = query.iter().filter(|(_, value)| !value.is_empty());
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
        let place = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        self.call(Method::GET, &place, String::new(), "").await
    }

    /// Does something once, however often a form is sent.
    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)], once: &str) -> Result<Node, Failure> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.call(Method::POST, path, form, once).await
    }

    async fn call(&self, method: Method, place: &str, body: String, once: &str) -> Result<Node, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(place)
            .header(HOST, "dashboard")
            .header(AUTHORIZATION, format!("Bearer {}", self.key))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if !once.is_empty() {
            request = request.header("idempotency-key", once);
        }
        // A text that can't be in a header is no key.
        let request = request
            .body(Body::from(body))
            .map_err(|_| Failure::of(KeyProblem::Invalid("***".to_owned()).into()))?;
        let Ok(response) = self.api.clone().call(request).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, ANSWER_MAX).await.map_err(|_| Failure::Broken)?;
        let answer: Value = serde_json::from_slice(&bytes).map_err(|_| Failure::Broken)?;
        if parts.status.is_success() {
            return Ok(Node(answer));
        }
        let said = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or("It was refused.");
        Err(Failure::Refused(Box::new(parts), said.to_owned()))
    }
}
