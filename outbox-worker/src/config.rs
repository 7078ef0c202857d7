//! The worker's configuration.

use std::net::SocketAddr;
use std::time::Duration;

use calmony_pay::config::{
    DatabaseOptions, ParentOptions, SecretKeyOptions, TargetOptions, duration, listen_address,
};
use calmony_pay::retry::RetrySchedule;
use calmony_pay::telemetry::LogOptions;

/// Drains the outbox of Calmony Pay into signed webhook deliveries, at least once
#[derive(Debug, clap::Parser)]
#[command(name = "outbox-worker", version)]
pub(crate) struct WorkerOptions {
    #[command(flatten)]
    pub(crate) database: DatabaseOptions,
    /// Where /healthz, /readyz and /metrics are served. Port 0 takes a free one
    #[arg(
        long,
        env = "CALMONY_WORKER_LISTEN",
        default_value = "127.0.0.1:8081",
        value_parser = listen_address
    )]
    pub(crate) listen: SocketAddr,
    /// The delays between the attempts of one delivery, each ±20 %
    #[arg(long, env = "CALMONY_RETRY_SCHEDULE", default_value_t, value_name = "DELAYS")]
    pub(crate) retry_schedule: RetrySchedule,
    /// How long one attempt may take: name look-up, connection, TLS, request and answer together
    #[arg(
        long,
        env = "CALMONY_ATTEMPT_TIMEOUT",
        default_value = "15s",
        value_parser = attempt_timeout,
        value_name = "TIME"
    )]
    pub(crate) attempt_timeout: Duration,
    /// The requests in flight at once to endpoints that answer. Half as many again may go to those that
    /// haven't yet, or let nothing land
    #[arg(
        long,
        env = "CALMONY_IN_FLIGHT_MAX",
        default_value_t = 256,
        value_parser = clap::value_parser!(u16).range(1..=4096),
        value_name = "COUNT"
    )]
    pub(crate) in_flight_max: u16,
    /// How many requests to one endpoint may be in flight at once
    #[arg(
        long,
        env = "CALMONY_ENDPOINT_IN_FLIGHT_MAX",
        default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(1..=4096),
        value_name = "COUNT"
    )]
    pub(crate) endpoint_in_flight_max: u16,
    /// An endpoint that has taken nothing for so long is disabled
    #[arg(
        long,
        env = "CALMONY_DISABLE_AFTER",
        default_value = "5days",
        value_parser = duration,
        value_name = "TIME"
    )]
    pub(crate) disable_after: Duration,
    /// For how many days the history of attempts is kept
    #[arg(
        long,
        env = "CALMONY_ATTEMPT_RETENTION_DAYS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=3650),
        value_name = "DAYS"
    )]
    pub(crate) attempt_retention_days: u16,
    #[command(flatten)]
    pub(crate) secret_key: SecretKeyOptions,
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// How long requests in flight may go on when the worker stops
    #[arg(
        long,
        env = "CALMONY_DRAIN_TIMEOUT",
        default_value = "20s",
        value_parser = duration,
        value_name = "TIME"
    )]
    pub(crate) drain_timeout: Duration,
    /// Only say whether the worker would start and work as it is configured. Exit code 1 if it wouldn't
    #[arg(long)]
    pub(crate) check_config: bool,
    #[command(flatten)]
    pub(crate) parent: ParentOptions,
    #[command(flatten)]
    pub(crate) log: LogOptions,
}

fn attempt_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration(text)?;
    let allowed = Duration::from_millis(100)..=Duration::from_mins(2);
    if allowed.contains(&timeout) { Ok(timeout) } else { Err("expected 100ms to 2m".to_owned()) }
}
