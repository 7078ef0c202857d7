//! Checks of texts that several resources share. Lengths are in characters.

use utoipa::openapi::Object;

use super::patch::Patch;
use crate::domain::{ParameterError, Problem, schema};

/// The longest email address, as Stripe has it.
pub const EMAIL_MAX: usize = 512;
/// The longest text where nothing else is said, as Stripe has it.
pub const TEXT_MAX: usize = 5000;

/// Refuses a text of more than `max` characters.
pub fn check_length(param: &str, text: &str, max: usize) -> Result<(), ParameterError> {
    if text.chars().nth(max).is_some() {
        return Err(ParameterError::new(param, Problem::TooLong(max)));
    }
    Ok(())
}

/// Refuses a given text of more than `max` characters.
pub fn check_field(param: &str, field: &Patch<String>, max: usize) -> Result<(), ParameterError> {
    field.value().map_or(Ok(()), |text| check_length(param, text, max))
}

/// Refuses what can't be an email address: there must be one `@` with something before it, a domain
/// after it, and no white space or control character. Whether mail arrives is the only real test, so
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

/// The schema of a long text that can be unset.
pub(crate) fn long_schema() -> Object {
    schema::text(TEXT_MAX)
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
        assert_eq!(check_length("name", "äöü", 3), Ok(()));
        assert_eq!(check_length("name", "äöüß", 3), Err(ParameterError::new("name", Problem::TooLong(3))));
    }
}
