//! Drains the outbox of Calmony Pay into signed webhook deliveries, at least once.
//!
//! One task ([`engine`]) owns all that is in memory: the buckets, the cursor, what waits and what is in flight. It reads
//! and writes through one session, and sends through one client. No transaction, row lock or connection is held while a
//! request is in flight.

mod attempt;
mod config;
mod engine;
mod flight;
mod lanes;
mod ownership;
mod target;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use calmony_pay::outbox::Session;
use calmony_pay::retry::Reconnect;
use calmony_pay::{health, stop, telemetry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use attempt::Sender;
use config::WorkerOptions;
use engine::Engine;

#[tokio::main]
async fn main() -> ExitCode {
    match start(&calmony_pay::config::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outbox-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(options: &WorkerOptions) -> anyhow::Result<()> {
    telemetry::init(&options.log);
    let stop = stop::stop_token(options.parent)?;
    let ready = Arc::new(AtomicBool::new(false));
    serve_health(options, ready.clone()).await?;
    let sender = Sender::new(options)?;
    let (stopping, not_ready) = (stop.clone(), ready.clone());
    tokio::spawn(async move {
        stopping.cancelled().await;
        not_ready.store(false, Ordering::Relaxed);
    });
    run(options, &sender, &ready, &stop).await;
    tracing::info!("the worker has stopped");
    Ok(())
}

async fn serve_health(options: &WorkerOptions, ready: Arc<AtomicBool>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("can't listen on {} (--listen, CALMONY_WORKER_LISTEN)", options.listen))?;
    tracing::info!(address = %listener.local_addr()?, "the worker serves /healthz and /readyz");
    let router = health::health_router(move || {
        let ready = ready.clone();
        async move { ready.load(Ordering::Relaxed) }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

/// Works until told to stop. A session that is lost is replaced; what was in flight then is still in the outbox.
async fn run(options: &WorkerOptions, sender: &Sender, ready: &AtomicBool, stop: &CancellationToken) {
    let mut reconnect = Reconnect::default();
    while !stop.is_cancelled() {
        let session = tokio::select! {
            session = Session::open(&options.database.database_url) => session,
            () = stop.cancelled() => return,
        };
        let problem = match session {
            Ok(session) => {
                ready.store(true, Ordering::Relaxed);
                tracing::info!("connected to the database");
                Engine::new(session, sender.clone(), options).run(stop, &mut reconnect).await.err()
            }
            Err(error) => Some(error),
        };
        ready.store(false, Ordering::Relaxed);
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
