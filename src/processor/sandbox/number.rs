//! Card numbers, on their way to nowhere: a number is compared with the published ones and wiped.

use serde::Deserialize;
use zeroize::Zeroizing;

/// The number of a card. It can't be printed, copied or written down, and its memory is wiped.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct CardNumber(Zeroizing<String>);

/// The source of a new method. The same as [`crate::processor::NewMethod`] on the wire.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// The name of a test card: `pm_card_visa`, `tok_visa`.
    Source(String),
    /// The numbers of a card.
    Card(Numbers),
}

/// The numbers of a card.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Numbers {
    pub(super) number: CardNumber,
    pub(super) exp_month: i64,
    pub(super) exp_year: i64,
    #[serde(default)]
    pub(super) cvc: Option<Zeroizing<String>>,
}

/// The digits of a number that passes the check of its last digit.
pub(super) struct Digits(Zeroizing<String>);

impl CardNumber {
    /// Its digits; `None` if it can't be the number of a card. Blanks and hyphens don't count.
    pub(super) fn digits(&self) -> Option<Digits> {
        // As long as the number, so that it never moves.
        let mut digits = Zeroizing::new(String::with_capacity(self.0.len()));
        digits.extend(self.0.chars().filter(|c| ![' ', '-'].contains(c)));
        let is_number = (13..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && passes_luhn(&digits)).then_some(Digits(digits))
    }
}

impl Digits {
    /// True if this is that number.
    pub(super) fn is(&self, number: &str) -> bool {
        *self.0 == number
    }
}

/// True if the last of these digits is the check digit of the others (ISO/IEC 7812-1, annex B).
pub(super) fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(byte, is_doubled)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            if is_doubled { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::{CardSource, NewMethod};

    fn number(text: &str) -> CardNumber {
        CardNumber(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn a_wrong_digit_is_noticed() {
        for good in ["4242424242424242", "4242 4242-4242 4242", "378282246310005", "6205500000000000004"] {
            assert!(number(good).digits().is_some(), "{good}");
        }
        for wrong in ["4242424242424241", "424242424242", "", "4242a42424242424", "42424242424242424242"] {
            assert!(number(wrong).digits().is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_source_is_read_as_the_protocol_writes_it() {
        let number = "4242424242424242".to_owned();
        let sent = NewMethod::Card(CardSource::new(number, (12, 2034), Some("123".to_owned()))).into_body();
        let read = serde_json::from_slice(&sent).expect("the same protocol");
        let Source::Card(read) = read else { panic!("a card") };
        assert!(read.number.digits().is_some_and(|digits| digits.is("4242424242424242")));
        assert_eq!((read.exp_month, read.exp_year), (12, 2034));
        let sent = NewMethod::Source("pm_card_visa".to_owned()).into_body();
        assert!(matches!(serde_json::from_slice(&sent), Ok(Source::Source(name)) if name == "pm_card_visa"));
    }
}
