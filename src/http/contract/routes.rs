//! Every route, in one list. The router is built from it, and so is the contract (`document`); a test
//! performs each mutating one and sees that it appends exactly the events it says: a new route that
//! forgets its event fails that test.

use std::sync::LazyLock;

use super::route::{Route, STREAM, delete, get, patch, post};
use crate::contract::EventType as E;
use crate::domain::{customer, webhook_endpoint};
use crate::http::page::PageParams;
use crate::http::request::expand::Expandable;
use crate::http::resources::search::SearchParams;
use crate::http::resources::{
    customers, deliveries, endpoint_health, events, replays, stream, webhook_endpoints,
};

/// The list.
#[must_use]
pub fn routes() -> Vec<Route> {
    [customers(), webhook_endpoints(), replays(), events()].into_iter().flatten().collect()
}

/// What can be expanded in the answers of each.
pub(crate) fn expandable() -> &'static [Expandable] {
    static EXPANDABLE: LazyLock<Vec<Expandable>> =
        LazyLock::new(|| routes().iter().map(Expandable::of).collect());
    &EXPANDABLE
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
            .answers(&[STREAM]),
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
