//! `calmony serve`: the API.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::config::check::{warn_of_card_numbers, warn_of_plain_processors, warn_of_plain_text};
use crate::config::{
    ApiDatabaseOptions, CardNumberOptions, ParentOptions, ProcessorOptions, SecretKeyOptions, TargetOptions,
    listen_address,
};
use crate::database::Databases;
use crate::http::{self, App, Load, RateLimit};
use crate::log::GrowthLimit;
use crate::stop::stop_token;
use crate::telemetry::{self, LogOptions};
use crate::{pages, trace};

/// The options of serving the API.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    database: ApiDatabaseOptions,
    /// Where to listen. Port 0 takes a free one
    #[arg(long, env = "CALMONY_LISTEN", default_value = "127.0.0.1:8080", value_parser = listen_address)]
    listen: SocketAddr,
    /// Where /metrics is served, for Prometheus: an address and a port, or `off`; 127.0.0.1:8082 if
    /// nothing is said and that is free
    #[arg(long, env = "CALMONY_METRICS_LISTEN", value_name = "ADDRESS", value_parser = metrics_address)]
    metrics_listen: Option<MetricsAddress>,
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    secret_key: SecretKeyOptions,
    #[command(flatten)]
    processor: ProcessorOptions,
    #[command(flatten)]
    card_numbers: CardNumberOptions,
    /// Requests a second of each API key, or `off`
    #[arg(long, env = "CALMONY_RATE_LIMIT", default_value = "1000", value_name = "RATE")]
    rate_limit: RateLimit,
    /// Bytes a second of events and answers that each account may have stored, or `off`; 16 times that
    /// at once
    #[arg(long, env = "CALMONY_BYTES_LIMIT", default_value = "4194304", value_name = "BYTES")]
    bytes_limit: GrowthLimit,
    /// Requests that are taken on at the same time; more are refused at once
    #[arg(
        long,
        env = "CALMONY_REQUESTS_MAX",
        default_value = "256",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    requests_max: u16,
    /// Connections at the same time. One address gets half of them at the most
    #[arg(
        long,
        env = "CALMONY_CONNECTIONS_MAX",
        default_value = "2048",
        value_parser = clap::value_parser!(u32).range(2..=1_000_000)
    )]
    connections_max: u32,
    #[command(flatten)]
    parent: ParentOptions,
    #[command(flatten)]
    log: LogOptions,
}

impl ServeOptions {
    pub(crate) fn databases(&self) -> Databases {
        self.database.databases()
    }

    pub(crate) const fn secret_key(&self) -> &SecretKeyOptions {
        &self.secret_key
    }

    pub(crate) const fn card_numbers(&self) -> CardNumberOptions {
        self.card_numbers
    }

    pub(crate) const fn processors(&self) -> &ProcessorOptions {
        &self.processor
    }
}

/// Warns at the start of secrets that are sealed with keys that aren't given here. The worker opens them, and
/// this process opens the stored answers that show one. A key that is new to the database may be a mistake.
async fn warn_of_unknown_keys(app: App) {
    // A database that is away now is met again by the first request.
    let stored = app.reader.key_ids().await.unwrap_or_default();
    for key in app.keyring.lacks(&stored) {
        let sealing = app.keyring.current();
        tracing::warn!(
            key,
            sealing,
            "signing secrets are sealed with a key that is not in CALMONY_SECRET_KEY"
        );
    }
}

/// The address that metrics are served at; `None` if they are off.
#[derive(Debug, Clone, Copy)]
struct MetricsAddress(Option<SocketAddr>);

fn metrics_address(text: &str) -> Result<MetricsAddress, String> {
    if text == "off" {
        return Ok(MetricsAddress(None));
    }
    let address = listen_address(text)
        .map_err(|_| "expected `off`, or an address and a port such as 127.0.0.1:8082")?;
    Ok(MetricsAddress(Some(address)))
}

/// The address that metrics are served at if no option names one.
const METRICS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8082);

/// The listener for metrics. An address that an option names has to be free. The default one needn't be, so
/// that several APIs start on one machine.
async fn metrics_listener(asked: Option<MetricsAddress>) -> anyhow::Result<Option<TcpListener>> {
    match asked {
        Some(MetricsAddress(None)) => Ok(None),
        Some(MetricsAddress(Some(address))) => {
            let listener = http::listen(address).await.with_context(|| {
                format!(
                    "can't listen on {address} (--metrics-listen, CALMONY_METRICS_LISTEN; \
                     `off` serves no metrics)"
                )
            })?;
            Ok(Some(listener))
        }
        None => {
            let listener = http::listen(METRICS).await;
            if let Err(error) = &listener {
                tracing::warn!(
                    %error,
                    address = %METRICS,
                    "no metrics: name another address in CALMONY_METRICS_LISTEN"
                );
            }
            Ok(listener.ok())
        }
    }
}

pub(crate) async fn run(options: ServeOptions) -> anyhow::Result<()> {
    let _logging = telemetry::init(&options.log).context("can't start logging")?;
    let databases = options.databases();
    warn_of_plain_text(&databases);
    warn_of_plain_processors(options.processors());
    warn_of_card_numbers(options.card_numbers);
    let _traces = trace::export("calmony-api")?;
    let stop = stop_token(options.parent)?;
    let keyring = options.secret_key.keyring()?;
    let load = Load::new(options.rate_limit, usize::from(options.requests_max));
    let reached = (options.target.policy(), options.processors().open()?);
    let taken = (load, options.card_numbers.card_numbers());
    let app = App::open((&databases, options.bytes_limit), reached, keyring, taken, stop)?;
    // Beside serving: a database that is away now would keep it from listening.
    tokio::spawn(warn_of_unknown_keys(app.clone()));
    let listener = http::listen(options.listen)
        .await
        .with_context(|| format!("can't listen on {} (--listen, CALMONY_LISTEN)", options.listen))?;
    if let Some(listener) = metrics_listener(options.metrics_listen).await? {
        tracing::info!(address = %listener.local_addr()?, "metrics are served at /metrics");
        tokio::spawn(http::serve_metrics(listener, app.clone()));
    }
    tracing::info!(address = %listener.local_addr()?, "the API is listening");
    let connections_max = usize::try_from(options.connections_max).unwrap_or(usize::MAX);
    http::serve(listener, pages::router(app.clone()), &app, connections_max).await;
    tracing::info!("the API has stopped");
    Ok(())
}
