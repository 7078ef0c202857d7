//! What sub-commands are made of, and what is made of all of them: their manual.

pub(super) mod bar;
pub(super) mod client;
pub(super) mod ids;
pub(super) mod manual;
pub(super) mod stream;
pub(super) mod table;
