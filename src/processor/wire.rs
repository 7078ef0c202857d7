//! The protocol's messages. Amounts are integers in the currency's smallest unit; currencies are three
//! lower-case letters; times are RFC 3339.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

pub use crate::domain::types::decline::Decline;

/// A request to perform an operation, at `POST /v1/operations`. Its key is in the contract between the two:
/// the same key with the same parameters gets the same answer as before, with others it is refused (409).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// Hold an amount, or take it at once.
    Authorize(Authorize),
    /// Take the held amount, or a part of it. The rest is released.
    Capture(Capture),
    /// Release the held amount, or see to it that an operation can't be performed any more.
    Void(Void),
    /// Give back the taken amount, or a part of it.
    Refund(Refund),
    /// Check a method without money, so that it can be used later.
    Attach(Attach),
}

/// Hold an amount, or take it at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorize {
    /// The operation's key: the id of the object that it is for, a dot, and the attempt's number: `pi_….1`.
    pub key: String,
    /// The token of the method.
    pub method: String,
    /// The amount.
    pub amount: i64,
    /// Its currency.
    pub currency: String,
    /// True to take the amount at once: an authorisation and a capture in one.
    pub capture: bool,
    /// True when the buyer isn't there to answer a challenge.
    pub off_session: bool,
    /// The page that the buyer comes back to after a challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
}

/// Take the held amount, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// The operation's key.
    pub key: String,
    /// The reference of the authorisation.
    pub reference: String,
    /// The amount, at most the held one.
    pub amount: i64,
}

/// Release the held amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Void {
    /// The operation's key.
    pub key: String,
    /// The authorisation, or the operation that may not have arrived.
    #[serde(flatten)]
    pub of: Voided,
}

/// The thing that is voided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voided {
    /// An authorisation, by its reference.
    Reference(String),
    /// An operation, by its key. One that was performed is undone. One that was never seen is refused from
    /// now on, for ever: the outcome is [`Outcome::Never`].
    OfKey(String),
}

/// Give back the taken amount, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// The operation's key.
    pub key: String,
    /// The reference of the authorisation.
    pub reference: String,
    /// The amount, at most the one that was taken and not given back.
    pub amount: i64,
}

/// Check a method without money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// The operation's key: of a setup intent, or of a payment method.
    pub key: String,
    /// The token of the method.
    pub method: String,
    /// True when a buyer is there and may be asked to pass a challenge.
    pub on_session: bool,
    /// The page that the buyer comes back to after a challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
}

impl Request {
    /// The operation's key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Authorize(Authorize { key, .. })
            | Self::Capture(Capture { key, .. })
            | Self::Void(Void { key, .. })
            | Self::Refund(Refund { key, .. })
            | Self::Attach(Attach { key, .. }) => key,
        }
    }
}

/// The processor's word about an operation: the answer to a request, to an inquiry
/// (`GET /v1/operations/{key}`), and the subject of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its key.
    pub key: String,
    /// The processor's own name of the authorisation that it is or belongs to; `None` where there is none.
    pub reference: Option<String>,
    /// The outcome.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The outcome of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was performed.
    Approved {
        /// The amount that moved or is held; 0 for an [`Attach`].
        amount: i64,
    },
    /// It was refused by the issuer of the card, or by a rule of the processor.
    Declined {
        /// The reason.
        decline: Decline,
    },
    /// The buyer has to pass a challenge first.
    ActionRequired {
        /// The page of the challenge.
        url: String,
    },
    /// The processor works on it. A notice tells when it is done.
    Pending,
    /// It was voided before it was seen, and is refused for ever.
    Never,
}

/// A new method, at `POST /v1/methods`. It can be read from JSON; only [`NewMethod::into_body`] writes it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewMethod {
    /// A token of the processor's own page, or a name that a sandbox knows: `tok_visa`, `pm_card_visa`.
    Source(String),
    /// The numbers of a card. Only a sandbox takes them, and only published test numbers.
    Card(CardSource),
}

/// The numbers of a card, on their way to a sandbox. They can't be printed, copied or serialised, and
/// nothing of them is left in memory when they are dropped.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardSource {
    /// The number, 13 to 19 digits.
    pub number: String,
    /// 1 to 12.
    pub exp_month: i64,
    /// Four digits.
    pub exp_year: i64,
    /// The code on the back.
    #[serde(default)]
    pub cvc: Option<String>,
}

impl CardSource {
    /// The numbers of a card.
    #[must_use]
    pub const fn new(number: String, (exp_month, exp_year): (i64, i64), cvc: Option<String>) -> Self {
        Self { number, exp_month, exp_year, cvc }
    }
}

impl Drop for CardSource {
    fn drop(&mut self) {
        self.number.zeroize();
        self.cvc.zeroize();
    }
}

/// The room for a new method's JSON: a vector that grew would leave copies behind.
const NEW_METHOD_MAX: usize = 1_024;

