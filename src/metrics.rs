//! Metrics, in the text format of `OpenMetrics` 1.0 as Prometheus reads it. The module that measures
//! something owns the metric and registers it here. No label has a value that clients or accounts choose.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Arc;

use crate::telemetry;

/// The upper bounds of durations, in seconds: from a look-up in the cache to the longest attempt.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];
/// The content type of the answer, by the specification.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A histogram of durations in seconds.
#[must_use]
pub fn durations() -> Histogram {
    Histogram::new(SECONDS)
}

/// A histogram of batch sizes, up to some thousands.
#[must_use]
pub fn counts() -> Histogram {
    Histogram::new((0..=12).map(|power| f64::from(1_u32 << power)))
}

/// `/metrics`, with the metrics that every process has. Before each answer `refresh` brings those up to
/// date that no code notes as they change.
pub fn router<F, R>(mut registry: Registry, refresh: F) -> Router
where
    F: Fn() -> R + Clone + Send + Sync + 'static,
    R: Future<Output = ()> + Send,
{
    telemetry::register(&mut registry);
    let registry = Arc::new(registry);
    let metrics = move || {
        let (registry, refresh) = (registry.clone(), refresh.clone());
        async move {
            refresh().await;
            render(&registry)
        }
    };
    Router::new().route("/metrics", get(metrics))
}

fn render(registry: &Registry) -> Response {
    let mut text = String::new();
    // Formatting into a `String` can't fail.
    let _ = encode(&mut text, registry);
    ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}
