//! The operator's side, over the real programs: metrics, the system's condition, logs, deployment.

mod biller;
mod citus;
mod deploy;
mod logs;
mod metrics;
mod pooler;
mod replica;
mod signals;
mod tls;
mod traces;
