//! `/healthz`: the process runs. `/readyz`: it can do its work. The same on the API and on the worker.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::routing::get;

use axum::http::StatusCode;

/// The longest time for a readiness check. After that the answer is no.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// The two routes. `ready` says if the process can do its work now.
pub fn health_router<F, R>(ready: F) -> Router
where
    F: Fn() -> R + Clone + Send + Sync + 'static,
    R: Future<Output = bool> + Send,
{
    let readyz = move || {
        let ready = ready.clone();
        async move {
            match tokio::time::timeout(READY_TIMEOUT, ready()).await {
                Ok(true) => (StatusCode::OK, "ready\n"),
                _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            }
        }
    };
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(readyz))
}
