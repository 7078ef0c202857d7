//! Setup intents: `seti_…`, a method that is checked without money, so that it can be charged later. Its
//! status changes here only.

mod attempts;
mod commands;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::payment_method::{MethodType, PaymentError, User};
use super::resource::Expands;
use super::types::metadata::{self, Metadata};
use super::types::next_action::NextAction;
use super::types::object_tag::ObjectTag;
use super::types::text::LongText;
use super::{New, Refused, Rejection, Resource, UnexpectedState, schema};
use crate::contract::{self, Kind as _};
use crate::id::Id;
pub use attempts::{Close, GiveUp, Kept, Look, SettleChallenge};
pub use commands::{Cancel, Confirm, Confirming, Create, Terms, Update};

type PaymentMethodId = Id<contract::PaymentMethod>;

/// A setup intent, as it is stored and as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetupIntent {
    id: Id<contract::SetupIntent>,
    object: ObjectTag<contract::SetupIntent>,
    #[schema(schema_with = schema::later_text)]
    application: (),
    #[schema(schema_with = schema::later_object)]
    automatic_payment_methods: (),
    cancellation_reason: Option<CancellationReason>,
    client_secret: String,
    created: u64,
    customer: Option<Id<contract::Customer>>,
    #[schema(schema_with = schema::later_text)]
    customer_account: (),
    description: Option<LongText>,
    last_setup_error: Option<PaymentError>,
    #[schema(schema_with = schema::later_text)]
    latest_attempt: (),
    livemode: bool,
    #[schema(schema_with = schema::later_text)]
    mandate: (),
    #[schema(schema_with = metadata::schema)]
    metadata: Metadata,
    next_action: Option<NextAction>,
    #[schema(schema_with = schema::later_text)]
    on_behalf_of: (),
    payment_method: Option<PaymentMethodId>,
    #[schema(schema_with = schema::later_object)]
    payment_method_options: (),
    payment_method_types: Vec<MethodType>,
    #[schema(schema_with = schema::later_text)]
    single_use_mandate: (),
    status: Status,
    usage: Usage,
}

/// The status of a setup intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SetupIntentStatus)]
pub enum Status {
    /// It has no method, or the last one was declined.
    RequiresPaymentMethod,
    /// It has a method and waits to be confirmed.
    RequiresConfirmation,
    /// The buyer has to pass a challenge.
    RequiresAction,
    /// The processor is asked.
    Processing,
    /// The method can be charged. Final.
    Succeeded,
    /// It was given up. Final.
    Canceled,
}

/// The later use of the method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SetupIntentUsage)]
pub enum Usage {
    /// Payments without the buyer.
    #[default]
    OffSession,
    /// Payments with the buyer.
    OnSession,
}

/// The reason why a setup intent was canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SetupIntentCancellationReason)]
pub enum CancellationReason {
    /// The buyer doesn't go on.
    Abandoned,
    /// It was made twice.
    Duplicate,
    /// The buyer has asked for it.
    RequestedByCustomer,
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
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }

    /// True while the processor hasn't been asked, or has said no.
    const fn is_open(self) -> bool {
        match self {
            Self::RequiresPaymentMethod | Self::RequiresConfirmation | Self::RequiresAction => true,
            Self::Processing | Self::Succeeded | Self::Canceled => false,
        }
    }
}

impl SetupIntent {
    /// An intent of which nothing is known.
    fn new(New { id, livemode }: New<contract::SetupIntent>, client_secret: String) -> Self {
        Self {
            id,
            object: ObjectTag::default(),
            application: (),
            automatic_payment_methods: (),
            cancellation_reason: None,
            client_secret,
            created: id.created().seconds(),
            customer: None,
            customer_account: (),
            description: None,
            last_setup_error: None,
            latest_attempt: (),
            livemode,
            mandate: (),
            metadata: Metadata::new(),
            next_action: None,
            on_behalf_of: (),
            payment_method: None,
            payment_method_options: (),
            payment_method_types: vec![MethodType::Card],
            single_use_mandate: (),
            status: Status::RequiresPaymentMethod,
            usage: Usage::default(),
        }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// It as the user of a method.
    fn user(&self) -> User {
        User { id: self.id.to_string(), customer: self.customer, method: self.payment_method }
    }

    /// The refusal of a request that its status doesn't allow.
    fn refuses(&self, refused: Refused) -> Rejection {
        let object = serde_json::to_string(self).unwrap_or_default();
        let (resource, status) = (contract::SetupIntent::RESOURCE, self.status.as_str());
        Rejection::UnexpectedState(Box::new(UnexpectedState { resource, status, refused, object }))
    }

    /// With a method, or without one.
    fn with_method(self, method: Option<PaymentMethodId>) -> Self {
        let status = match (self.status, method) {
            (status, _) if !status.is_open() => status,
            (_, Some(_)) => Status::RequiresConfirmation,
            (_, None) => Status::RequiresPaymentMethod,
        };
        Self { payment_method: method, status, next_action: None, ..self }
    }

    /// The processor is asked.
    fn processing(self) -> Self {
        Self { status: Status::Processing, next_action: None, ..self }
    }

    /// The buyer has to pass a challenge.
    fn acting(self, action: NextAction) -> Self {
        Self { status: Status::RequiresAction, next_action: Some(action), last_setup_error: None, ..self }
    }

    /// The method can be charged.
    fn succeeded(self) -> Self {
        Self { status: Status::Succeeded, next_action: None, last_setup_error: None, ..self }
    }

    /// The card was declined. The method is only in the error from now on.
    fn declined(self, error: PaymentError) -> Self {
        Self {
            status: Status::RequiresPaymentMethod,
            last_setup_error: Some(error),
            next_action: None,
            payment_method: None,
            ..self
        }
    }

    /// It is given up.
    fn canceled(self, reason: Option<CancellationReason>) -> Self {
        Self { status: Status::Canceled, cancellation_reason: reason, next_action: None, ..self }
    }
}

impl Resource for SetupIntent {
    type Kind = contract::SetupIntent;

    const COMPONENT: &'static str = "SetupIntent";
    const PATH: &'static str = "/v1/setup_intents";
    const EXPANDS: &'static [Expands] = &[
        Expands::id_of::<contract::Customer>("customer"),
        Expands::later("latest_attempt"),
        Expands::id_of::<contract::PaymentMethod>("payment_method"),
    ];

    fn id(&self) -> Id<contract::SetupIntent> {
        self.id
    }
}
