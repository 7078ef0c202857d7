//! The parameters of a request, in any spelling: a query, a form with brackets, or JSON.
//!
//! All three become one [`Tree`], and a tree is read into the type that a handler or the domain wants.
//! Unknown parameters are refused, and every refusal says which parameter it is about.

mod canonical;
mod deserialize;
mod form;
mod json;
mod path_id;
mod read;
mod time_range;
pub(crate) mod tree;
mod typed;

pub(crate) use path_id::PathId;
pub(crate) use read::{read, read_body};
pub(crate) use time_range::{TimeRange, end_of};
pub(crate) use tree::Tree;
pub(crate) use typed::{Filters, NoParams, Params, only_filters};
