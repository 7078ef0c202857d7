//! The parameters of a payment intent.

use super::{AutomaticMethods, CaptureMethod, ConfirmationMethod, Descriptor, FutureUsage, PaymentIntent};
use crate::domain::customer::Shipping;
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::types::money::Currency;
use crate::domain::types::text::{LongText, check_email};
use crate::domain::{Patch, Refused, Rejection};

/// The parameters of a create, an update or a confirmation, besides the method and the customer.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The amount, in the currency's smallest unit.
    pub amount: Option<i64>,
    /// The currency.
    pub currency: Option<Currency>,
    /// True if the account's settings choose the types of methods.
    pub automatic_payment_methods: Option<AutomaticMethods>,
    /// The time at which the amount is taken.
    pub capture_method: Option<CaptureMethod>,
    /// The side that confirms.
    pub confirmation_method: Option<ConfirmationMethod>,
    /// The later use, for which the method is attached to the customer when the payment succeeds.
    pub setup_future_usage: Patch<FutureUsage>,
    /// A description.
    pub description: Patch<LongText>,
    /// Metadata.
    pub metadata: MetadataChange,
    /// The address for a receipt.
    pub receipt_email: Patch<String>,
    /// The address that goods are sent to.
    pub shipping: Patch<Shipping>,
    /// The end of the text on the buyer's statement.
    pub statement_descriptor_suffix: Patch<Descriptor>,
}

/// The manner of a confirmation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirming {
    /// True when the buyer isn't there.
    pub off_session: bool,
    /// The page that the buyer comes back to.
    pub return_url: Option<String>,
    /// True to decline where a challenge would have to be passed.
    pub error_on_requires_action: bool,
}

impl Terms {
    /// The parameter that changes the charge to be made; `None` if none does.
    #[must_use]
    pub const fn of_the_charge(&self) -> Option<&'static str> {
        if self.amount.is_some() {
            Some("amount")
        } else if self.currency.is_some() {
            Some("currency")
        } else if self.capture_method.is_some() {
            Some("capture_method")
        } else if !matches!(self.setup_future_usage, Patch::Keep) {
            Some("setup_future_usage")
        } else {
            None
        }
    }

    /// The intent with the requested changes.
    pub(super) fn apply(self, to: PaymentIntent) -> Result<PaymentIntent, Rejection> {
        if let Some(param) = self.of_the_charge()
            && !to.status.is_open()
        {
            return Err(to.refuses(Refused::Update(param)));
        }
        let (amount, currency) = (self.amount.unwrap_or(to.amount), self.currency.unwrap_or(to.currency));
        if self.amount.is_some() || self.currency.is_some() {
            currency.check_charge("amount", amount)?;
        }
        if let Some(email) = self.receipt_email.value() {
            check_email("receipt_email", email)?;
        }
        Ok(PaymentIntent {
            amount,
            currency,
            automatic_payment_methods: self.automatic_payment_methods.or(to.automatic_payment_methods),
            capture_method: self.capture_method.unwrap_or(to.capture_method),
            confirmation_method: self.confirmation_method.unwrap_or(to.confirmation_method),
            setup_future_usage: self.setup_future_usage.apply(to.setup_future_usage),
            description: self.description.apply(to.description),
            metadata: metadata::merge(self.metadata, to.metadata)?,
            receipt_email: self.receipt_email.apply(to.receipt_email),
            shipping: self.shipping.apply(to.shipping),
            statement_descriptor_suffix: self
                .statement_descriptor_suffix
                .apply(to.statement_descriptor_suffix),
            ..to
        })
    }
}
