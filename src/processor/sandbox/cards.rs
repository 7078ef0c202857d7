//! The test cards: their numbers, their names, and their behaviour.
//!
//! A card has each name twice, as `pm_card_…` and as `tok_…`. The numbers are published by the makers of
//! such cards; digits 6 to 8 of some are the country's number in ISO 3166.

use crate::processor::Decline;

/// A test card.
#[derive(Debug)]
pub(super) struct TestCard {
    /// Its names, without the prefix. The first one is kept.
    pub(super) names: &'static [&'static str],
    /// Its number. Cards with the number of one above them are made by name only.
    pub(super) number: &'static str,
    pub(super) brand: &'static str,
    pub(super) funding: &'static str,
    pub(super) country: &'static str,
    pub(super) behaviour: Behaviour,
}

/// The behaviour of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Everything is approved.
    Good,
    /// Everything is declined, attaching too.
    Declines(Reason),
    /// It can be attached, and then every charge is declined.
    AttachesThenDeclines(Reason),
    /// The buyer has to pass a challenge.
    Challenges(Challenge),
    /// The challenge can't be shown: everything that needs one is declined.
    ChallengeFails,
    /// The request or its answer goes a wrong way. Otherwise everything is approved.
    Faulty(Fault),
}

/// A reason to decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Generic,
    InsufficientFunds,
    LostCard,
    StolenCard,
    Velocity,
    Expired,
    IncorrectCvc,
    Processing,
}

/// The need of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Challenge {
    /// The charges without a buyer that do without one.
    pub(super) off_session: OffSession,
    /// The reason that charges are declined after it was passed.
    pub(super) then: Option<Reason>,
}

/// The charges without a buyer that do without a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OffSession {
    /// None.
    Never,
    /// Those after a challenge was passed once.
    OnceSetUp,
    /// All: the card counts as set up.
    Always,
}

/// A way for a request or its answer to get lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The answer takes three seconds.
    Slow,
    /// It is done, and never answered.
    LostAnswer,
    /// The connection ends before the request is seen.
    NeverArrives,
    /// A gateway answers with a page. Nothing is done.
    BadGateway,
    /// A gateway answers with a page. It is done.
    BadGatewayDone,
    /// It is done five seconds after the answer, and then told.
    NoticeLate,
    /// It is told twice.
    NoticeTwice,
}

impl Fault {
    /// True if nothing is done.
    pub(super) const fn is_before(self) -> bool {
        matches!(self, Self::NeverArrives | Self::BadGateway)
    }
}

impl Reason {
    /// The words of the protocol for it. A card that is checked on being attached names the wrong parameter.
    pub(super) fn decline(self, is_attaching: bool) -> Decline {
        let declined = |code: &str, decline_code: Option<&str>, advice: Option<&str>, param: Option<&str>| {
            let [decline_code, advice_code, param] =
                [decline_code, advice, param].map(|text| text.map(ToOwned::to_owned));
            Decline { code: code.to_owned(), decline_code, advice_code, param }
        };
        let (later, never) = (Some("try_again_later"), Some("do_not_try_again"));
        match self {
            Self::Generic => declined("card_declined", Some("generic_decline"), later, None),
            Self::InsufficientFunds => declined("card_declined", Some("insufficient_funds"), later, None),
            Self::LostCard => declined("card_declined", Some("lost_card"), never, None),
            Self::StolenCard => declined("card_declined", Some("stolen_card"), never, None),
            Self::Velocity => declined("card_declined", Some("card_velocity_exceeded"), later, None),
            Self::Expired if is_attaching => {
                declined("expired_card", Some("expired_card"), None, Some("exp_month"))
            }
            Self::Expired => declined("expired_card", None, None, None),
            Self::IncorrectCvc => {
                declined("incorrect_cvc", Some("incorrect_cvc"), Some("confirm_card_data"), Some("cvc"))
            }
            Self::Processing => declined("processing_error", Some("processing_error"), later, None),
        }
    }
}

const fn card(
    names: &'static [&'static str],
    number: &'static str,
    brand: &'static str,
    funding: &'static str,
    country: &'static str,
) -> TestCard {
    TestCard { names, number, brand, funding, country, behaviour: Behaviour::Good }
}

const fn visa(names: &'static [&'static str], number: &'static str, behaviour: Behaviour) -> TestCard {
    visa_of("US", names, number, behaviour)
}

