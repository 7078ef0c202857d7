//! Sub-commands that call the API, a file each.

pub(super) mod deliveries;
pub(super) mod endpoints;
pub(super) mod events;
pub(super) mod listen;
pub(super) mod lookup;
pub(super) mod objects;
pub(super) mod pay;
pub(super) mod replays;
pub(super) mod trigger;
mod trigger_payments;
