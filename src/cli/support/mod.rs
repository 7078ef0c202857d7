//! The parts that sub-commands are made of, and the manual that is made of all sub-commands.

pub(super) mod bar;
pub(super) mod client;
pub(super) mod ids;
pub(super) mod manual;
pub(super) mod stream;
pub(super) mod table;
