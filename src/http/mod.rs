//! The API: extract, command, append, render. Nothing here can write but through the log.

mod caller;
mod condition;
mod customers;
mod dashboard;
mod deliveries;
mod endpoint_health;
mod error;
mod events;
mod expand;
mod idempotency;
mod lists;
pub mod load;
mod lookups;
mod metrics;
pub mod openapi;
mod outgoing;
mod params;
mod render;
mod replays;
mod request;
mod routes;
mod search;
mod server;
mod stream;
mod targets;
mod webhook_endpoints;
mod wire;

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::address::TargetPolicy;
use crate::database::{DatabaseError, Databases};
use crate::health::health_router;
use crate::log::{GrowthLimit, Log};
use crate::read::Reader;
use crate::seal::Keyring;
use condition::ConditionMetrics;
use error::ApiError;
pub use idempotency::InFlight;
use load::Load;
use lookups::Lookups;
use metrics::RequestMetrics;
use prometheus_client::registry::Registry;
pub use routes::{Route, routes};

/// The most connections of those who ask for metrics.
const METRICS_CONNECTIONS_MAX: usize = 64;

/// What handlers work with, shared: every layer of every request has it.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts of an [`App`].
#[derive(Debug)]
pub struct Parts {
    /// For writing.
    pub(crate) log: Log,
    /// For reading.
    pub(crate) reader: Reader,
    /// Where webhooks may be sent to.
    pub(crate) policy: TargetPolicy,
    /// What signing secrets are sealed with.
    pub(crate) keyring: Keyring,
    /// Which idempotency keys are in use at this moment.
    pub(crate) in_flight: InFlight,
    /// How much is taken on.
    pub(crate) load: Load,
    /// Names that are being looked up.
    pub(crate) lookups: Lookups,
    /// What is counted of requests.
    metrics: RequestMetrics,
    /// Ends those who follow the log when the server stops.
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Opens the log and the reader on one database; each account may have so much stored. `stop` ends those
    /// who follow the log.
    pub fn open(
        (databases, growth): (&Databases, GrowthLimit),
        policy: TargetPolicy,
        keyring: Keyring,
        load: Load,
        stop: CancellationToken,
    ) -> Result<Self, DatabaseError> {
        Ok(Self(Arc::new(Parts {
            log: Log::open(databases)?.within(growth),
            reader: Reader::open(databases)?,
            policy,
            keyring,
            in_flight: InFlight::default(),
            load,
            lookups: Lookups::default(),
            metrics: RequestMetrics::default(),
            stop,
        })))
    }
}

/// The whole as a service: the API and the dashboard, which is a client of it.
pub fn router(app: App) -> Router {
    let api = api(app.clone());
    let pages = dashboard::router(api.clone(), &app);
    api.merge(pages.layer(from_fn(wire::check)).layer(from_fn_with_state(app, request::observe)))
}

fn api(app: App) -> Router {
    let mut api = Router::new();
    for route in routes() {
        api = api.route(route.path, route.handler);
    }
    let ready = app.clone();
    let health = health_router(move || {
        let app = ready.clone();
        async move { app.reader.is_ready().await && app.log.answers().await }
    });
    api.route_layer(from_fn_with_state(app.clone(), idempotency::once))
        .route_layer(from_fn_with_state(app.clone(), expand::answers))
        .route_layer(from_fn_with_state(app.clone(), load::admit))
        .route_layer(from_fn_with_state(app.clone(), params::read))
        .route_layer(from_fn(request::check_headers))
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), caller::authenticate))
        .with_state(app.clone())
        .route("/openapi.json", get(openapi::serve))
        .route("/docs", get(openapi::serve_page))
        .merge(health)
        .layer(from_fn(wire::check))
        .layer(from_fn_with_state(app, request::observe))
}

/// `/metrics` of the API, and of the whole system as the database has it; for a port of its own.
fn metrics_router(app: &App) -> Router {
    let mut registry = Registry::default();
    let (condition, reader) = (ConditionMetrics::default(), app.reader.clone());
    app.metrics.register(&mut registry);
    app.log.register(&mut registry);
    app.reader.register(&mut registry);
    condition.register(&mut registry);
    crate::metrics::router(registry, move || {
        let (condition, reader) = (condition.clone(), reader.clone());
        async move { condition.refresh(&reader).await }
    })
}

/// Serves the API until told to stop, then lets requests in progress finish.
pub async fn serve(listener: TcpListener, app: App, connections_max: usize) {
    let stop = app.stop.clone();
    server::serve(listener, router(app), connections_max, stop).await;
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

async fn unknown_route(request: Request) -> ApiError {
    ApiError::UnknownRoute(request.method().clone(), request.uri().path().to_owned())
}

async fn method_not_allowed(request: Request) -> ApiError {
    ApiError::MethodNotAllowed(request.method().clone(), request.uri().path().to_owned())
}
