//! Money: processors, and what moves at them.

mod conformance;
mod example;
mod hostile;
pub(crate) mod memory;
mod protocol;
mod secured;
