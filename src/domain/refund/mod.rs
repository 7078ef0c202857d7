//! Refunds: `re_…`, money that goes back to a card. The amount is reserved at the charge before the processor
//! is asked, so that refunds never give back more than was taken.

mod commands;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::charge::Charge;
use super::resource::Expands;
use super::types::metadata::{self, Metadata};
use super::types::money::Currency;
use super::types::object_tag::ObjectTag;
use super::{New, Resource, schema};
use crate::contract;
use crate::id::Id;
pub use commands::{Changes, Close, Create, GiveUp, Kept, Of};

/// A refund, as it is stored and as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refund {
    id: Id<contract::Refund>,
    object: ObjectTag<contract::Refund>,
    amount: i64,
    #[schema(schema_with = schema::later_text)]
    balance_transaction: (),
    charge: Option<Id<contract::Charge>>,
    created: u64,
    currency: Currency,
    /// Left out where it hasn't failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failure_reason: Option<FailureReason>,
    #[schema(schema_with = metadata::schema)]
    metadata: Metadata,
    payment_intent: Option<Id<contract::PaymentIntent>>,
    reason: Option<Reason>,
    #[schema(schema_with = schema::later_text)]
    receipt_number: (),
    #[schema(schema_with = schema::later_text)]
    source_transfer_reversal: (),
    status: Status,
    #[schema(schema_with = schema::later_text)]
    transfer_reversal: (),
}

/// The status of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefundStatus)]
pub enum Status {
    /// The processor is asked.
    Pending,
    /// The money has gone back. Final.
    Succeeded,
    /// Nothing has gone back. Final.
    Failed,
}

/// The reason why the money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefundReason)]
pub enum Reason {
    /// It was charged twice.
    Duplicate,
    /// The charge was fraudulent.
    Fraudulent,
    /// The buyer has asked for it.
    RequestedByCustomer,
}

/// The reason why nothing has gone back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefundFailureReason)]
pub enum FailureReason {
    /// The processor has declined it.
    Declined,
    /// The processor never did it.
    Unknown,
}

impl Refund {
    /// A refund that the processor is asked for.
    fn new(
        New { id, .. }: New<contract::Refund>,
        charge: &Charge,
        (amount, reason): (i64, Option<Reason>),
        metadata: Metadata,
    ) -> Self {
        let (_, currency) = charge.money();
        Self {
            id,
            object: ObjectTag::default(),
            amount,
            balance_transaction: (),
            charge: Some(charge.id()),
            created: id.created().seconds(),
            currency,
            failure_reason: None,
            metadata,
            payment_intent: charge.payment_intent(),
            reason,
            receipt_number: (),
            source_transfer_reversal: (),
            status: Status::Pending,
            transfer_reversal: (),
        }
    }

    /// The money has gone back.
    fn succeeded(self) -> Self {
        Self { status: Status::Succeeded, ..self }
    }

    /// Nothing has gone back.
    fn failed(self, reason: FailureReason) -> Self {
        Self { status: Status::Failed, failure_reason: Some(reason), ..self }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }
}

impl Resource for Refund {
    type Kind = contract::Refund;

    const COMPONENT: &'static str = "Refund";
    const PATH: &'static str = "/v1/refunds";
    const EXPANDS: &'static [Expands] = &[
        Expands::later("balance_transaction"),
        Expands::id_of::<contract::Charge>("charge"),
        Expands::id_of::<contract::PaymentIntent>("payment_intent"),
    ];

    fn id(&self) -> Id<contract::Refund> {
        self.id
    }
}
