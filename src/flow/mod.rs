//! Flows: several steps with something foreign between them. Whoever finds one half done goes on with it.
//!
//! Only flows call the processor. No connection, lock or turn of ours is held while it works.

pub mod payment_methods;

use crate::domain::Rejection;
use crate::log::AppendError;
use crate::processor::wire::Decline;

/// The reason that a flow came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// A step of ours came to nothing.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The issuer of the card, or the processor, declined.
    #[error("declined: {}", .0.code)]
    Declined(Decline),
    /// The processor can't be asked at this moment, and nothing was done. The reason is for logs.
    #[error("the processor can't be asked: {0}")]
    ProcessorAway(String),
}

impl From<Rejection> for FlowError {
    fn from(rejection: Rejection) -> Self {
        Self::Append(rejection.into())
    }
}
