//! Every route, in one list. The router is built from it, and so is the contract (`document`). A test
//! performs each mutating one and sees that it appends exactly the events it says: a new route that
//! forgets its event fails that test.

use std::sync::LazyLock;

use super::route::Route;
use crate::http::request::card_numbers::TakesCards;
use crate::http::request::expand::Expandable;
use crate::http::resources::{
    charges, customer_methods, customers, deliveries, endpoint_health, events, payment_intents,
    payment_methods, products, refunds, replays, setup_intents, stream, webhook_endpoints,
};

/// The list.
#[must_use]
pub fn routes() -> Vec<Route> {
    [
        customers::routes(),
        webhook_endpoints::routes(),
        endpoint_health::routes(),
        payment_methods::routes(),
        customer_methods::routes(),
        payment_intents::routes(),
        setup_intents::routes(),
        charges::routes(),
        refunds::routes(),
        products::routes(),
        replays::routes(),
        events::routes(),
        stream::routes(),
        deliveries::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The paths that can be expanded in the answers of each.
pub(crate) fn expandable() -> &'static [Expandable] {
    static EXPANDABLE: LazyLock<Vec<Expandable>> =
        LazyLock::new(|| routes().iter().map(Expandable::of).collect());
    &EXPANDABLE
}

/// The routes that a card's number may come to.
pub(crate) fn taking_cards() -> &'static [TakesCards] {
    static TAKING: LazyLock<Vec<TakesCards>> =
        LazyLock::new(|| routes().iter().filter_map(TakesCards::of).collect());
    &TAKING
}
