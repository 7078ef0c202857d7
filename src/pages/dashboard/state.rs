//! What pages of the dashboard are made with.

use axum::Router;
use axum::extract::FromRef;

use crate::http::App;

/// What pages are made with: the API as a service, and what the overview reads.
#[derive(Debug, Clone)]
pub(super) struct Dashboard {
    pub(super) api: Router,
    pub(super) app: App,
}

impl FromRef<Dashboard> for App {
    fn from_ref(dashboard: &Dashboard) -> Self {
        dashboard.app.clone()
    }
}
