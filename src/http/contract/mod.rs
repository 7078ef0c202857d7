//! The contract: every route in one list, and the document that is made of it and of the types that handlers
//! read and send.

pub(crate) mod component;
mod document;
mod operations;
mod page;
pub(crate) mod route;
pub(crate) mod routes;
mod schemas;
mod webhooks;

pub use document::document;
pub(crate) use document::{serve, serve_page};
