//! `calmony serve`: the API.

use std::net::SocketAddr;

use anyhow::Context as _;

use crate::config::{DatabaseOptions, ParentOptions, SecretKeyOptions, TargetOptions, listen_address};
use crate::http::load::{Load, RateLimit};
use crate::http::{self, App};
use crate::stop::stop_token;
use crate::telemetry::{self, LogOptions};

/// How to serve the API.
#[derive(Debug, clap::Args)]
pub(super) struct ServeOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Where to listen. Port 0 takes a free one
    #[arg(long, env = "CALMONY_LISTEN", default_value = "127.0.0.1:8080", value_parser = listen_address)]
    listen: SocketAddr,
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    secret_key: SecretKeyOptions,
    /// Requests a second of each API key, or `off`
    #[arg(long, env = "CALMONY_RATE_LIMIT", default_value = "1000", value_name = "RATE")]
    rate_limit: RateLimit,
    /// Requests that are taken on at the same time; more are refused at once
    #[arg(long, env = "CALMONY_REQUESTS_MAX", default_value = "256", value_parser = clap::value_parser!(u16).range(1..))]
    requests_max: u16,
    #[command(flatten)]
    parent: ParentOptions,
    #[command(flatten)]
    log: LogOptions,
}

/// Says at the start when secrets are sealed with keys that aren't given here. The worker opens them, and this process opens the
/// stored answers that show one; a key that is new to the database may be a mistake.
async fn warn_of_unknown_keys(app: App) {
    // A database that is away now is met again by the first request.
    let stored = app.reader.key_ids().await.unwrap_or_default();
    for key in stored.iter().filter(|key| !app.keyring.has(key)) {
        let sealing = app.keyring.current();
        tracing::warn!(
            key,
            sealing,
            "signing secrets are sealed with a key that is not in CALMONY_SECRET_KEY"
        );
    }
}

pub(super) async fn run(options: ServeOptions) -> anyhow::Result<()> {
    telemetry::init(&options.log);
    let stop = stop_token(options.parent)?;
    let keyring = options.secret_key.keyring()?;
    let load = Load::new(options.rate_limit, usize::from(options.requests_max));
    let app = App::open(&options.database.database_url, options.target.policy(), keyring, load, stop)?;
    // Beside serving: a database that is away now would keep it from listening.
    tokio::spawn(warn_of_unknown_keys(app.clone()));
    let listener = http::listen(options.listen)
        .await
        .with_context(|| format!("can't listen on {} (--listen, CALMONY_LISTEN)", options.listen))?;
    tracing::info!(address = %listener.local_addr()?, "the API is listening");
    http::serve(listener, app).await;
    tracing::info!("the API has stopped");
    Ok(())
}
