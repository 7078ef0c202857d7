//! New methods: the checks of a card's numbers, and the description that is kept.

use hmac::Mac as _;

use super::cards::{CARDS, TestCard};
use super::number::Numbers;
use crate::clock::Timestamp;
use crate::processor::{Card, Decline, Method};
use crate::secret::keyed;

/// The furthest year of a card's end, counted from now.
const YEARS_AHEAD: i64 = 50;
/// The year, counted from now, and the month in which cards that were made by name end.
const YEARS_OF_NAMED: i64 = 3;
const MONTH_OF_NAMED: i64 = 12;

/// A method, as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) token: String,
    pub(super) card: &'static TestCard,
    pub(super) exp_month: i16,
    pub(super) exp_year: i16,
    pub(super) cvc_check: Option<String>,
    pub(super) fingerprint: String,
    /// True once its holder has passed a challenge.
    pub(super) set_up: bool,
}

impl Kept {
    /// The method in the words of the protocol.
    pub(super) fn method(&self) -> Method {
        Method {
            token: self.token.clone(),
            card: Card {
                brand: self.card.brand.to_owned(),
                last4: self.card.last4().to_owned(),
                exp_month: self.exp_month.into(),
                exp_year: self.exp_year.into(),
                funding: self.card.funding.to_owned(),
                country: Some(self.card.country.to_owned()),
                fingerprint: self.fingerprint.clone(),
                three_d_secure: true,
                cvc_check: self.cvc_check.clone(),
            },
        }
    }
}

/// A card that was chosen by its name.
pub(super) fn by_name(card: &'static TestCard, token: String, fingerprints: &[u8], now: Timestamp) -> Kept {
    Kept {
        token,
        card,
        exp_month: short(MONTH_OF_NAMED),
        exp_year: short(month_of(now).0 + YEARS_OF_NAMED),
        cvc_check: Some("unchecked".to_owned()),
        fingerprint: fingerprint(fingerprints, card.number),
        set_up: false,
    }
}

/// A card whose numbers were given. Refusals name the wrong one, and show nothing of it.
pub(super) fn by_numbers(
    numbers: &Numbers,
    token: String,
    fingerprints: &[u8],
    now: Timestamp,
) -> Result<Kept, Decline> {
    let Some(digits) = numbers.number.digits() else { return Err(wrong("incorrect_number", "number")) };
    let (year, month) = month_of(now);
    if !(1..=12).contains(&numbers.exp_month) || (numbers.exp_year == year && numbers.exp_month < month) {
        return Err(wrong("invalid_expiry_month", "exp_month"));
    }
    if !(year..=year + YEARS_AHEAD).contains(&numbers.exp_year) {
        return Err(wrong("invalid_expiry_year", "exp_year"));
    }
    if numbers.cvc.as_ref().is_some_and(|cvc| !is_cvc(cvc)) {
        return Err(wrong("invalid_cvc", "cvc"));
    }
    let Some(card) = CARDS.iter().find(|card| digits.is(card.number)) else {
        let decline_code = Some("test_mode_live_card".to_owned());
        return Err(Decline { decline_code, ..wrong("card_declined", "number") });
    };
    Ok(Kept {
        token,
        card,
        exp_month: short(numbers.exp_month),
        exp_year: short(numbers.exp_year),
        cvc_check: numbers.cvc.as_ref().map(|_| "unchecked".to_owned()),
        fingerprint: fingerprint(fingerprints, card.number),
        set_up: false,
    })
}

/// A number that its range keeps small.
fn short(number: i64) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

fn is_cvc(cvc: &str) -> bool {
    (3..=4).contains(&cvc.len()) && cvc.bytes().all(|byte| byte.is_ascii_digit())
}

fn wrong(code: &str, param: &str) -> Decline {
    Decline {
        code: code.to_owned(),
        decline_code: None,
        advice_code: Some("confirm_card_data".to_owned()),
        param: Some(param.to_owned()),
    }
}

/// The year and the month of an instant, in UTC.
fn month_of(now: Timestamp) -> (i64, i64) {
    let text = now.rfc3339();
    let mut parts = text.split('-').map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// 16 hexadecimal digits that are equal for equal numbers in one database.
fn fingerprint(key: &[u8], number: &str) -> String {
    let mut mac = keyed(key);
    mac.update(number.as_bytes());
    let half =
        mac.finalize().into_bytes().iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    format!("{half:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// November 2026.
    const NOW: Timestamp = Timestamp::from_seconds(1_795_845_600);

    fn made(number: &str, exp_month: i64, exp_year: i64, cvc: Option<&str>) -> Result<Kept, Decline> {
        let json = serde_json::json!({
            "number": number, "exp_month": exp_month, "exp_year": exp_year, "cvc": cvc
        });
        let numbers = serde_json::from_value(json).expect("numbers");
        by_numbers(&numbers, "card_1".to_owned(), b"key", NOW)
    }

    #[test]
    fn what_is_wrong_with_a_card_is_named() {
        for (number, month, year, cvc, code, param) in [
            ("4242424242424241", 12, 2034, None, "incorrect_number", "number"),
            ("4242", 12, 2034, None, "incorrect_number", "number"),
            ("4242424242424242", 13, 2034, None, "invalid_expiry_month", "exp_month"),
            ("4242424242424242", 0, 2034, None, "invalid_expiry_month", "exp_month"),
            ("4242424242424242", 10, 2026, None, "invalid_expiry_month", "exp_month"),
            ("4242424242424242", 12, 2025, None, "invalid_expiry_year", "exp_year"),
            ("4242424242424242", 12, 34, None, "invalid_expiry_year", "exp_year"),
            ("4242424242424242", 12, 2077, None, "invalid_expiry_year", "exp_year"),
            ("4242424242424242", 12, 2034, Some("99"), "invalid_cvc", "cvc"),
            ("4242424242424242", 12, 2034, Some("12a"), "invalid_cvc", "cvc"),
            ("4111111111111111", 12, 2034, Some("123"), "card_declined", "number"),
            ("4100000000000019", 12, 2034, Some("123"), "card_declined", "number"),
        ] {
            let decline = made(number, month, year, cvc).expect_err(number);
            assert_eq!((decline.code.as_str(), decline.param.as_deref()), (code, Some(param)), "{number}");
        }
    }

    #[test]
    fn a_card_ends_with_its_month() {
        assert!(made("4242424242424242", 11, 2026, Some("123")).is_ok());
        let kept = made("5555 5555 5555 4444", 1, 2027, None).expect("a card");
        let card = kept.method().card;
        assert_eq!((card.brand.as_str(), card.last4.as_str(), card.cvc_check), ("mastercard", "4444", None));
    }

    #[test]
    fn fingerprints_are_of_numbers_and_of_one_key() {
        let one = made("4242424242424242", 12, 2034, None).expect("a card").fingerprint;
        let again = made("4242 4242 4242 4242", 1, 2035, Some("123")).expect("a card").fingerprint;
        let other = made("5555555555554444", 12, 2034, None).expect("a card").fingerprint;
        let visa = super::super::cards::named("pm_card_visa").expect("a card");
        assert_eq!((one.len(), &one), (16, &again));
        assert_ne!(one, other);
        assert_eq!(by_name(visa, String::new(), b"key", NOW).fingerprint, one);
        assert_ne!(by_name(visa, String::new(), b"other", NOW).fingerprint, one);
    }
}
