//! `calmony biller`: the process that does the work that time makes due, and the adoption of the
//! database that it bills in.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use tokio::net::TcpListener;

use crate::biller::{Biller, Settings};
use crate::cli::support::table;
use crate::config::check::{self, Checked};
use crate::config::{DatabaseOptions, ParentOptions, ProcessorOptions, duration, listen_address};
use crate::database::{DatabaseUrl, Databases, Role};
use crate::due::adoption::adopt;
use crate::health::health_router;
use crate::output::say;
use crate::stop::stop_token;
use crate::telemetry::{self, LogOptions};
use crate::{metrics, trace};

/// The biller, and what is done about it.
#[derive(Debug, clap::Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct BillerCommand {
    #[command(subcommand)]
    command: Option<Beside>,
    #[command(flatten)]
    run: BillerOptions,
}

/// The commands beside running it.
#[derive(Debug, Subcommand)]
enum Beside {
    /// Bill live mode in this database from now on, and in no copy of it: what is due in live mode is touched
    /// in the adopted database only
    Adopt(AdoptOptions),
}

/// The database to adopt.
#[derive(Debug, clap::Args)]
struct AdoptOptions {
    #[command(flatten)]
    database: DatabaseOptions,
}

/// The options of running a biller.
#[derive(Debug, clap::Args)]
struct BillerOptions {
    /// PostgreSQL, as a URL: <postgresql://user:password@host:5432/database?sslmode=verify-full>. Set the
    /// variable: everybody on the machine can read arguments. The login must be a member of `calmony_biller`
    /// (schema/logins.sql makes it)
    // Not `DatabaseOptions`: a command beside this one has a database of its own.
    #[arg(long, env = "CALMONY_DATABASE_URL", hide_env_values = true, value_name = "URL", required = true)]
    database_url: Option<DatabaseUrl>,
    #[command(flatten)]
    processor: ProcessorOptions,
    /// Where /healthz, /readyz and /metrics are served. Port 0 takes a free one
    #[arg(
        long,
        env = "CALMONY_BILLER_LISTEN",
        default_value = "127.0.0.1:8083",
        value_parser = listen_address
    )]
    listen: SocketAddr,
    /// The steps that are under way at once. One account alone gets half of them
    #[arg(
        long,
        env = "CALMONY_STEPS_MAX",
        default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(2..=1024),
        value_name = "COUNT"
    )]
    steps_max: u16,
    /// How long one step may take, its calls to the processor included
    #[arg(
        long,
        env = "CALMONY_STEP_TIMEOUT",
        default_value = "50s",
        value_parser = step_timeout,
        value_name = "TIME"
    )]
    step_timeout: Duration,
    /// How long steps under way may go on when the biller stops
    #[arg(
        long,
        env = "CALMONY_DRAIN_TIMEOUT",
        default_value = "20s",
        value_parser = duration,
        value_name = "TIME"
    )]
    drain_timeout: Duration,
    /// Only say whether the biller would start and work as it is configured. Exit code 1 if it wouldn't
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    parent: ParentOptions,
    #[command(flatten)]
    log: LogOptions,
}

impl BillerOptions {
    /// The database, which is required where this is parsed at all.
    fn database(&self) -> anyhow::Result<DatabaseUrl> {
        self.database_url.clone().context("CALMONY_DATABASE_URL is missing")
    }
}

fn step_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration(text)?;
    let allowed = Duration::from_secs(1)..=Duration::from_mins(10);
    if allowed.contains(&timeout) { Ok(timeout) } else { Err("expected 1s to 10m".to_owned()) }
}

pub(crate) async fn run(command: BillerCommand) -> anyhow::Result<()> {
    match command.command {
        Some(Beside::Adopt(options)) => adopt_database(&options).await,
        None if command.run.check_config => check_config(&command.run).await,
        None => bill(command.run).await,
    }
}

async fn bill(options: BillerOptions) -> anyhow::Result<()> {
    let _logging = telemetry::init(&options.log).context("can't start logging")?;
    let database = options.database()?;
    check::warn_of_plain_text(&Databases::only(database.clone()));
    check::warn_of_plain_processors(&options.processor);
    let _traces = trace::export("calmony-biller")?;
    let stop = stop_token(options.parent)?;
    let settings = Settings {
        database,
        steps_max: usize::from(options.steps_max),
        step_timeout: options.step_timeout,
        drain_timeout: options.drain_timeout,
    };
    let biller = Biller::new(settings, options.processor.open()?);
    serve_health(options.listen, &biller).await?;
    biller.run(&stop).await?;
    tracing::info!("the biller has stopped");
    Ok(())
}

async fn serve_health(listen: SocketAddr, biller: &Biller) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("can't listen on {listen} (--listen, CALMONY_BILLER_LISTEN)"))?;
    tracing::info!(address = %listener.local_addr()?, "the biller serves /healthz, /readyz and /metrics");
    let progress = biller.progress();
    let router = health_router(move || {
        let ready = progress.is_recent();
        async move { ready }
    });
    let (registry, lag) = biller.metrics();
    let refresh = move || {
        let lag = lag.clone();
        async move { lag.refresh().await }
    };
    let router = router.merge(metrics::router(registry, refresh));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

/// Says if the configuration works. A single value that can't be parsed has stopped the program before.
async fn check_config(options: &BillerOptions) -> anyhow::Result<()> {
    let url = options.database()?;
    let mut checked = vec![check::unknown_variables()];
    checked.extend(check::encryption(&Databases::only(url.clone())));
    checked.extend(check::processors(&options.processor));
    checked.extend(check::roles(&url, &[Role::Biller]).await);
    let rows = checked
        .iter()
        .map(|check| vec![check.verdict().to_owned(), check.about.to_owned(), check.said.clone()]);
    table::print(&["STATE", "ABOUT", "FOUND"], rows);
    if checked.iter().any(Checked::is_wrong) {
        bail!("the configuration doesn't work");
    }
    Ok(())
}

async fn adopt_database(options: &AdoptOptions) -> anyhow::Result<()> {
    let adopted = adopt(&options.database.database_url).await?;
    match adopted.before {
        Some(before) if before == adopted.database => say("this database was adopted before"),
        Some(before) => say(format_args!("this database is adopted, in the place of {before}")),
        None => say("this database is adopted: live mode is billed here, and in no copy of it"),
    }
    Ok(())
}
