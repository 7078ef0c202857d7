//! Money that moved for an attempt that was closed as failed. It is on record before it is given back.

use super::FlowError;
use super::attempts::{Money, Open};
use super::words::{Told, request, told};
use crate::contract;
use crate::domain::attempt::{Attempt, Operation, Word, undone_by};
use crate::domain::payment_intent::{Return, Suspend};
use crate::id::Id;
use crate::log::{AppendError, Cause};
use crate::processor::{self, Answer, Outcome};

impl Money {
    /// Takes in that an operation was performed whose attempt isn't open: nothing comes of it where an
    /// event accounts for it. An authorisation is posted to suspense, and given back. `calmony verify`
    /// tells of other operations, which can't be given back.
    pub(super) async fn suspend(
        &self,
        object: &str,
        operation: processor::Operation,
    ) -> Result<(), FlowError> {
        let of = (object, operation.key.as_str());
        // An undoing of ours is accounted for with the operation that it undoes.
        if undone_by(&operation.key).is_some()
            || self.log.accounts_for(self.account, of).await.map_err(AppendError::from)?
        {
            return Ok(());
        }
        tracing::error!(
            key = operation.key,
            "the processor moved money for an attempt that is over without it"
        );
        self.processor.count_suspense();
        let Outcome::Approved { amount } = operation.outcome else { return Ok(()) };
        let failed = self.log.attempt(self.account, of).await.map_err(AppendError::from)?;
        let failed = failed.map(|attempt| serde_json::from_str::<Attempt>(&attempt)).transpose();
        let failed = failed.map_err(AppendError::Snapshot)?;
        let (Ok(id), Some(failed), Some(reference)) = (object.parse(), failed, operation.reference) else {
            return Ok(());
        };
        if !matches!(failed.operation, Operation::Authorize { .. }) {
            return Ok(());
        }
        let cause = Cause::service(self.account);
        let suspend = Suspend { id, failed, amount, reference, opening: self.opening(&cause) };
        let open = Open::of(&self.log.append(&cause, &suspend).await?)?;
        match open.returning {
            Some(returning) if returning.of == operation.key => {
                self.give_back(id, &returning.attempt).await.map(drop)
            }
            Some(_) => Err(FlowError::ProcessorAway("another amount is being given back".to_owned())),
            None => Ok(()),
        }
    }

    /// Gives an amount back. Returns false where nobody knows the outcome: then it is asked for again by
    /// the same key.
    pub(super) async fn give_back(
        &self,
        id: Id<contract::PaymentIntent>,
        attempt: &Attempt,
    ) -> Result<bool, FlowError> {
        let word = match self.processor.perform(&request(attempt)).await {
            Answer::Known(operation) => match told(attempt, operation) {
                Told::Word(word) => word,
                Told::Unwanted | Told::Later | Told::Doubtful => return Ok(false),
            },
            Answer::Refused(reason) => {
                tracing::error!(key = attempt.key, reason, "the processor refused to give money back");
                return Ok(false);
            }
            Answer::Unknown(_) => return Ok(false),
        };
        self.returned(id, attempt, Some(word)).await.map(|()| true)
    }

    /// Gives an amount back whose time has come, or puts it off.
    pub(super) async fn give_back_or_wait(
        &self,
        id: Id<contract::PaymentIntent>,
        attempt: &Attempt,
    ) -> Result<(), FlowError> {
        if self.give_back(id, attempt).await? { Ok(()) } else { self.returned(id, attempt, None).await }
    }

    async fn returned(
        &self,
        id: Id<contract::PaymentIntent>,
        attempt: &Attempt,
        word: Option<Word>,
    ) -> Result<(), FlowError> {
        let (cause, key) = (Cause::service(self.account), attempt.key.clone());
        self.log.append(&cause, &Return { id, key, word, opening: self.opening(&cause) }).await?;
        Ok(())
    }
}
