//! The verbs of a refund.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FailureReason, Reason, Refund};
use crate::clock::Timestamp;
use crate::contract::{self, EventType};
use crate::domain::attempt::{Attempt, Closed, Heard, Opening, Operation, Word, give_up};
use crate::domain::charge::{self, Charge};
use crate::domain::ledger::Postings;
use crate::domain::payment_intent::PaymentIntent;
use crate::domain::types::metadata::{self, Metadata, MetadataChange};
use crate::domain::{
    Command, New, Objects, ParameterError, Problem, Rejection, Resource as _, Stop, Updatable,
};
use crate::id::Id;

/// The charge or the payment that is refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A charge.
    Charge(Id<contract::Charge>),
    /// The last charge of an intent.
    Intent(Id<contract::PaymentIntent>),
}

/// Give money back: the processor is asked.
#[derive(Debug, Clone)]
pub struct Create {
    /// The parts that callers don't say.
    pub new: New<contract::Refund>,
    /// The charge or the payment that is refunded.
    pub of: Of,
    /// The amount; `None` for all that is left.
    pub amount: Option<i64>,
    /// The reason.
    pub reason: Option<Reason>,
    /// Metadata.
    pub metadata: MetadataChange,
    /// The parts of an attempt that come from outside.
    pub opening: Opening,
}

/// Close an attempt by the processor's word. Nothing comes of it where somebody was faster.
#[derive(Debug, Clone)]
pub struct Close {
    /// The refund's id.
    pub id: Id<contract::Refund>,
    /// The attempt's key.
    pub key: String,
    /// The processor's word.
    pub heard: Heard,
}

/// Give an attempt up: its key is about to be voided, and the word of the void alone counts from now on.
#[derive(Debug, Clone)]
pub struct GiveUp {
    /// The refund's id.
    pub id: Id<contract::Refund>,
    /// The attempt's key.
    pub key: String,
}

/// The parameters of an update.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = RefundUpdateParams)]
pub struct Changes {
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
}

/// The JSON that a refund keeps to itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The open attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// The time at which time changes the refund, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<u64>,
    /// The key of the attempt that its event opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<String>,
    /// The end of the attempt that its event closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

impl Updatable for Refund {
    const UPDATED: EventType = EventType::RefundUpdated;
    type Changes = Changes;

    fn changed(self, changes: Changes, _now: Timestamp) -> Result<Self, ParameterError> {
        let metadata = metadata::merge(changes.metadata, self.metadata)?;
        Ok(Self { metadata, ..self })
    }
}

impl Of {
    /// The charge that is meant.
    fn charge(self, objects: &mut Objects) -> Result<Charge, Stop> {
        let (param, id) = match self {
            Self::Charge(id) => ("charge", id),
            Self::Intent(id) => {
                let intent = objects.find::<PaymentIntent>(id)?;
                let intent = intent.ok_or_else(|| {
                    ParameterError::no_such::<contract::PaymentIntent>("payment_intent", &id)
                })?;
                let charge = intent.latest_charge();
                ("payment_intent", charge.ok_or_else(|| Rejection::NothingTaken { id: id.to_string() })?)
            }
        };
        let charge = objects.find::<Charge>(id)?;
        charge.ok_or_else(|| ParameterError::no_such::<contract::Charge>(param, &id).into())
    }
}

impl Command for Create {
    fn reads(&self) -> Vec<String> {
        match self.of {
            Of::Charge(id) => vec![id.to_string()],
            Of::Intent(id) => vec![id.to_string()],
        }
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let charge = self.of.charge(objects)?;
        let kept = charge::Kept::of(objects, charge.id())?;
        let (true, Some(reference)) = (charge.is_captured(), kept.reference.clone()) else {
            return Err(Rejection::NothingTaken { id: charge.id().to_string() }.into());
        };
        let left = charge.kept().saturating_sub(kept.refunding);
        let amount = self.amount.unwrap_or(left);
        let (_, currency) = charge.money();
        if amount <= 0 && left > 0 {
            return Err(ParameterError::new("amount", Problem::NotPositive).into());
        }
        if left <= 0 {
            return Err(Rejection::AlreadyRefunded { charge: charge.id().to_string() }.into());
        }
        if amount > left {
            let problem = Problem::MoreThanIsLeft(currency.shown(amount), currency.shown(left));
            return Err(ParameterError::new("amount", problem).into());
        }
        currency.check_step("amount", amount)?;
        let refunding = kept.refunding.saturating_add(amount);
        charge::Kept { refunding, ..kept }.keep(objects, &charge)?;
        objects.put(EventType::ChargeUpdated, &charge)?;
        let metadata = metadata::merge(self.metadata.clone(), Metadata::new())?;
        let refund = Refund::new(self.new, &charge, (amount, self.reason), metadata);
        let operation = Operation::Refund { reference, amount };
        let attempt = Attempt::new(&refund.id, 1, operation, self.opening.clone());
        let due = Some(attempt.opening.deadline);
        let opened = Some(attempt.key.clone());
        let kept = Kept { attempt: Some(attempt), due, opened, closed: None };
        objects.keep(refund.id, Some(&serde_json::to_value(&kept)?));
        objects.create(EventType::RefundCreated, &refund)
    }
}

impl Command for Close {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let refund: Refund = objects.get(self.id)?;
        let kept = objects.internal(self.id)?.map(serde_json::from_value::<Kept>).transpose()?;
        let closes = |attempt: &Attempt| attempt.key == self.key && attempt.is_closed_by(&self.heard);
        let open = kept.and_then(|kept| kept.attempt).filter(closes);
        let word = &self.heard.word;
        let (Some(attempt), Some(charge)) = (open, refund.charge) else { return Ok(self.id.to_string()) };
        let charge: Charge = objects.get(charge)?;
        let kept = charge::Kept::of(objects, charge.id())?;
        let refunding = kept.refunding.saturating_sub(refund.amount);
        let kept = charge::Kept { refunding, ..kept };
        let refund = match word {
            Word::Approved { .. } => {
                kept.posting(Postings::refunded(refund.currency, refund.amount)).keep(objects, &charge)?;
                objects.put(EventType::ChargeRefunded, &charge.with_refunded(refund.amount))?;
                refund.succeeded()
            }
            Word::Declined(_) | Word::ActionRequired { .. } | Word::Never | Word::Undone { .. } => {
                kept.keep(objects, &charge)?;
                objects.put(EventType::ChargeUpdated, &charge)?;
                let is_declined = matches!(word, Word::Declined(_));
                refund.failed(if is_declined { FailureReason::Declined } else { FailureReason::Unknown })
            }
        };
        let kept = Kept { closed: Some(attempt.closed(word, false)), ..Kept::default() };
        objects.keep(self.id, Some(&serde_json::to_value(&kept)?));
        objects.put(EventType::RefundUpdated, &refund)
    }
}

impl Command for GiveUp {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let refund: Refund = objects.get(self.id)?;
        let kept = objects.internal(self.id)?.map(serde_json::from_value::<Kept>).transpose()?;
        let mut kept = kept.unwrap_or_default();
        if !give_up(&self.key, kept.attempt.as_mut(), None) {
            return Ok(self.id.to_string());
        }
        let kept = Kept { opened: None, closed: None, ..kept };
        objects.keep(self.id, Some(&serde_json::to_value(&kept)?));
        objects.put(EventType::RefundUpdated, &refund)
    }
}
