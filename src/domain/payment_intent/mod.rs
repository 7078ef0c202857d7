//! Payment intents: `pi_…`, one payment from the first wish to the money. Its status changes here only.

mod attempts;
mod commands;
mod kept;
mod params;
mod suspense;
#[cfg(test)]
mod tests;
mod waiting;
mod words;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::charge::Charge;
use super::customer::Shipping;
use super::resource::Expands;
use super::types::metadata::{self, Metadata};
use super::types::money::Currency;
use super::types::next_action::NextAction;
use super::types::object_tag::ObjectTag;
use super::types::text::{LongText, Text};
use super::{New, Refused, Rejection, Resource, UnexpectedState, schema};
use crate::clock::Timestamp;
use crate::contract::{self, Kind as _};
use crate::domain::payment_method::{MethodType, PaymentError, User};
use crate::id::Id;
pub use attempts::{Close, SettleChallenge};
pub use commands::{Cancel, Capture, Confirm, Create, Lapse, Update};
pub use kept::Kept;
pub use params::{Confirming, Terms};
pub use suspense::{Return, Returning, Suspend};
pub use waiting::{GiveUp, Look};
pub use words::{
    AllowRedirects, AutomaticMethods, CancellationReason, CaptureMethod, CardOptions, ConfirmationMethod,
    FutureUsage, MethodOptions, RequestThreeDSecure,
};

/// The longest statement descriptor, in characters.
pub const DESCRIPTOR_MAX: usize = 22;

type Descriptor = Text<DESCRIPTOR_MAX>;
type PaymentMethodId = Id<contract::PaymentMethod>;

/// A payment intent, as it is stored and as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentIntent {
    id: Id<contract::PaymentIntent>,
    object: ObjectTag<contract::PaymentIntent>,
    #[schema(schema_with = schema::later_object)]
    allowed_payment_method_types: (),
    amount: i64,
    amount_capturable: i64,
    amount_received: i64,
    #[schema(schema_with = schema::later_text)]
    application: (),
    #[schema(schema_with = schema::later_integer)]
    application_fee_amount: (),
    automatic_payment_methods: Option<AutomaticMethods>,
    canceled_at: Option<u64>,
    cancellation_reason: Option<CancellationReason>,
    capture_method: CaptureMethod,
    client_secret: String,
    confirmation_method: ConfirmationMethod,
    created: u64,
    currency: Currency,
    customer: Option<Id<contract::Customer>>,
    #[schema(schema_with = schema::later_text)]
    customer_account: (),
    description: Option<LongText>,
    #[schema(schema_with = schema::later_object)]
    excluded_payment_method_types: (),
    last_payment_error: Option<PaymentError>,
    latest_charge: Option<Id<contract::Charge>>,
    livemode: bool,
    #[schema(schema_with = schema::later_object)]
    managed_payments: (),
    #[schema(schema_with = metadata::schema)]
    metadata: Metadata,
    next_action: Option<NextAction>,
    #[schema(schema_with = schema::later_text)]
    on_behalf_of: (),
    payment_method: Option<PaymentMethodId>,
    #[schema(schema_with = schema::later_object)]
    payment_method_configuration_details: (),
    payment_method_options: MethodOptions,
    payment_method_types: Vec<MethodType>,
    #[schema(schema_with = schema::later_text)]
    payment_record: (),
    #[schema(schema_with = schema::later_object)]
    processing: (),
    receipt_email: Option<String>,
    #[schema(schema_with = schema::later_text)]
    review: (),
    setup_future_usage: Option<FutureUsage>,
    shipping: Option<Shipping>,
    #[schema(schema_with = schema::later_text)]
    source: (),
    #[schema(schema_with = schema::later_text)]
    statement_descriptor: (),
    statement_descriptor_suffix: Option<Descriptor>,
    status: Status,
    #[schema(schema_with = schema::later_text)]
    transfer_group: (),
}

/// The status of a payment intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaymentIntentStatus)]
pub enum Status {
    /// It has no method, or the last one was declined.
    RequiresPaymentMethod,
    /// It has a method and waits to be confirmed.
    RequiresConfirmation,
    /// The buyer has to pass a challenge.
    RequiresAction,
    /// The processor is asked.
    Processing,
    /// The amount is held and waits to be captured.
    RequiresCapture,
    /// The money is taken. Final.
    Succeeded,
    /// Nothing is taken any more. Final.
    Canceled,
}

impl Status {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }

    /// True while the processor hasn't been asked, or has said no.
    const fn is_open(self) -> bool {
        match self {
            Self::RequiresPaymentMethod | Self::RequiresConfirmation | Self::RequiresAction => true,
            Self::Processing | Self::RequiresCapture | Self::Succeeded | Self::Canceled => false,
        }
    }
}

