//! The worker: what it sends, when it tries again, what it must not do, and how several share the work.

mod classes;
mod delivers;
mod endpoints;
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
