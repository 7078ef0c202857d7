//! Notices of a processor: each is in the log before it is acknowledged.

use super::attempts::Money;
use super::{FlowError, Processors};
use crate::clock;
use crate::domain::attempt::Attempt;
use crate::log::{AppendError, Log};
pub use crate::processor::NoticeProblem;

/// The reason that a notice isn't taken.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// It isn't believed.
    #[error("the notice isn't believed: {0:?}")]
    Refused(NoticeProblem),
    /// It can't be taken now, and has to come again.
    #[error(transparent)]
    Later(#[from] FlowError),
}

/// Takes in a notice. Its word is in the log once this returns; nothing comes of a word that is known, or
/// whose operation is over.
pub async fn take(
    log: &Log,
    processors: &Processors,
    livemode: bool,
    (signature, body): (&str, &[u8]),
) -> Result<(), NoticeError> {
    let processor = processors.of(livemode)?;
    let told = processor.notice(signature, body, clock::now().seconds()).map_err(NoticeError::Refused)?;
    // A key of another kind is of an operation that nobody waits for.
    let Some((account, object)) = Attempt::owner_of(&told.key) else { return Ok(()) };
    // A processor's word is about its own mode and nothing else.
    if log.is_live(account).await.map_err(|error| FlowError::from(AppendError::from(error)))?
        != Some(livemode)
    {
        tracing::error!(key = told.key, livemode, "a notice tells of the other mode, or of no account");
        return Ok(());
    }
    let object = object.to_owned();
    Ok(Money::of(log, processors, account, livemode)?.told(&object, told).await?)
}
