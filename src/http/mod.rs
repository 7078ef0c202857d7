//! The API: extract, command, append, render. Nothing here can write but through the log.

mod app;
pub mod contract;
mod error;
mod lookups;
mod metrics;
mod notices;
mod outgoing;
mod page;
mod params;
mod render;
mod request;
mod resources;
mod server;
mod targets;
mod vitals;

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::health::health_router;
pub use app::{App, Parts};
pub use contract::route::Route;
pub use contract::routes::routes;
pub(crate) use error::{ApiError, CardNumberRefused, KeyProblem};
pub(crate) use outgoing::metered;
pub(crate) use params::read_body;
pub use request::admission::{Load, RateLimit};
pub(crate) use request::caller::known_key;
pub use request::in_flight::InFlight;
pub(crate) use request::{observed, unknown_route};
pub(crate) use server::Peer;
use vitals::VitalsMetrics;

/// The most connections to the metrics.
const METRICS_CONNECTIONS_MAX: usize = 64;

/// The API as a service.
pub fn api(app: App) -> Router {
    let mut api = Router::new();
    for route in routes() {
        api = api.route(route.path, route.handler);
    }
    let ready = app.clone();
    let health = health_router(move || {
        let app = ready.clone();
        async move { app.reader.is_ready().await && app.log.answers().await }
    });
    let api = request::layered(api, &app, contract::routes::expandable, contract::routes::taking_cards)
        .with_state(app.clone())
        .route("/openapi.json", get(contract::serve))
        .route("/docs", get(contract::serve_page))
        .merge(notices::routes(app.clone()))
        .merge(health);
    request::observed(api, app)
}

/// `/metrics` of the API, and of the whole system as the database has it; for a port of its own.
fn metrics_router(app: &App) -> Router {
    let mut registry = Registry::default();
    let (vitals, reader) = (VitalsMetrics::default(), app.reader.clone());
    app.metrics.register(&mut registry);
    app.log.register(&mut registry);
    app.reader.register(&mut registry);
    app.processors.register(&mut registry);
    vitals.register(&mut registry);
    crate::metrics::router(registry, move || {
        let (vitals, reader) = (vitals.clone(), reader.clone());
        async move { vitals.refresh(&reader).await }
    })
}

/// Serves these routes until the app is told to stop, then lets requests in progress finish.
pub async fn serve(listener: TcpListener, routes: Router, app: &App, connections_max: usize) {
    server::serve(listener, routes, connections_max, app.stop.clone()).await;
}

/// Serves the metrics until the API stops.
pub async fn serve_metrics(listener: TcpListener, app: App) {
    let stop = app.stop.clone();
    server::serve(listener, metrics_router(&app), METRICS_CONNECTIONS_MAX, stop).await;
}

/// Binds the address to serve on.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}
