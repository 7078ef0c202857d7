//! The operator's side, over the real programs: metrics, the system's condition, logs, deployment.

mod biller;
mod citus;
mod deploy;
pub(crate) mod logs;
pub(crate) mod metrics;
mod pooler;
mod replica;
mod signals;
mod tls;
pub(crate) mod traces;
