//! The next step of an object that is due.
//!
//! STUB: no kind is known yet. The steps come with payment intents, and nothing else of the biller changes
//! with them.

use super::{FlowError, Processors};
use crate::due::Due;
use crate::log::Log;

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The object has moved on. It may be due still.
    Moved,
    /// The object isn't due any more, or waits for a later time.
    Waits,
    /// No kind of object that this version knows.
    NotMine,
}

/// Does the next step of an object that is due. Returns once the object isn't due any more or waits for a
/// later time.
pub async fn step(_log: &Log, _processors: &Processors, _due: &Due) -> Result<Step, FlowError> {
    Ok(Step::NotMine)
}
