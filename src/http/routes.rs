//! Every route, in one list. The router is built from it, and so is the contract (`openapi`); a test performs each mutating
//! one and sees that it appends exactly the events it says: a new route that forgets its event fails that test.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::http::Method;
use axum::routing::{MethodRouter, on};
use axum::{handler::Handler, routing::MethodFilter};
use serde_json::Value;
use utoipa::ToSchema;

use super::lists::PageParams;
use super::params::NoParams;
use super::search::SearchParams;
use super::{
    App, customers, deliveries, endpoint_health, events, openapi, replays, stream, webhook_endpoints,
};
use crate::contract::EventType as E;
use crate::domain::{customer, webhook_endpoint};

/// A route of the API.
#[derive(Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with `{id}` for an id.
    pub path: &'static str,
    /// The events a successful call appends, in order. None for a route that only reads.
    pub emits: &'static [E],
    /// What it does, in a line.
    pub summary: &'static str,
    /// Its parameters.
    pub(super) takes: Takes,
    /// The components that its answer may be.
    pub(super) answers: &'static [&'static str],
    /// What answers it.
    pub(super) handler: MethodRouter<App>,
}

/// The parameters of a route: what their type is called in the contract, and its schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Takes {
    pub(super) name: fn() -> Cow<'static, str>,
    pub(super) schema: fn() -> Value,
}

impl Takes {
    fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: openapi::schema_of::<T> }
    }
}

impl Route {
    fn new<H: Handler<T, App>, T: 'static>(filter: MethodFilter, path: &'static str, handler: H) -> Self {
        let method = match filter {
            MethodFilter::POST => Method::POST,
            MethodFilter::PATCH => Method::PATCH,
            MethodFilter::DELETE => Method::DELETE,
            _ => Method::GET,
        };
        let takes = Takes::of::<NoParams>();
        Self { method, path, emits: &[], summary: "", takes, answers: &[], handler: on(filter, handler) }
    }

    fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    fn emits(self, emits: &'static [E]) -> Self {
        Self { emits, ..self }
    }

    fn takes<T: ToSchema>(self) -> Self {
        Self { takes: Takes::of::<T>(), ..self }
    }

    fn answers(self, answers: &'static [&'static str]) -> Self {
        Self { answers, ..self }
    }

    /// Its name: `post_v1_customers_id`.
    pub(super) fn id(&self) -> String {
        let name: String = self
            .path
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .filter(|c| *c != '{')
            .collect();
        let words: Vec<_> = name.split('_').filter(|word| !word.is_empty()).collect();
        format!("{}_{}", self.method.as_str().to_ascii_lowercase(), words.join("_"))
    }
}

fn get<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(MethodFilter::GET, path, handler)
}

fn post<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(MethodFilter::POST, path, handler)
}

fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(MethodFilter::PATCH, path, handler)
}

fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route::new(MethodFilter::DELETE, path, handler)
}

/// The list.
#[must_use]
pub fn routes() -> Vec<Route> {
    [customers(), webhook_endpoints(), replays(), events()].into_iter().flatten().collect()
}

/// What is asked of a route while it is called.
struct Known {
    method: Method,
    path: &'static str,
    answers: &'static [&'static str],
    has_pages: bool,
}

fn known(method: &Method, path: &str) -> Option<&'static Known> {
    static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
        let known = |route: Route| Known {
            has_pages: (route.takes.schema)().pointer("/properties/starting_after").is_some(),
            method: route.method,
            path: route.path,
            answers: route.answers,
        };
        routes().into_iter().map(known).collect()
    });
    KNOWN.iter().find(|known| known.method == *method && known.path == path)
}

/// The components that a route's answer may be; none where there is no such route.
pub(super) fn answers_of(method: &Method, path: &str) -> &'static [&'static str] {
    known(method, path).map_or(&[], |known| known.answers)
}

/// Whether a route's answer is a list that can be gone on with, by a cursor.
pub(super) fn has_pages(method: &Method, path: &str) -> bool {
    known(method, path).is_some_and(|known| known.has_pages)
}

fn customers() -> Vec<Route> {
    let update = |route: Route| {
        let route = route.emits(&[E::CustomerUpdated]).takes::<customer::Changes>().answers(&["Customer"]);
        route.summary("Update a customer. Metadata is merged; what changes nothing appends nothing.")
    };
    vec![
        post("/v1/customers", customers::create)
            .summary("Create a customer.")
            .emits(&[E::CustomerCreated])
            .takes::<customer::Changes>()
            .answers(&["Customer"]),
        get("/v1/customers", customers::list)
            .summary("List customers, newest first.")
            .takes::<customers::ListParams>()
            .answers(&["CustomerList"]),
        get("/v1/customers/search", customers::search)
            .summary(
                "Search customers by created, email, metadata, name and phone, in Stripe's query language.",
            )
            .takes::<SearchParams>()
            .answers(&["CustomerSearchResult"]),
        get("/v1/customers/{id}", customers::retrieve)
            .summary(
                "Retrieve a customer, or what is left of a deleted one; as it is, or as it was (`as_of`).",
            )
            .takes::<customers::RetrieveParams>()
            .answers(&["Customer", "DeletedCustomer"]),
        update(post("/v1/customers/{id}", customers::update)),
        update(patch("/v1/customers/{id}", customers::update)),
        delete("/v1/customers/{id}", customers::delete)
            .summary("Delete a customer. It can still be retrieved, as deleted.")
            .emits(&[E::CustomerDeleted])
            .answers(&["DeletedCustomer"]),
    ]
}