const fn visa_of(
    country: &'static str,
    names: &'static [&'static str],
    number: &'static str,
    behaviour: Behaviour,
) -> TestCard {
    TestCard { names, number, brand: "visa", funding: "credit", country, behaviour }
}

const fn declines(names: &'static [&'static str], number: &'static str, reason: Reason) -> TestCard {
    visa(names, number, Behaviour::Declines(reason))
}

const fn attaches(names: &'static [&'static str], reason: Reason) -> TestCard {
    visa(names, "4000000000000341", Behaviour::AttachesThenDeclines(reason))
}

const fn challenges(off_session: OffSession, then: Option<Reason>) -> Behaviour {
    Behaviour::Challenges(Challenge { off_session, then })
}

const fn faulty(names: &'static [&'static str], fault: Fault) -> TestCard {
    visa(names, "4242424242424242", Behaviour::Faulty(fault))
}

/// The test cards.
pub(super) const CARDS: &[TestCard] = &[
    card(&["visa"], "4242424242424242", "visa", "credit", "US"),
    card(&["visa_debit"], "4000056655665556", "visa", "debit", "US"),
    card(&["mastercard"], "5555555555554444", "mastercard", "credit", "US"),
    card(&["mastercard_debit"], "5200828282828210", "mastercard", "debit", "US"),
    card(&["mastercard_prepaid"], "5105105105105100", "mastercard", "prepaid", "US"),
    card(&["amex"], "378282246310005", "amex", "credit", "US"),
    card(&["discover"], "6011111111111117", "discover", "credit", "US"),
    card(&["diners"], "3056930009020004", "diners", "credit", "US"),
    card(&["jcb"], "3566002020360505", "jcb", "credit", "JP"),
    card(&["unionpay"], "6200000000000005", "unionpay", "credit", "CN"),
    declines(&["chargeDeclined", "visa_chargeDeclined"], "4000000000000002", Reason::Generic),
    declines(
        &["visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"],
        "4000000000009995",
        Reason::InsufficientFunds,
    ),
    declines(
        &["visa_chargeDeclinedLostCard", "chargeDeclinedLostCard"],
        "4000000000009987",
        Reason::LostCard,
    ),
    declines(
        &["visa_chargeDeclinedStolenCard", "chargeDeclinedStolenCard"],
        "4000000000009979",
        Reason::StolenCard,
    ),
    declines(
        &["visa_chargeDeclinedVelocityLimitExceeded", "chargeDeclinedVelocityLimitExceeded"],
        "4000000000006975",
        Reason::Velocity,
    ),
    declines(
        &["chargeDeclinedExpiredCard", "visa_chargeDeclinedExpiredCard"],
        "4000000000000069",
        Reason::Expired,
    ),
    declines(
        &["chargeDeclinedIncorrectCvc", "visa_chargeDeclinedIncorrectCvc"],
        "4000000000000127",
        Reason::IncorrectCvc,
    ),
    declines(
        &["chargeDeclinedProcessingError", "visa_chargeDeclinedProcessingError"],
        "4000000000000119",
        Reason::Processing,
    ),
    attaches(&["chargeCustomerFail", "visa_chargeCustomerFail"], Reason::Generic),
    attaches(&["visa_chargeCustomerFailLostCard", "chargeCustomerFailLostCard"], Reason::LostCard),
    attaches(&["visa_chargeCustomerFailStolenCard", "chargeCustomerFailStolenCard"], Reason::StolenCard),
    visa_of("DE", &["authenticationRequired"], "4000002760003184", challenges(OffSession::Never, None)),
    visa_of(
        "FR",
        &["authenticationRequiredOnSetup"],
        "4000002500003155",
        challenges(OffSession::OnceSetUp, None),
    ),
    visa_of(
        "IT",
        &["authenticationRequiredSetupForOffSession"],
        "4000003800000446",
        challenges(OffSession::Always, None),
    ),
    visa_of(
        "GB",
        &["authenticationRequiredChargeDeclinedInsufficientFunds"],
        "4000008260003178",
        challenges(OffSession::Never, Some(Reason::InsufficientFunds)),
    ),
    visa(&["threeDSecure2Required"], "4000000000003220", challenges(OffSession::Never, None)),
    visa(
        &["threeDSecureRequiredChargeDeclined"],
        "4000008400001629",
        challenges(OffSession::Never, Some(Reason::Generic)),
    ),
    visa(&["threeDSecureRequiredProcessingError"], "4000008400001280", Behaviour::ChallengeFails),
    visa(&["threeDSecureOptional"], "4000000000003055", Behaviour::Good),
    faulty(&["slow"], Fault::Slow),
    faulty(&["lostAnswer"], Fault::LostAnswer),
    faulty(&["neverArrives"], Fault::NeverArrives),
    faulty(&["badGateway"], Fault::BadGateway),
    faulty(&["badGatewayDone"], Fault::BadGatewayDone),
    faulty(&["noticeLate"], Fault::NoticeLate),
    faulty(&["noticeTwice"], Fault::NoticeTwice),
];

