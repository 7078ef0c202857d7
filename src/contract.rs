//! The pinned names: resources and their id prefixes, event types, error codes, the API version.
//!
//! This is the one list of each. A test holds the database's copy of the prefixes (`calmony.object_id`)
//! equal to it.

use std::collections::BTreeSet;

use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

pub use crate::currencies::{CURRENCIES, Currency};

/// The API version that events and answers are made for, in Stripe's form, so that typed SDKs accept the
/// events.
pub const API_VERSION: &str = "2026-10-28.endive";

/// A kind of resource, with its names in ids, in the `object` field and in error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resource {
    /// The beginning of its ids, before the underscore: `cus`.
    pub prefix: &'static str,
    /// The `object` field: `checkout.session`.
    pub object: &'static str,
    /// Its name in messages: `No such customer: …`.
    pub noun: &'static str,
}

/// A type-level name for a [`Resource`], so that `Id<Customer>` can't be passed as `Id<Event>`.
pub trait Kind: ToSchema + Send + Sync + 'static {
    /// The resource this type stands for.
    const RESOURCE: Resource;
}

macro_rules! resources {
    ($($name:ident: $prefix:literal, $object:literal, $noun:literal;)*) => {
        $(
            #[doc = concat!("The `", $prefix, "_` resource.")]
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $name {}
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    id_schema($prefix)
                }
            }
            impl ToSchema for $name {}
            impl Kind for $name {
                const RESOURCE: Resource = Resource { prefix: $prefix, object: $object, noun: $noun };
            }
        )*
        /// Every resource of the contract. No other prefix names one.
        pub const RESOURCES: &[Resource] = &[$(<$name as Kind>::RESOURCE),*];
    };
}

resources! {
    Customer: "cus", "customer", "customer";
    PaymentMethod: "pm", "payment_method", "PaymentMethod";
    PaymentIntent: "pi", "payment_intent", "payment_intent";
    Subscription: "sub", "subscription", "subscription";
    Invoice: "inv", "invoice", "invoice";
    CheckoutSession: "cs", "checkout.session", "checkout.session";
    Event: "evt", "event", "event";
    WebhookEndpoint: "we", "webhook_endpoint", "webhook endpoint";
    Replay: "rpl", "replay", "replay";
    Product: "prod", "product", "product";
    Charge: "ch", "charge", "charge";
    Refund: "re", "refund", "refund";
    SetupIntent: "seti", "setup_intent", "setup_intent";
}

/// The prefix of the secret API keys of an account's test mode. No resource has it, nor the three that
/// follow.
pub const TEST_KEY_PREFIX: &str = "sk_test_";
/// The prefix of the secret API keys of an account's live mode.
pub const LIVE_KEY_PREFIX: &str = "sk_live_";
/// The prefix of the restricted keys of an account's test mode. They read and change nothing.
pub const RESTRICTED_TEST_KEY_PREFIX: &str = "rk_test_";
/// The prefix of the restricted keys of an account's live mode.
pub const RESTRICTED_LIVE_KEY_PREFIX: &str = "rk_live_";
/// The prefix of the signing secrets of webhook endpoints.
pub const SIGNING_SECRET_PREFIX: &str = "whsec_";
/// The prefix of request ids: in the `Request-Id` header, in logs and in an event's `request`.
pub const REQUEST_ID_PREFIX: &str = "req_";

/// The schema of an id of that prefix.
fn id_schema(prefix: &str) -> RefOr<Schema> {
    let pattern = format!("^{prefix}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$");
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}

macro_rules! event_types {
    ($($subject:ident { $($name:ident = $wire:literal;)* })*) => {
        /// The type of an event: a fact, in the past tense. These are exactly the types that this version
        /// can append.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[doc = concat!("`", $wire, "`")] $name,)*)*
        }
        impl EventType {
            /// Every type.
            pub const ALL: &[Self] = &[$($(Self::$name),*),*];

            /// Its name on the wire and in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($(Self::$name => $wire,)*)* }
            }

            /// The resource that such an event is about.
            #[must_use]
            pub const fn subject(self) -> Subject {
                match self { $($(Self::$name => Subject::$subject,)*)* }
            }
        }

        /// A resource that events are about: its objects are in the log. `domain/resource.rs` describes each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Subject {
            $(#[doc = concat!("A [`enum@", stringify!($subject), "`].")] $subject,)*
        }
        impl Subject {
            /// Every subject.
            pub const ALL: &[Self] = &[$(Self::$subject),*];

            /// Its names.
            #[must_use]
            pub const fn resource(self) -> Resource {
                match self { $(Self::$subject => <$subject as Kind>::RESOURCE,)* }
            }
        }
    };
}

