//! The worker: its requests, its retries, its limits, and several workers that share the work.

mod classes;
mod delivers;
mod endpoints;
mod groups;
mod guards;
mod history;
mod hostile;
mod isolation;
mod late;
mod order;
mod replay;
mod retries;
mod secrets;
mod settles;
mod shares;
