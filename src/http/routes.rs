//! Every route, in one list. The router is built from it, and a test performs each mutating one and sees that it appends
//! exactly the events it says: a new route that forgets its event fails that test.

use axum::http::Method;
use axum::routing::{MethodRouter, on};
use axum::{handler::Handler, routing::MethodFilter};

use super::{App, customers, deliveries, events, replays, webhook_endpoints};
use crate::contract::EventType;

/// A route of the API.
#[derive(Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with `{id}` for an id.
    pub path: &'static str,
    /// The events a successful call appends, in order. None for a route that only reads.
    pub emits: &'static [EventType],
    /// What answers it.
    pub(super) handler: MethodRouter<App>,
}

fn get<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: Method::GET, path, emits: &[], handler: on(MethodFilter::GET, handler) }
}

fn post<H: Handler<T, App>, T: 'static>(
    path: &'static str,
    emits: &'static [EventType],
    handler: H,
) -> Route {
    Route { method: Method::POST, path, emits, handler: on(MethodFilter::POST, handler) }
}

fn patch<H: Handler<T, App>, T: 'static>(
    path: &'static str,
    emits: &'static [EventType],
    handler: H,
) -> Route {
    Route { method: Method::PATCH, path, emits, handler: on(MethodFilter::PATCH, handler) }
}

fn delete<H: Handler<T, App>, T: 'static>(
    path: &'static str,
    emits: &'static [EventType],
    handler: H,
) -> Route {
    Route { method: Method::DELETE, path, emits, handler: on(MethodFilter::DELETE, handler) }
}

/// The list.
#[must_use]
pub fn routes() -> Vec<Route> {
    use EventType as E;
    vec![
        post("/v1/customers", &[E::CustomerCreated], customers::create),
        get("/v1/customers", customers::list),
        get("/v1/customers/{id}", customers::retrieve),
        post("/v1/customers/{id}", &[E::CustomerUpdated], customers::update),
        patch("/v1/customers/{id}", &[E::CustomerUpdated], customers::update),
        delete("/v1/customers/{id}", &[E::CustomerDeleted], customers::delete),
        post("/v1/webhook_endpoints", &[E::WebhookEndpointCreated], webhook_endpoints::create),
        get("/v1/webhook_endpoints", webhook_endpoints::list),
        get("/v1/webhook_endpoints/{id}", webhook_endpoints::retrieve),
        post("/v1/webhook_endpoints/{id}", &[E::WebhookEndpointUpdated], webhook_endpoints::update),
        patch("/v1/webhook_endpoints/{id}", &[E::WebhookEndpointUpdated], webhook_endpoints::update),
        delete("/v1/webhook_endpoints/{id}", &[E::WebhookEndpointDeleted], webhook_endpoints::delete),
        post(
            "/v1/webhook_endpoints/{id}/roll_secret",
            &[E::WebhookEndpointSecretRolled],
            webhook_endpoints::roll_secret,
        ),
        get("/v1/webhook_endpoints/{id}/deliveries", deliveries::of_endpoint),
        post("/v1/webhook_endpoints/{id}/replay", &[E::ReplayCreated], replays::start),
        get("/v1/replays", replays::list),
        get("/v1/replays/{id}", replays::retrieve),
        post("/v1/replays/{id}/cancel", &[E::ReplayCanceled], replays::cancel),
        get("/v1/events", events::list),
        get("/v1/events/{id}", events::retrieve),
        post("/v1/events/{id}/retry", &[E::ReplayCreated], replays::retry_event),
        get("/v1/events/{id}/deliveries", deliveries::of_event),
    ]
}