event_types! {
    Customer {
        CustomerCreated = "customer.created";
        CustomerUpdated = "customer.updated";
        CustomerDeleted = "customer.deleted";
    }
    PaymentMethod {
        PaymentMethodCreated = "payment_method.created";
        PaymentMethodAttached = "payment_method.attached";
        PaymentMethodUpdated = "payment_method.updated";
        PaymentMethodDetached = "payment_method.detached";
    }
    PaymentIntent {
        PaymentIntentCreated = "payment_intent.created";
        PaymentIntentUpdated = "payment_intent.updated";
        PaymentIntentProcessing = "payment_intent.processing";
        PaymentIntentRequiresAction = "payment_intent.requires_action";
        PaymentIntentAmountCapturableUpdated = "payment_intent.amount_capturable_updated";
        PaymentIntentSucceeded = "payment_intent.succeeded";
        PaymentIntentPaymentFailed = "payment_intent.payment_failed";
        PaymentIntentCanceled = "payment_intent.canceled";
    }
    SetupIntent {
        SetupIntentCreated = "setup_intent.created";
        SetupIntentUpdated = "setup_intent.updated";
        SetupIntentRequiresAction = "setup_intent.requires_action";
        SetupIntentSucceeded = "setup_intent.succeeded";
        SetupIntentSetupFailed = "setup_intent.setup_failed";
        SetupIntentCanceled = "setup_intent.canceled";
    }
    Charge {
        ChargeSucceeded = "charge.succeeded";
        ChargeFailed = "charge.failed";
        ChargeCaptured = "charge.captured";
        ChargeExpired = "charge.expired";
        ChargeRefunded = "charge.refunded";
        ChargeUpdated = "charge.updated";
    }
    Refund {
        RefundCreated = "refund.created";
        RefundUpdated = "refund.updated";
    }
    WebhookEndpoint {
        WebhookEndpointCreated = "webhook_endpoint.created";
        WebhookEndpointUpdated = "webhook_endpoint.updated";
        WebhookEndpointDisabled = "webhook_endpoint.disabled";
        WebhookEndpointSecretRolled = "webhook_endpoint.secret_rolled";
        WebhookEndpointDeleted = "webhook_endpoint.deleted";
    }
    Replay {
        ReplayCreated = "replay.created";
        ReplayCanceled = "replay.canceled";
        ReplayCompleted = "replay.completed";
    }
    Product {
        ProductCreated = "product.created";
        ProductUpdated = "product.updated";
        ProductDeleted = "product.deleted";
    }
}

impl EventType {
    /// The type of that name, if this version has it.
    #[must_use]
    pub fn from_wire(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == name)
    }

    /// True if such an event is the first of its object, so that there is nothing that it changed.
    #[must_use]
    pub fn is_first(self) -> bool {
        self.as_str().ends_with(".created") || matches!(self, Self::ChargeSucceeded | Self::ChargeFailed)
    }

    /// Its group: the name without the last word, `customer` of `customer.created`. It is no part of
    /// another group, so that `customer.*` doesn't mean `customer.subscription.created`.
    #[must_use]
    pub fn group(self) -> &'static str {
        self.as_str().rsplit_once('.').map_or("", |(group, _)| group)
    }

    /// The types that a name, a group such as `customer.*`, or `*` stands for; no type for an unknown name.
    pub fn matching(name: &str) -> impl Iterator<Item = Self> {
        let group = name.strip_suffix(".*");
        let all = Self::ALL.iter().copied();
        all.filter(move |known| name == "*" || name == known.as_str() || group == Some(known.group()))
    }

    /// Every name that [`Self::matching`] knows: the types, `*`, and the groups.
    #[must_use]
    pub fn names_and_groups() -> Vec<String> {
        let groups: BTreeSet<String> = Self::ALL.iter().map(|known| format!("{}.*", known.group())).collect();
        let names = Self::ALL.iter().map(|known| known.as_str().to_owned());
        names.chain(["*".to_owned()]).chain(groups).collect()
    }
}

impl Subject {
    /// The subject whose ids begin with that prefix.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        let prefix = id.split_once('_')?.0;
        Self::ALL.iter().copied().find(|known| known.resource().prefix == prefix)
    }
}

macro_rules! error_codes {
    ($($name:ident = $wire:literal;)*) => {
        /// The `code` of an error, for programs to branch on. `http/error/` has its status and type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = concat!("`", $wire, "`")] $name,)*
        }
        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// The code of that name.
            #[must_use]
            pub fn from_wire(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }
        }
    };
}

