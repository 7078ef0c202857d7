//! The rules: a command and the objects that it asks for give facts or a rejection.
//!
//! Pure: no clock, no randomness, no SQL, no HTTP, nothing asynchronous. Whatever a decision depends on
//! is in the command or in the objects. One resource a folder.

pub mod customer;
pub mod diff;
pub mod envelope;
mod objects;
pub mod rejection;
pub mod replay;
mod resource;
pub mod schema;
pub mod search;
#[cfg(test)]
pub(crate) mod testing;
pub mod types;
pub mod webhook_endpoint;

pub use objects::{Fact, Objects, Outcome, ROUNDS_MAX, Snapshot, Stop, missing};
pub use rejection::{ParameterError, Problem, Rejection};
pub use resource::Resource;
pub use types::patch::Patch;

/// A wish to change objects.
pub trait Command: Send + Sync {
    /// The ids of the objects that are known beforehand to be asked for. They are loaded together.
    fn reads(&self) -> Vec<String>;

    /// Puts the facts that the command comes to, and returns the id of the object that the caller is
    /// answered with. It runs again from the top whenever it asks for an object that isn't loaded.
    fn decide(&self, objects: &mut Objects) -> Result<String, Stop>;
}
