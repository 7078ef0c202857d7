//! Money: processors, and the amounts that move at them.

mod biller;
mod card_numbers;
mod card_world;
mod conformance;
mod doubtful;
mod example;
mod hostile;
mod ledger;
pub(crate) mod memory;
mod once;
mod payment_methods;
mod payments;
mod protocol;
mod sandbox;
mod sandbox_faults;
mod sandbox_rights;
mod secured;
mod told;
mod written;
