//! Money: the processor's side of it.

mod sandbox;
mod sandbox_faults;
mod sandbox_rights;
