//! The handlers, a file a resource: extract, one command or one read, render.

pub(super) mod charges;
mod choosing;
pub(super) mod customer_methods;
pub(super) mod customers;
pub(super) mod deliveries;
pub(super) mod endpoint_health;
pub(super) mod events;
mod objects;
pub(super) mod payment_intents;
pub(super) mod payment_methods;
pub(super) mod products;
pub(super) mod refunds;
pub(super) mod replays;
mod search;
pub(super) mod setup_intents;
pub(super) mod stream;
pub(super) mod webhook_endpoints;