impl PaymentIntent {
    /// An intent of which nothing but the amount is known.
    fn new(
        New { id, livemode }: New<contract::PaymentIntent>,
        client_secret: String,
        (amount, currency): (i64, Currency),
    ) -> Self {
        Self {
            id,
            object: ObjectTag::default(),
            allowed_payment_method_types: (),
            amount,
            amount_capturable: 0,
            amount_received: 0,
            application: (),
            application_fee_amount: (),
            automatic_payment_methods: None,
            canceled_at: None,
            cancellation_reason: None,
            capture_method: CaptureMethod::default(),
            client_secret,
            confirmation_method: ConfirmationMethod::default(),
            created: id.created().seconds(),
            currency,
            customer: None,
            customer_account: (),
            description: None,
            excluded_payment_method_types: (),
            last_payment_error: None,
            latest_charge: None,
            livemode,
            managed_payments: (),
            metadata: Metadata::new(),
            next_action: None,
            on_behalf_of: (),
            payment_method: None,
            payment_method_configuration_details: (),
            payment_method_options: MethodOptions::default(),
            payment_method_types: vec![MethodType::Card],
            payment_record: (),
            processing: (),
            receipt_email: None,
            review: (),
            setup_future_usage: None,
            shipping: None,
            source: (),
            statement_descriptor: (),
            statement_descriptor_suffix: None,
            status: Status::RequiresPaymentMethod,
            transfer_group: (),
        }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Its amount and currency.
    #[must_use]
    pub const fn money(&self) -> (i64, Currency) {
        (self.amount, self.currency)
    }

    /// Its customer.
    #[must_use]
    pub const fn customer(&self) -> Option<Id<contract::Customer>> {
        self.customer
    }

    /// Its last charge.
    #[must_use]
    pub const fn latest_charge(&self) -> Option<Id<contract::Charge>> {
        self.latest_charge
    }

    /// The refusal of a request that its status doesn't allow.
    fn refuses(&self, refused: Refused) -> Rejection {
        let object = serde_json::to_string(self).unwrap_or_default();
        let (resource, status) = (contract::PaymentIntent::RESOURCE, self.status.as_str());
        Rejection::UnexpectedState(Box::new(UnexpectedState { resource, status, refused, object }))
    }

    /// It as the user of a method.
    fn user(&self) -> User {
        User { id: self.id.to_string(), customer: self.customer, method: self.payment_method }
    }

    /// With a method, or without one. A challenge of another method is no longer to be passed.
    fn with_method(self, method: Option<PaymentMethodId>) -> Self {
        let status = match (self.status, method) {
            (status, _) if !status.is_open() => status,
            (Status::RequiresAction, Some(method)) if self.payment_method == Some(method) => {
                Status::RequiresAction
            }
            (_, Some(_)) => Status::RequiresConfirmation,
            (_, None) => Status::RequiresPaymentMethod,
        };
        let next_action = self.next_action.filter(|_| status == Status::RequiresAction);
        Self { payment_method: method, status, next_action, ..self }
    }

    /// The processor is asked.
    fn processing(self) -> Self {
        Self { status: Status::Processing, next_action: None, ..self }
    }

    /// The buyer has to pass a challenge.
    fn acting(self, action: NextAction) -> Self {
        Self { status: Status::RequiresAction, next_action: Some(action), last_payment_error: None, ..self }
    }

    /// The amount is taken, or held.
    fn charged(self, charge: &Charge) -> Self {
        let latest_charge = Some(charge.id());
        let charged = Self { latest_charge, last_payment_error: None, next_action: None, ..self };
        if charge.is_captured() {
            Self { status: Status::Succeeded, amount_received: charged.amount, ..charged }
        } else {
            Self { status: Status::RequiresCapture, amount_capturable: charged.amount, ..charged }
        }
    }

    /// The card was declined. The method is only in the error from now on.
    fn declined(self, charge: Option<Id<contract::Charge>>, error: PaymentError) -> Self {
        Self {
            status: Status::RequiresPaymentMethod,
            last_payment_error: Some(error),
            latest_charge: charge.or(self.latest_charge),
            next_action: None,
            payment_method: None,
            ..self
        }
    }

    /// An amount of the hold is taken, and the rest is released.
    fn captured(self, amount: i64) -> Self {
        Self { status: Status::Succeeded, amount_received: amount, amount_capturable: 0, ..self }
    }

    /// A capture or a cancellation has come to nothing, and the amount is still held.
    fn still_held(self, error: PaymentError) -> Self {
        Self { status: Status::RequiresCapture, last_payment_error: Some(error), ..self }
    }

    /// Nothing is taken any more.
    fn canceled(self, reason: Option<CancellationReason>, now: Timestamp) -> Self {
        Self {
            status: Status::Canceled,
            amount_capturable: 0,
            canceled_at: Some(now.seconds()),
            cancellation_reason: reason,
            next_action: None,
            ..self
        }
    }
}

impl Resource for PaymentIntent {
    type Kind = contract::PaymentIntent;

    const COMPONENT: &'static str = "PaymentIntent";
    const PATH: &'static str = "/v1/payment_intents";
    const EXPANDS: &'static [Expands] = &[
        Expands::id_of::<contract::Customer>("customer"),
        Expands::id_of::<contract::Charge>("latest_charge"),
        Expands::id_of::<contract::PaymentMethod>("payment_method"),
    ];

    fn id(&self) -> Id<contract::PaymentIntent> {
        self.id
    }
}