fn webhook_endpoints() -> Vec<Route> {
    let update = |route: Route| {
        let route = route.emits(&[E::WebhookEndpointUpdated]).takes::<webhook_endpoint::Changes>();
        route.summary("Update an endpoint: pause, disable or enable it, too.").answers(&["WebhookEndpoint"])
    };
    vec![
        post("/v1/webhook_endpoints", webhook_endpoints::create)
            .summary("Create an endpoint. Only this answer and that of a roll show a signing secret.")
            .emits(&[E::WebhookEndpointCreated])
            .takes::<webhook_endpoint::CreateParams>()
            .answers(&["WebhookEndpointWithSecret"]),
        get("/v1/webhook_endpoints", webhook_endpoints::list)
            .summary("List endpoints, newest first.")
            .takes::<PageParams>()
            .answers(&["WebhookEndpointList"]),
        get("/v1/webhook_endpoints/{id}", webhook_endpoints::retrieve)
            .summary("Retrieve an endpoint.")
            .answers(&["WebhookEndpoint"]),
        update(post("/v1/webhook_endpoints/{id}", webhook_endpoints::update)),
        update(patch("/v1/webhook_endpoints/{id}", webhook_endpoints::update)),
        delete("/v1/webhook_endpoints/{id}", webhook_endpoints::delete)
            .summary("Delete an endpoint. Nothing is sent to it any more.")
            .emits(&[E::WebhookEndpointDeleted])
            .answers(&["DeletedWebhookEndpoint"]),
        get("/v1/webhook_endpoints/{id}/health", endpoint_health::retrieve)
            .summary("Retrieve how an endpoint is doing: since when it fails, what it is owed, how its newest attempts went.")
            .answers(&["WebhookEndpointHealth"]),
        post("/v1/webhook_endpoints/{id}/roll_secret", webhook_endpoints::roll_secret)
            .summary("Give an endpoint another signing secret. The earlier ones go on signing for `overlap` seconds.")
            .emits(&[E::WebhookEndpointSecretRolled])
            .takes::<webhook_endpoints::RollParams>()
            .answers(&["WebhookEndpointWithSecret"]),
        get("/v1/webhook_endpoints/{id}/deliveries", deliveries::of_endpoint)
            .summary("List an endpoint's deliveries, those of the newest events first. Cursors are ids of events.")
            .takes::<deliveries::ListParams>()
            .answers(&["DeliveryList"]),
        post("/v1/webhook_endpoints/{id}/replay", replays::start)
            .summary("Owe events of the log to an endpoint once more, or count them (`dry_run`).")
            .emits(&[E::ReplayCreated])
            .takes::<replays::StartParams>()
            .answers(&["Replay", "ReplayPreview"]),
    ]
}

fn replays() -> Vec<Route> {
    vec![
        get("/v1/replays", replays::list)
            .summary("List replays, newest first.")
            .takes::<PageParams>()
            .answers(&["ReplayList"]),
        get("/v1/replays/{id}", replays::retrieve)
            .summary("Retrieve a replay, with how far it is.")
            .answers(&["ReplayWithProgress"]),
        post("/v1/replays/{id}/cancel", replays::cancel)
            .summary("Cancel a replay. What it has owed already stays owed.")
            .emits(&[E::ReplayCanceled])
            .answers(&["Replay"]),
    ]
}

fn events() -> Vec<Route> {
    vec![
        get("/v1/events", events::list)
            .summary("List events, newest first.")
            .takes::<events::ListParams>()
            .answers(&["EventList"]),
        get("/v1/events/stream", stream::follow)
            .summary("Follow the log as it grows: server-sent events, after `Last-Event-ID` or from now on.")
            .takes::<stream::StreamParams>()
            .answers(&[openapi::STREAM]),
        get("/v1/events/{id}", events::retrieve).summary("Retrieve an event.").answers(&["Event"]),
        post("/v1/events/{id}/retry", replays::retry_event)
            .summary("Owe an event to an endpoint once more.")
            .emits(&[E::ReplayCreated])
            .takes::<replays::RetryParams>()
            .answers(&["Event"]),
        get("/v1/events/{id}/deliveries", deliveries::of_event)
            .summary("List an event's deliveries, one an endpoint.")
            .answers(&["DeliveryList"]),
    ]
}
