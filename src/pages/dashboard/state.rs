//! The state that pages of the dashboard are made with.

use axum::Router;
use axum::extract::FromRef;

use crate::http::App;

/// The state of all pages: the API as a service, and the app that the overview reads from.
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
