//! Texts with a bound. Lengths are in characters.

use std::borrow::Cow;
use std::ops::Deref;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::__dev::ComposeSchema;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema, Type};

use super::bound::Bound;
use crate::domain::{ParameterError, Problem, schema};

/// The longest email address, as Stripe has it.
pub const EMAIL_MAX: usize = 512;
/// The longest text where nothing else is said, as Stripe has it.
pub const TEXT_MAX: usize = 5000;

/// A text of at most `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.chars().nth(MAX) {
            None => Ok(Self(text)),
            Some(_) => Err(D::Error::invalid_length(text.chars().count(), &Bound::Characters(MAX))),
        }
    }
}

impl<const MAX: usize> ComposeSchema for Text<MAX> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX)).into()
    }
}

impl<const MAX: usize> ToSchema for Text<MAX> {
    fn name() -> Cow<'static, str> {
        format!("Text{MAX}").into()
    }
}

/// A text of Stripe's usual length.
pub type LongText = Text<TEXT_MAX>;

/// Refuses a text of more than `max` characters.
pub fn check_length(param: &str, text: &str, max: usize) -> Result<(), ParameterError> {
    if text.chars().nth(max).is_some() {
        return Err(ParameterError::new(param, Problem::TooLong(max)));
    }
    Ok(())
}

/// Refuses a text that can't be an email address: there must be one `@` with something before it, a
/// domain after it, and no white space or control character. The only real test is mail that arrives, so
/// this one is generous.
pub fn check_email(param: &str, email: &str) -> Result<(), ParameterError> {
    check_length(param, email, EMAIL_MAX)?;
    let plausible = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.split('.').all(|label| !label.is_empty())
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
    });
    if plausible { Ok(()) } else { Err(ParameterError::new(param, Problem::NotAnEmail)) }
}

/// The schema of an email address that can be unset.
pub(crate) fn email_schema() -> Object {
    schema::text(EMAIL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plausible_addresses_pass_and_others_do_not() {
        for email in ["a@b.co", "jörg@müller.example", "a+b@localhost", "\"x\"@y.z"] {
            assert_eq!(check_email("email", email), Ok(()), "{email}");
        }
        for email in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@.b", "a@b..c", "a@b\n"] {
            assert!(check_email("email", email).is_err(), "{email}");
        }
    }

    #[test]
    fn lengths_are_of_characters_not_of_bytes() {
        let read = serde_json::from_str::<Text<3>>;
        assert_eq!(&*read("\"äöü\"").expect("a text"), "äöü");
        assert!(read("\"äöüß\"").unwrap_err().to_string().contains("at most 3 characters"));
    }
}
