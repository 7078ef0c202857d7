//! `POST /processor/notices`: the notices that the processor of test mode sends by itself;
//! `/processor/live/notices` for the one of live mode. The processor's secret signs them; there is no
//! API key.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::json;

use super::app::App;
use super::error::{ApiError, HttpProblem, KeyProblem};
use super::params::read_body;
use super::render::Rendered;
use crate::flow::notices::{self, NoticeError, NoticeProblem};

/// The longest notice, in bytes.
pub(crate) const NOTICE_MAX: usize = 64 * 1024;
/// The header with the signature.
const SIGNATURE: &str = "calmony-signature";

/// The routes.
pub(super) fn routes(app: App) -> Router {
    Router::new()
        .route("/processor/notices", post(of_test_mode))
        .route("/processor/live/notices", post(of_live_mode))
        .with_state(app)
}

async fn of_test_mode(State(app): State<App>, headers: HeaderMap, body: axum::body::Body) -> Response {
    take(&app, false, &headers, body).await.unwrap_or_else(ApiError::into_response)
}

async fn of_live_mode(State(app): State<App>, headers: HeaderMap, body: axum::body::Body) -> Response {
    take(&app, true, &headers, body).await.unwrap_or_else(ApiError::into_response)
}

async fn take(
    app: &App,
    livemode: bool,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Result<Response, ApiError> {
    let body = read_body(body, NOTICE_MAX, None).await?;
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match notices::take(&app.log, &app.processors, livemode, (signature, &body)).await {
        Ok(()) => Ok(Rendered(json!({ "taken": true }).to_string()).into_response()),
        Err(NoticeError::Refused(NoticeProblem::Unsigned)) => Err(KeyProblem::Signature.into()),
        Err(NoticeError::Refused(NoticeProblem::Malformed)) => {
            Err(HttpProblem::Malformed("it is no notice of the processor's protocol").into())
        }
        Err(NoticeError::Later(error)) => Err(error.into()),
    }
}
