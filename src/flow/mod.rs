//! Flows: several steps with something foreign between them. A process that finds one half done goes on
//! with it.
//!
//! Only flows call the processor. No connection, lock or turn of ours is held while it works.

mod attempts;
mod closing;
pub mod customers;
pub mod due;
pub mod notices;
pub mod payment_methods;
mod suspense;
mod words;

use std::borrow::Cow;

use prometheus_client::registry::Registry;

use crate::domain::Rejection;
use crate::domain::types::decline::Decline;
use crate::log::AppendError;
pub use crate::processor::{CardSource, NewMethod, Processor};
pub use attempts::Money;

/// The processors of this process: one of each mode, if there is one.
#[derive(Debug, Clone, Default)]
pub struct Processors {
    /// The processor of test mode.
    pub test: Option<Processor>,
    /// The processor of live mode.
    pub live: Option<Processor>,
}

impl Processors {
    /// Registers the metrics of calls to them, by mode.
    pub fn register(&self, registry: &mut Registry) {
        for (mode, processor) in [("test", &self.test), ("live", &self.live)] {
            if let Some(processor) = processor {
                let label = (Cow::Borrowed("mode"), Cow::Borrowed(mode));
                processor.register(registry.sub_registry_with_label(label));
            }
        }
    }

    /// The processor of a mode.
    pub fn of(&self, livemode: bool) -> Result<&Processor, FlowError> {
        let processor = if livemode { &self.live } else { &self.test };
        processor.as_ref().ok_or(FlowError::NoProcessor)
    }
}

/// The reason that a flow came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// A step of ours came to nothing.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The issuer of the card, or the processor, declined.
    #[error("declined: {}", .0.code)]
    Declined(Decline),
    /// A payment or a setup was declined; the intent as JSON, with the error in it.
    #[error("the payment was declined")]
    PaymentDeclined(String),
    /// No processor is configured for this mode.
    #[error("there is no processor for this mode")]
    NoProcessor,
    /// As many payments wait for the processor as may. Nothing was done.
    #[error("too many payments at once")]
    TooMany,
    /// The processor can't be asked at this moment, and nothing was done. The reason is for logs.
    #[error("the processor can't be asked: {0}")]
    ProcessorAway(String),
}

impl From<Rejection> for FlowError {
    fn from(rejection: Rejection) -> Self {
        Self::Append(rejection.into())
    }
}
