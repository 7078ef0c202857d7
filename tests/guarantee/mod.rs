//! The guarantee: nothing changes without its event, and every event has its outbox row. It is tested
//! both ways: every mutating route writes all that it must, and no role can write anything else.

mod apart;
mod contract;
mod groups;
mod lone;
mod refused;
mod routes;
mod told;
mod webhooks;
