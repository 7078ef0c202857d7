//! What pages of every kind have.

pub(super) mod frame;
pub(super) mod node;
pub(super) mod problem;