impl TestCard {
    /// The name that is kept of it.
    pub(super) fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// The last four digits.
    pub(super) fn last4(&self) -> &'static str {
        self.number.get(self.number.len().saturating_sub(4)..).unwrap_or_default()
    }
}

/// The card that is kept under that name.
pub(super) fn kept_as(name: &str) -> Option<&'static TestCard> {
    CARDS.iter().find(|card| card.name() == name)
}

/// The card of that name, as a client says it.
pub(super) fn named(source: &str) -> Option<&'static TestCard> {
    let name = ["pm_card_", "tok_"].iter().find_map(|prefix| source.strip_prefix(prefix))?;
    CARDS.iter().find(|card| card.names.contains(&name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::processor::sandbox::number::passes_luhn;

    #[test]
    fn numbers_are_right_and_names_are_unique() {
        let mut names = HashSet::new();
        for card in CARDS {
            assert!(passes_luhn(card.number), "{card:?}");
            assert!(!card.name().is_empty() && card.last4().len() == 4, "{card:?}");
            for name in card.names {
                assert!(names.insert(name), "{name}");
            }
        }
    }

    /// PAYMENTS-WIRE's list, as clients send it.
    #[test]
    fn every_published_name_is_known_with_its_last_four_digits() {
        for (name, last4) in [
            ("visa", "4242"),
            ("visa_debit", "5556"),
            ("mastercard", "4444"),
            ("mastercard_debit", "8210"),
            ("mastercard_prepaid", "5100"),
            ("amex", "0005"),
            ("discover", "1117"),
            ("diners", "0004"),
            ("jcb", "0505"),
            ("unionpay", "0005"),
            ("visa_chargeDeclined", "0002"),
            ("chargeDeclined", "0002"),
            ("visa_chargeDeclinedInsufficientFunds", "9995"),
            ("visa_chargeDeclinedLostCard", "9987"),
            ("visa_chargeDeclinedStolenCard", "9979"),
            ("visa_chargeDeclinedVelocityLimitExceeded", "6975"),
            ("chargeDeclinedExpiredCard", "0069"),
            ("chargeDeclinedIncorrectCvc", "0127"),
            ("chargeDeclinedProcessingError", "0119"),
            ("chargeCustomerFail", "0341"),
            ("visa_chargeCustomerFailLostCard", "0341"),
            ("visa_chargeCustomerFailStolenCard", "0341"),
            ("authenticationRequired", "3184"),
            ("authenticationRequiredOnSetup", "3155"),
            ("authenticationRequiredSetupForOffSession", "0446"),
            ("authenticationRequiredChargeDeclinedInsufficientFunds", "3178"),
            ("threeDSecure2Required", "3220"),
            ("threeDSecureRequiredChargeDeclined", "1629"),
            ("threeDSecureRequiredProcessingError", "1280"),
            ("threeDSecureOptional", "3055"),
            ("slow", "4242"),
            ("lostAnswer", "4242"),
            ("neverArrives", "4242"),
            ("badGateway", "4242"),
            ("badGatewayDone", "4242"),
            ("noticeLate", "4242"),
            ("noticeTwice", "4242"),
        ] {
            for prefix in ["pm_card_", "tok_"] {
                let found = named(&format!("{prefix}{name}")).unwrap_or_else(|| panic!("{prefix}{name}"));
                assert_eq!(found.last4(), last4, "{name}");
                assert!(kept_as(found.name()).is_some_and(|kept| std::ptr::eq(kept, found)), "{name}");
            }
        }
        for unknown in ["visa", "pm_card_", "pm_card_nothing", "pm_card_radarBlock", "tok_", ""] {
            assert!(named(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn an_expired_card_names_its_date_only_where_it_is_attached() {
        let (attached, charged) = (Reason::Expired.decline(true), Reason::Expired.decline(false));
        assert_eq!((attached.param.as_deref(), charged.param), (Some("exp_month"), None));
        assert_eq!((attached.code.as_str(), charged.decline_code), ("expired_card", None));
    }
}
