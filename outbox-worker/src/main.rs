//! Drains the outbox of Calmony Pay into signed webhook deliveries, at least once.
//!
//! One task ([`engine`]) owns all that is in memory: the buckets, the cursor, the queue and the requests in
//! flight. It reads and writes through one session, and sends through one client. No transaction, row lock
//! or connection is held while a request is in flight.

mod attempt;
mod breaker;
mod config;
mod engine;
mod failure;
mod flight;
mod lanes;
mod metrics;
mod phases;
mod target;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use calmony_pay::config::check;
use calmony_pay::database::{Databases, Role};
use calmony_pay::due::lag::LagWatch;
use calmony_pay::log::Log;
use calmony_pay::outbox::Session;
use calmony_pay::progress::Progress;
use calmony_pay::retry::Reconnect;
use calmony_pay::seal::Keyring;
use calmony_pay::{health as health_check, output, stop, telemetry, trace};
use clap::CommandFactory as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use attempt::Sender;
use config::WorkerOptions;
use engine::{Engine, Tools};
use lanes::Rooms;
use metrics::Metrics;
use mimalloc::MiMalloc;

/// The system's allocator took a fifth of the cost of a delivery (docs/decisions/0018).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

// One thread: the cost of a delivery is mostly the handing over between threads (docs/decisions/0018). More
// workers use more cores.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--man") {
        return output::conclude("outbox-worker", print_manual());
    }
    let worked = start(&calmony_pay::config::parse()).await;
    output::conclude("outbox-worker", worked)
}

/// Prints the manual page, for packages. It needs no configuration.
fn print_manual() -> anyhow::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(WorkerOptions::command()).render(&mut page)?;
    output::print(&page);
    Ok(())
}

async fn start(options: &WorkerOptions) -> anyhow::Result<()> {
    if options.check_config {
        return check_config(options).await;
    }
    let _logging = telemetry::init(&options.log).context("can't start logging")?;
    let databases = Databases::only(options.database.database_url.clone());
    check::warn_of_plain_text(&databases);
    let _traces = trace::export("calmony-outbox-worker")?;
    let stop = stop::stop_token(options.parent)?;
    let keyring = options.secret_key.keyring()?;
    let progress = Progress::default();
    let metrics = Arc::new(Metrics::default());
    serve_health(options, progress.clone(), &metrics).await?;
    let sender = Sender::new(options, Rooms::most(usize::from(options.in_flight_max)))?;
    let log = Log::open(&databases)?;
    run(options, &Tools { sender, log, progress, metrics }, &keyring, &stop).await;
    tracing::info!("the worker has stopped");
    Ok(())
}

/// Says if the configuration works. A single value that can't be parsed has stopped the program before.
async fn check_config(options: &WorkerOptions) -> anyhow::Result<()> {
    let mut checked = vec![check::unknown_variables()];
    checked.extend(check::encryption(&Databases::only(options.database.database_url.clone())));
    checked.extend(
        check::database(&options.database.database_url, &options.secret_key, &[Role::Worker, Role::Api])
            .await,
    );
    for found in &checked {
        let (about, said) = (found.about, &found.said);
        output::say(format_args!("{:5}  {about:12}  {said}", found.verdict()));
    }
    if checked.iter().any(check::Checked::is_wrong) {
        anyhow::bail!("the configuration doesn't work");
    }
    Ok(())
}

async fn serve_health(options: &WorkerOptions, progress: Progress, metrics: &Metrics) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("can't listen on {} (--listen, CALMONY_WORKER_LISTEN)", options.listen))?;
    tracing::info!(address = %listener.local_addr()?, "the worker serves /healthz, /readyz and /metrics");
    let router = health_check::health_router(move || {
        let ready = progress.is_recent();
        async move { ready }
    });
    // A biller that is dead tells nothing, so the worker tells for how long objects have been due.
    let lag = LagWatch::new(&options.database.database_url, Role::Worker);
    let mut registry = metrics.registry();
    lag.register(&mut registry);
    let refresh = move || {
        let lag = lag.clone();
        async move { lag.refresh().await }
    };
    let router = router.merge(calmony_pay::metrics::router(registry, refresh));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

/// Works until told to stop. A lost session is replaced. Deliveries that were in flight then are still in
/// the outbox.
async fn run(options: &WorkerOptions, tools: &Tools, keyring: &Keyring, stop: &CancellationToken) {
    let mut reconnect = Reconnect::default();
    while !stop.is_cancelled() {
        let session = tokio::select! {
            session = Session::open(&options.database.database_url, keyring.clone()) => session,
            () = stop.cancelled() => return,
        };
        let problem = match session {
            Ok(session) => {
                tracing::info!("connected to the database");
                let ended = Engine::new(session, tools.clone(), options).run(stop, &mut reconnect).await;
                ended.err().inspect(|_| tools.metrics.session_lost())
            }
            Err(error) => Some(error),
        };
        tools.progress.lost();
        if let Some(error) = problem {
            let delay = reconnect.next_delay();
            tracing::warn!(%error, ?delay, "the session with the database is lost; connecting again");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}
