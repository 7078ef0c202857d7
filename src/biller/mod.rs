//! The biller: the process that does the work that time makes due.
//!
//! It owns buckets (`due::Session`), reads the due objects in them (`turns`), and does each object's
//! next step (`flow::due`). Any number of billers share the work. One that dies is replaced by the
//! others at once, and leaves nothing behind that somebody would have to clean up.

mod engine;
mod metrics;
mod rests;
mod runaways;
mod turns;

use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::database::{DatabaseError, DatabaseUrl, Databases, Role};
use crate::due::lag::LagWatch;
use crate::due::{Due, Session};
use crate::flow::due::{Step, step};
use crate::flow::{FlowError, Processors};
use crate::log::Log;
use crate::progress::Progress;
use crate::retry::Reconnect;
use engine::{Bounds, Engine, Steps};
use metrics::Metrics;

/// The settings of a biller.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database.
    pub database: DatabaseUrl,
    /// The most steps at once. One account alone gets half of them.
    pub steps_max: usize,
    /// The longest time of a step.
    pub step_timeout: Duration,
    /// The longest time for steps under way when the process stops.
    pub drain_timeout: Duration,
}

/// The parts that steps need.
#[derive(Debug)]
struct Tools {
    log: Log,
    processors: Processors,
}

impl Steps for Tools {
    async fn step(&self, due: &Due) -> Result<Step, FlowError> {
        step(&self.log, &self.processors, due).await
    }
}

/// A biller.
#[derive(Debug)]
pub struct Biller {
    settings: Settings,
    processors: Processors,
    metrics: Metrics,
    lag: LagWatch,
    progress: Progress,
}

impl Biller {
    /// A biller that hasn't begun.
    #[must_use]
    pub fn new(settings: Settings, processors: Processors) -> Self {
        let lag = LagWatch::new(&settings.database, Role::Biller);
        let (metrics, progress) = (Metrics::default(), Progress::default());
        Self { settings, processors, metrics, lag, progress }
    }

    /// Its metrics, and the lag, which is to be refreshed before each answer.
    #[must_use]
    pub fn metrics(&self) -> (Registry, LagWatch) {
        let mut registry = Registry::default();
        self.metrics.register(&mut registry);
        self.lag.register(&mut registry);
        self.processors.register(&mut registry);
        (registry, self.lag.clone())
    }

    /// Its progress, for `/readyz`.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Works until told to stop. A lost session is replaced.
    pub async fn run(self, stop: &CancellationToken) -> Result<(), DatabaseError> {
        let Self { settings, processors, metrics, progress, .. } = self;
        let log = Log::open_as(&Databases::only(settings.database.clone()), Role::Biller)?;
        let Settings { steps_max, step_timeout, drain_timeout, .. } = settings;
        let bounds = Bounds { steps_max, step_timeout, drain_timeout };
        let mut engine = Engine::new(bounds, Tools { log, processors }, metrics.clone(), progress);
        let mut reconnect = Reconnect::default();
        while !stop.is_cancelled() {
            let session = tokio::select! {
                session = Session::open(&settings.database) => session,
                () = stop.cancelled() => break,
            };
            let problem = match session {
                Ok(session) => {
                    tracing::info!("connected to the database");
                    let worked = engine.work(&session, stop, &mut reconnect).await;
                    if worked.is_ok() {
                        // The session goes last: nobody else takes on the steps that are being finished.
                        engine.drain().await;
                        return Ok(());
                    }
                    metrics.sessions_lost.inc();
                    worked.err()
                }
                Err(error) => Some(error),
            };
            engine.lost();
            if let Some(error) = problem {
                let delay = reconnect.next_delay();
                tracing::warn!(%error, ?delay, "the session with the database is lost; connecting again");
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        engine.drain().await;
        Ok(())
    }
}
