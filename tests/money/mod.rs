//! Money: processors, and what moves at them.

mod conformance;
mod example;
mod hostile;
mod ledger;
pub(crate) mod memory;
mod payment_methods;
mod payments;
mod protocol;
mod sandbox;
mod sandbox_faults;
mod sandbox_rights;
mod secured;
