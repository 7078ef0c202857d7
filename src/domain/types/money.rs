//! Amounts of money, in a currency's smallest unit. No floats, and no arithmetic that overflows.

use std::borrow::Cow;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::contract::{self, CURRENCIES};
use crate::domain::{ParameterError, Problem};

/// A currency of the contract. Any case is read, lower case is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency(&'static contract::Currency);

impl Currency {
    /// The currency of a parameter.
    pub fn of_param(param: &str, text: &str) -> Result<Self, ParameterError> {
        text.parse().map_err(|()| ParameterError::new(param, Problem::NoSuchCurrency(text.to_owned())))
    }

    /// Its three lower-case letters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.0.code
    }

    /// Refuses an amount that can't be charged: less than the minimum, more than the maximum, or a
    /// fraction that the currency doesn't have.
    pub fn check_charge(self, param: &str, amount: i64) -> Result<(), ParameterError> {
        let contract::Currency { min, max, .. } = *self.0;
        let problem = if amount <= 0 {
            Problem::NotACharge
        } else if amount < min {
            Problem::AmountTooSmall(self.shown(min))
        } else if amount > max {
            Problem::AmountTooLarge(self.shown(max))
        } else {
            return self.check_step(param, amount);
        };
        Err(ParameterError::new(param, problem))
    }

    /// Refuses a part of a charge with a fraction that the currency doesn't have.
    pub fn check_step(self, param: &str, amount: i64) -> Result<(), ParameterError> {
        let step = self.0.step;
        if amount % step == 0 {
            return Ok(());
        }
        let reason = format!("amounts in {} are multiples of {step}", self.code());
        Err(ParameterError::new(param, Problem::Malformed(reason)))
    }

    /// An amount as people write it, in the smallest unit: `19.99` are 1999 cents. The text is exact, or it
    /// is refused, with the reason.
    pub fn read(self, text: &str) -> Result<i64, String> {
        let contract::Currency { code, decimals, .. } = *self.0;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || text.contains('.') && !are_digits(fraction) {
            return Err(format!("{text:?} is no amount; digits are expected, and a point, such as 19.99"));
        }
        let decimals = usize::from(decimals);
        if fraction.len() > decimals {
            return Err(format!("{text} has more than the {decimals} decimals of {code}"));
        }
        let digits = format!("{whole}{fraction:0<decimals$}");
        digits.parse().map_err(|_| format!("{text} is more than anybody can pay"))
    }

    /// An amount for people: `$0.50 usd`.
    #[must_use]
    pub fn shown(self, amount: i64) -> String {
        let contract::Currency { code, decimals, .. } = *self.0;
        let symbol = match code {
            "usd" => "$",
            "eur" => "€",
            "gbp" => "£",
            "jpy" => "¥",
            _ => "",
        };
        let decimals = usize::from(decimals);
        let digits = format!("{:0>width$}", amount.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let whole = grouped(whole);
        let point = if decimals == 0 { "" } else { "." };
        let sign = if amount < 0 { "-" } else { "" };
        format!("{sign}{symbol}{whole}{point}{fraction} {code}")
    }
}

/// Digits with a comma between thousands.
fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

impl FromStr for Currency {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = CURRENCIES.iter().find(|currency| currency.code.eq_ignore_ascii_case(text));
        known.map(Self).ok_or(())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| D::Error::custom("there is no such currency"))
    }
}

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z]{3}$")).into()
    }
}

impl ToSchema for Currency {
    fn name() -> Cow<'static, str> {
        "Currency".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("a currency")
    }

    #[test]
    fn amounts_are_shown_with_the_decimals_of_their_currency() {
        assert_eq!(currency("USD").shown(50), "$0.50 usd");
        assert_eq!(currency("usd").shown(99_999_999), "$999,999.99 usd");
        assert_eq!(currency("jpy").shown(50), "¥50 jpy");
        assert_eq!(currency("kwd").shown(-1_230), "-1.230 kwd");
        assert_eq!(currency("chf").shown(0), "0.00 chf");
    }

    #[test]
    fn amounts_of_people_are_read_exactly_or_not_at_all() {
        for (code, text, minor) in [
            ("usd", "19.99", 1999),
            ("usd", "19.9", 1990),
            ("usd", "19", 1900),
            ("usd", "0.07", 7),
            ("usd", "90071992547409.93", 9_007_199_254_740_993),
            ("jpy", "500", 500),
            ("kwd", "1.23", 1230),
        ] {
            assert_eq!(currency(code).read(text), Ok(minor), "{text}");
        }
        for (code, text) in [
            ("usd", ""),
            ("usd", "."),
            ("usd", "19."),
            ("usd", ".99"),
            ("usd", "-1"),
            ("usd", "+1"),
            ("usd", "1e3"),
            ("usd", "1,000.00"),
            ("usd", "1.2.3"),
            ("usd", " 1"),
            ("usd", "19.999"),
            ("usd", "١"),
            ("jpy", "1.0"),
            ("usd", "99999999999999999999"),
        ] {
            assert!(currency(code).read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_can_be_charged_is_within_the_bounds_and_a_whole_number_of_steps() {
        let problem = |code, amount| currency(code).check_charge("amount", amount).err().map(|e| e.problem);
        assert_eq!(problem("usd", 50), None);
        assert_eq!(problem("usd", 0), Some(Problem::NotACharge));
        assert_eq!(problem("usd", i64::MIN), Some(Problem::NotACharge));
        assert_eq!(problem("usd", 49), Some(Problem::AmountTooSmall("$0.50 usd".to_owned())));
        let max = Some(Problem::AmountTooLarge("$999,999.99 usd".to_owned()));
        assert_eq!(problem("usd", 100_000_000), max);
        assert_eq!(problem("usd", i64::MAX), max);
        assert!(matches!(problem("kwd", 1_231), Some(Problem::Malformed(_))));
        assert!(matches!(problem("isk", 150), Some(Problem::Malformed(_))));
        assert_eq!("zzz".parse::<Currency>(), Err(()));
    }
}
