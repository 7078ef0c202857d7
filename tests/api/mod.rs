//! The API over real sockets.

mod auth;
mod bad_input;
mod customers;
pub(crate) mod dashboard;
mod deliveries;
mod events;
mod expand;
mod filters;
mod idempotency;
mod large;
mod lists;
mod load;
mod products;
mod races;
mod random_bytes;
mod rights;
mod search;
mod stream;
mod webhook_endpoints;
mod wire;
