//! Logs: structured, on standard error, chosen by `CALMONY_LOG`. Secrets and bodies never get here.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct LogOptions {
    /// What to log: error, warn, info, debug, trace, or a filter such as `info,calmony_pay::http=debug`
    #[arg(long = "log", env = "CALMONY_LOG", default_value = "info", value_name = "FILTER", value_parser = filter)]
    filter: String,
    /// How log lines look
    #[arg(long = "log-format", env = "CALMONY_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    format: LogFormat,
}

fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Starts logging. Later calls in the same process change nothing.
pub fn init(options: &LogOptions) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&options.filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // An error here means that logging has been started already.
    let _ = match options.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
}
