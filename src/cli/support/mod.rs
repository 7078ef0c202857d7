//! What several sub-commands are made of.

pub(super) mod bar;
pub(super) mod client;
pub(super) mod ids;
pub(super) mod manual;
pub(super) mod stream;
pub(super) mod table;
