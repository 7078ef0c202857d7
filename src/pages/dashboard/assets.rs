//! The files of the dashboard: within the program, so that nothing is fetched from elsewhere.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use crate::http::ApiError;

/// Name, type and content. `uplot` is a charting library (its licence is beside it).
const FILES: &[(&str, &str, &str)] = &[
    ("dashboard.css", "text/css; charset=utf-8", include_str!("assets/dashboard.css")),
    ("dashboard.js", "text/javascript; charset=utf-8", include_str!("assets/dashboard.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ("uplot.css", "text/css; charset=utf-8", include_str!("assets/uplot.css")),
    ("uplot.js", "text/javascript; charset=utf-8", include_str!("assets/uplot.js")),
];

/// One of them.
pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, ApiError> {
    let file = FILES.iter().find(|(known, _, _)| *known == name);
    let Some((_, kind, content)) = file else {
        return Err(ApiError::UnknownRoute(axum::http::Method::GET, format!("/dashboard/assets/{name}")));
    };
    Ok(([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "public, max-age=300")], *content).into_response())
}
