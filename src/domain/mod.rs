//! The rules: a command and the objects that it asks for give facts or a rejection.
//!
//! Pure: no clock, no randomness, no SQL, no HTTP, nothing asynchronous. Everything that a decision depends
//! on is in the command or in the objects. One resource a folder.

pub mod attempt;
pub mod charge;
mod commands;
pub mod customer;
pub mod diff;
pub mod envelope;
pub mod ledger;
mod objects;
pub mod payment_intent;
pub mod payment_method;
pub mod product;
pub mod refund;
pub mod rejection;
pub mod replay;
pub mod resource;
pub mod schema;
pub mod search;
pub mod setup_intent;
pub mod subjects;
#[cfg(test)]
pub(crate) mod testing;
pub mod types;
pub mod webhook_endpoint;

pub use commands::{Creatable, Create, Delete, New, Updatable, Update};
pub use objects::{Command, Fact, Objects, Outcome, ROUNDS_MAX, Seen, Snapshot, Stop, missing};
pub use rejection::{ParameterError, Problem, Refused, Rejection, UnexpectedState};
pub use resource::Resource;
pub use types::patch::Patch;