error_codes! {
    AmountTooLarge = "amount_too_large";
    AmountTooSmall = "amount_too_small";
    ApiKeyExpired = "api_key_expired";
    AuthenticationRequired = "authentication_required";
    CardDeclined = "card_declined";
    CardNumberForbidden = "card_number_forbidden";
    ChargeAlreadyRefunded = "charge_already_refunded";
    EmailInvalid = "email_invalid";
    ExpiredCard = "expired_card";
    IdempotencyKeyInUse = "idempotency_key_in_use";
    IncorrectCvc = "incorrect_cvc";
    IncorrectNumber = "incorrect_number";
    InvalidCharacters = "invalid_characters";
    InvalidCvc = "invalid_cvc";
    InvalidExpiryMonth = "invalid_expiry_month";
    InvalidExpiryYear = "invalid_expiry_year";
    LimitReached = "limit_reached";
    LockTimeout = "lock_timeout";
    ParameterInvalid = "parameter_invalid";
    ParameterInvalidEmpty = "parameter_invalid_empty";
    ParameterInvalidInteger = "parameter_invalid_integer";
    ParameterMissing = "parameter_missing";
    ParameterUnknown = "parameter_unknown";
    ParametersExclusive = "parameters_exclusive";
    PaymentIntentAuthenticationFailure = "payment_intent_authentication_failure";
    PaymentIntentUnexpectedState = "payment_intent_unexpected_state";
    ProcessingError = "processing_error";
    RateLimit = "rate_limit";
    ResourceMissing = "resource_missing";
    SetupIntentAuthenticationFailure = "setup_intent_authentication_failure";
    SetupIntentUnexpectedState = "setup_intent_unexpected_state";
    UrlInvalid = "url_invalid";
}

macro_rules! attempt_errors {
    ($($name:ident = $wire:literal, $meaning:literal;)*) => {
        /// The class of a failed attempt. More may come, so clients must bear a class that they don't know.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AttemptError {
            $(#[doc = concat!("`", $wire, "`: ", $meaning)] $name,)*
        }
        impl AttemptError {
            /// Every class.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// Its meaning, for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

attempt_errors! {
    Connect = "connect", "no connection could be made: it was refused, or there is no way to the address";
    ConnectionLost = "connection_lost", "the connection ended before the head of an answer was complete";
    Dns = "dns", "the host's name has no address, or couldn't be looked up";
    ForbiddenAddress = "forbidden_address", "it leads to a private or reserved address, and wasn't called";
    ForbiddenPort = "forbidden_port", "its port is below 1024 and neither 80 nor 443, and wasn't called";
    Internal = "internal", "a defect or a shortage on our side";
    InvalidResponse = "invalid_response", "what came back is no answer of HTTP/1.1, or its head is too long";
    Status = "status", "it was answered, and not with 2xx";
    Timeout = "timeout",
        "its time was over before the head of an answer was there; the phases tell where it went";
    Tls = "tls", "the TLS handshake failed: the certificate, the protocol, or the connection ended within it";
    Url = "url", "the stored URL can't be called";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resources_are_exactly_those_of_the_contract() {
        let prefixes: Vec<_> = RESOURCES.iter().map(|resource| resource.prefix).collect();
        assert_eq!(
            prefixes,
            ["cus", "pm", "pi", "sub", "inv", "cs", "evt", "we", "rpl", "prod", "ch", "re", "seti"]
        );
    }

    #[test]
    fn every_event_type_reads_back_and_is_in_its_group() {
        for event_type in EventType::ALL {
            let name = event_type.as_str();
            assert_eq!(EventType::from_wire(name), Some(*event_type));
            let group: Vec<_> = EventType::matching(&format!("{}.*", event_type.group())).collect();
            assert!(group.contains(event_type), "{name}");
            assert!(group.iter().all(|known| known.group() == event_type.group()), "{name}");
        }
    }

    #[test]
    fn a_name_is_a_type_a_group_or_all() {
        let matching = |name: &str| EventType::matching(name).map(EventType::as_str).collect::<Vec<_>>();
        assert_eq!(matching("customer.created"), ["customer.created"]);
        assert_eq!(matching("customer.*"), ["customer.created", "customer.updated", "customer.deleted"]);
        assert_eq!(matching("*").len(), EventType::ALL.len());
        for unknown in ["", "customer", "cust*", "customer.cre*", ".*", "customer.subscription.*x"] {
            assert!(matching(unknown).is_empty(), "{unknown}");
        }
        for name in EventType::names_and_groups() {
            assert!(!matching(&name).is_empty(), "{name}");
        }
    }
}
