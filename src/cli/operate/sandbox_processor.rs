//! `calmony sandbox-processor`: the processor for tests.

use std::net::SocketAddr;

use anyhow::Context as _;
use secrecy::SecretString;
use tokio::net::TcpListener;
use url::Url;

use crate::config::{DatabaseOptions, ParentOptions, listen_address};
use crate::processor::sandbox::{self, Settings};
use crate::stop::stop_token;
use crate::telemetry::{self, LogOptions};

/// The options of the sandbox processor.
#[derive(Debug, clap::Args)]
pub(crate) struct SandboxProcessorOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Address to listen on. Port 0 takes a free one
    #[arg(
        long,
        env = "CALMONY_SANDBOX_LISTEN",
        default_value = "127.0.0.1:8084",
        value_parser = listen_address
    )]
    listen: SocketAddr,
    /// The secret that the API and the sandbox share. Set the variable: everybody on the machine can read
    /// arguments
    #[arg(long, env = "CALMONY_PROCESSOR_SECRET", hide_env_values = true, value_parser = secret)]
    processor_secret: SecretString,
    /// Where notices go: what became of operations after they were answered. Without it none are made
    #[arg(long, env = "CALMONY_PROCESSOR_NOTICE_URL", value_name = "URL", value_parser = address)]
    notice_url: Option<Url>,
    /// Where browsers find its pages, if not at the address that it listens on
    #[arg(long, env = "CALMONY_SANDBOX_URL", value_name = "URL", value_parser = address)]
    sandbox_url: Option<Url>,
    #[command(flatten)]
    parent: ParentOptions,
    #[command(flatten)]
    log: LogOptions,
}

fn secret(text: &str) -> Result<SecretString, String> {
    if text.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(text.into()) }
}

fn address(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("expected http://host/path: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("expected an http or https URL".to_owned()),
    }
}

pub(crate) async fn run(options: SandboxProcessorOptions) -> anyhow::Result<()> {
    let _logging = telemetry::init(&options.log).context("can't start logging")?;
    let stop = stop_token(options.parent)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("can't listen on {} (--listen, CALMONY_SANDBOX_LISTEN)", options.listen))?;
    let address = listener.local_addr()?;
    let settings = Settings {
        database: options.database.database_url,
        secret: options.processor_secret,
        url: options.sandbox_url.map_or_else(|| format!("http://{address}"), |url| url.to_string()),
        notice_url: options.notice_url,
    };
    tracing::info!(%address, "the sandbox processor is listening");
    sandbox::serve(listener, settings, stop).await?;
    tracing::info!("the sandbox processor has stopped");
    Ok(())
}
