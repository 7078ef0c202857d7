//! Objects that time changes, and the sharing of them among billers.
//!
//! An object says itself when it is due, in its `internal`; PostgreSQL derives the column `due` of it.
//! There is no table of jobs, no lock on a row and no mark of finished work. A step is done once because
//! the log takes each version of an object once.

pub mod adoption;
pub mod lag;
mod session;
mod work;

pub use session::Session;
pub use work::{Ask, Due, Found, KINDS, kind_of};