impl NewMethod {
    /// The JSON that is sent. It is the only way in which a card's numbers leave the process.
    #[must_use]
    pub fn into_body(self) -> Zeroizing<Vec<u8>> {
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Sent<'a> {
            Source(&'a str),
            Card(Numbers<'a>),
        }
        #[derive(Serialize)]
        struct Numbers<'a> {
            number: &'a str,
            exp_month: i64,
            exp_year: i64,
            #[serde(skip_serializing_if = "Option::is_none")]
            cvc: Option<&'a str>,
        }
        let sent = match &self {
            Self::Source(name) => Sent::Source(name),
            Self::Card(CardSource { number, exp_month, exp_year, cvc }) => Sent::Card(Numbers {
                number,
                exp_month: *exp_month,
                exp_year: *exp_year,
                cvc: cvc.as_deref(),
            }),
        };
        let mut body = Zeroizing::new(Vec::with_capacity(NEW_METHOD_MAX));
        // Texts and integers are always JSON, and a vector takes every byte.
        let _ = serde_json::to_writer(&mut *body, &sent);
        body
    }
}

/// A method, as the processor describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// The token that stands for it in every operation.
    pub token: String,
    /// The card.
    pub card: Card,
}

/// A card, without the parts that must not be known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// `visa`, `mastercard`, `amex`, `discover`, `diners`, `jcb`, `unionpay` or `unknown`.
    pub brand: String,
    /// The last four digits.
    pub last4: String,
    /// 1 to 12.
    pub exp_month: i64,
    /// Four digits.
    pub exp_year: i64,
    /// `credit`, `debit`, `prepaid` or `unknown`.
    pub funding: String,
    /// The issuer's country, two capital letters; `None` if it isn't known.
    pub country: Option<String>,
    /// Equal for equal numbers, and made of nothing that tells the number.
    pub fingerprint: String,
    /// True where the issuer can ask for a challenge.
    pub three_d_secure: bool,
    /// The check of the code: `pass`, `fail`, `unavailable` or `unchecked`; `None` where no code was given.
    pub cvc_check: Option<String>,
}

/// The abilities of a processor, at `GET /v1/capabilities`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The version of the protocol: 1.
    pub protocol: u32,
    /// The processor's name, for people.
    pub name: String,
    /// True for a sandbox: no money moves, and test names and numbers are taken.
    pub sandbox: bool,
    /// For how long a key protects, in seconds. After that it must not be sent again.
    pub key_seconds: u64,
    /// For how long an amount is held, in seconds.
    pub hold_seconds: u64,
}

/// The body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The reason.
    pub error: Reason,
    /// The decline, where a new method's card is refused (402).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
}

/// The reason for an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The code: `invalid`, `no_such_method`, `no_such_reference`, `no_such_source`, `key_conflict`,
    /// `never_seen`, `card_error`, `unauthorized`.
    pub code: String,
    /// A sentence for people, without the number of any card.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Implemented twice for a type that has the trait in question, so that naming it then doesn't compile.
    macro_rules! lacks {
        ($checked:ty, $unwanted:path) => {{
            trait Lacks<A> {
                const HOLDS: bool = true;
            }
            impl<T: ?Sized> Lacks<()> for T {}
            struct Unwanted;
            impl<T: ?Sized + $unwanted> Lacks<Unwanted> for T {}
            <$checked as Lacks<_>>::HOLDS
        }};
    }

    #[test]
    fn the_numbers_of_a_card_can_not_be_printed_copied_or_serialised() {
        assert!(lacks!(CardSource, std::fmt::Debug) && lacks!(NewMethod, std::fmt::Debug));
        assert!(lacks!(CardSource, Clone) && lacks!(NewMethod, Clone));
        assert!(lacks!(CardSource, Serialize) && lacks!(NewMethod, Serialize));
    }

    #[test]
    fn a_new_method_is_sent_as_it_is_read() {
        let read = |json: &str| serde_json::from_str::<NewMethod>(json);
        for json in [
            r#"{"source":"pm_card_visa"}"#,
            r#"{"card":{"number":"4242424242424242","exp_month":12,"exp_year":2034,"cvc":"123"}}"#,
            r#"{"card":{"number":"4242424242424242","exp_month":12,"exp_year":2034}}"#,
        ] {
            let body = read(json).ok().map(NewMethod::into_body);
            assert_eq!(body.as_ref().map(|body| body.as_slice()), Some(json.as_bytes()));
        }
        assert!(read(r#"{"card":{"number":"4","exp_month":1,"exp_year":2034,"name":"x"}}"#).is_err());
        assert!(read(r#"{"source":"a","card":{"number":"4","exp_month":1,"exp_year":2034}}"#).is_err());
    }

    #[test]
    fn a_request_refuses_what_it_does_not_know() {
        let read = |json: &str| serde_json::from_str::<Request>(json);
        let void = r#"{"kind":"void","key":"k","of_key":"o"}"#;
        assert!(
            read(void).is_ok_and(|request| serde_json::to_string(&request).is_ok_and(|sent| sent == void))
        );
        for wrong in [
            r#"{"kind":"void","key":"k"}"#,
            r#"{"kind":"void","key":"k","of_key":"o","reference":"r"}"#,
            r#"{"kind":"void","key":"k","of_key":"o","amount":1}"#,
            r#"{"kind":"capture","key":"k","reference":"r","amount":1,"currency":"usd"}"#,
            r#"{"kind":"capture","key":"k","reference":"r","amount":1.5}"#,
            r#"{"kind":"capture","key":"k","reference":"r"}"#,
            r#"{"kind":"inquire","key":"k"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
