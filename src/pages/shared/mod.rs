//! The parts that pages of every kind share.

pub(super) mod frame;
pub(super) mod node;
pub(super) mod problem;
