//! Pages for browsers: clients of the API within the process.

mod dashboard;
mod shared;

use axum::Router;

use crate::http::{self, App};

/// The whole as a service: the API, and pages that call it.
pub fn router(app: App) -> Router {
    let api = http::api(app.clone());
    let pages = dashboard::router(api.clone(), &app);
    api.merge(dashboard::shown(http::observed(pages, app)))
}
