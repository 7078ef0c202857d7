//! What handlers and layers work with. It knows none of them.

use std::ops::Deref;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::lookups::Lookups;
use super::metrics::RequestMetrics;
use super::request::admission::Load;
use super::request::in_flight::InFlight;
use crate::address::TargetPolicy;
use crate::database::{DatabaseError, Databases};
use crate::flow::Processors;
use crate::log::{GrowthLimit, Log};
use crate::read::Reader;
use crate::seal::Keyring;

/// What handlers work with, shared: every layer of every request has it.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts of an [`App`].
#[derive(Debug)]
pub struct Parts {
    /// For writing.
    pub(crate) log: Log,
    /// For reading.
    pub(crate) reader: Reader,
    /// Where webhooks may be sent to.
    pub(crate) policy: TargetPolicy,
    /// What signing secrets are sealed with.
    pub(crate) keyring: Keyring,
    /// Which idempotency keys are in use at this moment.
    pub(crate) in_flight: InFlight,
    /// How much is taken on.
    pub(crate) load: Load,
    /// The processors of payments.
    pub(crate) processors: Processors,
    /// Names that are being looked up.
    pub(crate) lookups: Lookups,
    /// What is counted of requests.
    pub(super) metrics: RequestMetrics,
    /// Ends those who follow the log when the server stops.
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Opens the log and the reader on one database; each account may have so much stored. `stop` ends those
    /// who follow the log.
    pub fn open(
        (databases, growth): (&Databases, GrowthLimit),
        (policy, processors): (TargetPolicy, Processors),
        keyring: Keyring,
        load: Load,
        stop: CancellationToken,
    ) -> Result<Self, DatabaseError> {
        Ok(Self(Arc::new(Parts {
            log: Log::open(databases)?.within(growth),
            reader: Reader::open(databases)?,
            policy,
            processors,
            keyring,
            in_flight: InFlight::default(),
            load,
            lookups: Lookups::default(),
            metrics: RequestMetrics::default(),
            stop,
        })))
    }
}
