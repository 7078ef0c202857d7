//! The metrics of requests: their number, their statuses and their durations, by the route as it stands in
//! the contract, so that there are as many series as routes.

use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::{Extensions, Method};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::metrics::durations;

/// The label of a path that is no route, and of a method that HTTP doesn't have.
const OTHER: &str = "other";

/// A route as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RouteLabels {
    method: String,
    route: String,
}

/// The same with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    method: String,
    route: String,
    status: u16,
}

/// The metrics of all requests.
#[derive(Debug, Clone)]
pub(super) struct RequestMetrics {
    answered: Family<AnswerLabels, Counter>,
    took: Family<RouteLabels, Histogram, fn() -> Histogram>,
    under_way: Gauge,
}

impl RouteLabels {
    pub(super) fn route(&self) -> &str {
        &self.route
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }

    /// The name of its span.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.route)
    }
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self {
            answered: Family::default(),
            took: Family::new_with_constructor(durations),
            under_way: Gauge::default(),
        }
    }
}

impl RequestMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("calmony_http_requests", "Requests that were answered", self.answered.clone());
        registry.register(
            "calmony_http_request_duration_seconds",
            "From the head of a request to the head of its answer",
            self.took.clone(),
        );
        registry.register(
            "calmony_http_requests_in_flight",
            "Requests that are under way",
            self.under_way.clone(),
        );
    }

    /// A request has begun; it is under way until the guard is dropped, also where its client goes away.
    pub(super) fn begun(&self) -> UnderWay {
        self.under_way.inc();
        UnderWay(self.under_way.clone())
    }

    pub(super) fn answered(&self, labels: RouteLabels, status: u16, took: Duration) {
        self.took.get_or_create(&labels).observe(took.as_secs_f64());
        let RouteLabels { method, route } = labels;
        self.answered.get_or_create(&AnswerLabels { method, route, status }).inc();
    }
}

/// A request that is under way.
pub(super) struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The route that a request is counted under. Clients may make methods up, and paths.
pub(super) fn route_labels(method: &Method, extensions: &Extensions) -> RouteLabels {
    let known = [
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::PUT,
        Method::HEAD,
        Method::OPTIONS,
    ];
    let method = if known.contains(method) { method.as_str() } else { OTHER };
    let route = extensions.get::<MatchedPath>().map_or(OTHER, MatchedPath::as_str);
    RouteLabels { method: method.to_owned(), route: route.to_owned() }
}
