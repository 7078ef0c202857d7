//! The guarantee: nothing changes without its event, and every event has its outbox row. Both ways: what must happen, for
//! every mutating route; and what must not, for every role.

mod apart;
mod contract;
mod refused;
mod routes;
mod told;
mod webhooks;
