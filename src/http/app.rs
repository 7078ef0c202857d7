//! The parts that handlers and layers work with. This file knows neither.

use std::ops::Deref;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::lookups::Lookups;
use super::metrics::RequestMetrics;
use super::request::admission::Load;
use super::request::in_flight::InFlight;
use crate::address::TargetPolicy;
use crate::card_number::CardNumbers;
use crate::database::{DatabaseError, Databases};
use crate::flow::Processors;
use crate::log::{GrowthLimit, Log};
use crate::read::Reader;
use crate::seal::Keyring;

/// The parts that handlers work with, shared: every layer of every request has them.
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
    /// The log, for writing.
    pub(crate) log: Log,
    /// The reader, for reading.
    pub(crate) reader: Reader,
    /// The targets that webhooks may be sent to.
    pub(crate) policy: TargetPolicy,
    /// The keys that seal signing secrets, and the stored answers that show one.
    pub(crate) keyring: Keyring,
    /// The idempotency keys that are in use at this moment.
    pub(crate) in_flight: InFlight,
    /// The bounds of the work that is taken on.
    pub(crate) load: Load,
    /// The processors of payments.
    pub(crate) processors: Processors,
    /// The treatment of card numbers where they have no business.
    pub(crate) card_numbers: CardNumbers,
    /// Names that are being looked up.
    pub(crate) lookups: Lookups,
    /// The metrics of requests.
    pub(super) metrics: RequestMetrics,
    /// Ends the streams of the log when the server stops.
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Opens the log and the reader on one database; each account may have so much stored. `stop` ends
    /// the streams of the log.
    pub fn open(
        (databases, growth): (&Databases, GrowthLimit),
        (policy, processors): (TargetPolicy, Processors),
        keyring: Keyring,
        (load, card_numbers): (Load, CardNumbers),
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
            card_numbers,
            lookups: Lookups::default(),
            metrics: RequestMetrics::default(),
            stop,
        })))
    }
}
