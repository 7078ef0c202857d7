//! The parameters of a payment method.

use serde::Deserialize;
use utoipa::ToSchema;

use super::{AllowRedisplay, BillingDetails, Name, PaymentMethod};
use crate::domain::types::address::Address;
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::types::text::{self, LongText, check_email};
use crate::domain::{ParameterError, Patch, Problem};

/// The parameters of a create besides the card, which goes to the processor.
#[derive(Debug, Clone, Default)]
pub struct CreateParams {
    /// The permission to show it to a buyer again.
    pub allow_redisplay: Option<AllowRedisplay>,
    /// The person or company that is billed.
    pub billing_details: Patch<BillingChanges>,
    /// Metadata.
    pub metadata: MetadataChange,
}

/// The parameters of an update.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = PaymentMethodUpdateParams)]
pub struct Changes {
    allow_redisplay: Option<AllowRedisplay>,
    billing_details: Patch<BillingChanges>,
    card: Option<CardChanges>,
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
}

/// The parameters within `billing_details`, merged one by one. An address replaces the former one as a whole.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BillingChanges {
    address: Patch<Address>,
    #[schema(schema_with = text::email_schema)]
    email: Patch<String>,
    name: Patch<Name>,
    phone: Patch<Name>,
    tax_id: Patch<LongText>,
}

/// The parameters within `card` of an update.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CardChanges {
    #[schema(minimum = 1, maximum = 12)]
    exp_month: Option<i64>,
    exp_year: Option<i64>,
}

impl CreateParams {
    /// The method with the requested values.
    pub(super) fn apply(self, to: PaymentMethod) -> Result<PaymentMethod, ParameterError> {
        let changes = Changes {
            allow_redisplay: self.allow_redisplay,
            billing_details: self.billing_details,
            card: None,
            metadata: self.metadata,
        };
        changes.apply(to)
    }
}

impl Changes {
    /// The method with the requested changes.
    pub(super) fn apply(self, to: PaymentMethod) -> Result<PaymentMethod, ParameterError> {
        let mut card = to.card;
        if let Some(changes) = self.card {
            let within = |error: ParameterError| error.within("card");
            card.exp_month = month(changes.exp_month, card.exp_month).map_err(within)?;
            card.exp_year = year(changes.exp_year, card.exp_year).map_err(within)?;
        }
        Ok(PaymentMethod {
            allow_redisplay: self.allow_redisplay.unwrap_or(to.allow_redisplay),
            billing_details: billing_details(self.billing_details, to.billing_details)?,
            card,
            metadata: metadata::merge(self.metadata, to.metadata)?,
            ..to
        })
    }
}

/// The details after the call. An empty hash takes all away.
fn billing_details(
    given: Patch<BillingChanges>,
    to: BillingDetails,
) -> Result<BillingDetails, ParameterError> {
    let given = match given {
        Patch::Keep => return Ok(to),
        Patch::Unset => return Ok(BillingDetails::default()),
        Patch::Set(given) => given,
    };
    if let Some(email) = given.email.value() {
        check_email("billing_details[email]", email)?;
    }
    Ok(BillingDetails {
        address: given.address.apply(to.address),
        email: given.email.apply(to.email),
        name: given.name.apply(to.name),
        phone: given.phone.apply(to.phone),
        tax_id: given.tax_id.apply(to.tax_id),
    })
}

fn month(given: Option<i64>, now: i64) -> Result<i64, ParameterError> {
    match given {
        Some(month) if !(1..=12).contains(&month) => {
            Err(ParameterError::new("exp_month", Problem::OutOfRange(1, 12)))
        }
        other => Ok(other.unwrap_or(now)),
    }
}

/// The latest year that a card may end in.
const YEAR_MAX: i64 = 2100;

fn year(given: Option<i64>, now: i64) -> Result<i64, ParameterError> {
    match given {
        Some(year) if !(2000..=YEAR_MAX).contains(&year) => {
            Err(ParameterError::new("exp_year", Problem::OutOfRange(2000, YEAR_MAX)))
        }
        other => Ok(other.unwrap_or(now)),
    }
}
