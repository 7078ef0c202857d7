//! The guarantee: nothing changes without its event, and every event has its outbox row. It is tested
//! both ways: every mutating route does its duty, and no role can do a forbidden thing.

mod apart;
mod contract;
mod groups;
mod lone;
mod refused;
mod routes;
mod told;
mod webhooks;
