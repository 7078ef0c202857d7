//! Parameters as a tree, from any spelling.

use crate::card_number::CardNumbers;
use crate::domain::{ParameterError, Problem};

/// The most parameters at one level of a query, a form or JSON.
pub(super) const PARAMETERS_MAX: usize = 1_000;

/// The most card numbers that are looked for: more than any route takes.
const CARD_NUMBERS_MAX: usize = 8;

/// Parameters before they have types. A list spelled with numbers in brackets is a map until a type asks for
/// a list, and one spelled as a name that is given several times is several values until then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is no 64-bit integer.
    OtherNumber(serde_json::Number),
    /// A text of JSON.
    Text(String),
    /// The values that a form or a query gives under one name, once or several times.
    Given(Vec<String>),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Takes a parameter out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Self> {
        let Self::Map(entries) = self else { return None };
        let at = entries.iter().position(|(known, _)| known == name)?;
        Some(entries.remove(at).1)
    }

    /// Refuses a parameter that is given without a value. In a body that unsets a field; to read with, it
    /// would ask for everything where something was meant, as a script does whose variable is empty.
    pub(crate) fn refuse_empty(&self) -> Result<(), ParameterError> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .try_for_each(|(name, value)| value.refuse_empty().map_err(|error| error.within(name))),
            Self::List(values) if values.is_empty() => Err(ParameterError::new("", Problem::Empty)),
            Self::List(values) => values.iter().enumerate().try_for_each(|(index, value)| {
                value.refuse_empty().map_err(|error| error.within(&index.to_string()))
            }),
            Self::Given(values) if values.iter().any(String::is_empty) => {
                Err(ParameterError::new("", Problem::Empty))
            }
            value if value.is_unset() => Err(ParameterError::new("", Problem::Empty)),
            _ => Ok(()),
        }
    }

    /// A refusal of each parameter whose name or value holds a card number, up to a few. A name that holds
    /// one isn't told.
    pub(crate) fn card_numbers(&self, numbers: CardNumbers) -> Vec<ParameterError> {
        let mut found = Vec::new();
        match self {
            Self::Map(entries) => {
                for (name, value) in entries {
                    if found.len() >= CARD_NUMBERS_MAX {
                        break;
                    }
                    if numbers.refuse(name) {
                        found.push(ParameterError::new("", Problem::CardNumber));
                    } else {
                        found.extend(value.card_numbers(numbers).into_iter().map(|error| error.within(name)));
                    }
                }
            }
            Self::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    if found.len() >= CARD_NUMBERS_MAX {
                        break;
                    }
                    let index = |error: ParameterError| error.within(&index.to_string());
                    found.extend(value.card_numbers(numbers).into_iter().map(index));
                }
            }
            value if value.holds_card_number(numbers) => {
                found.push(ParameterError::new("", Problem::CardNumber));
            }
            _ => {}
        }
        found
    }

    /// True for a single value that holds the number of a card.
    fn holds_card_number(&self, numbers: CardNumbers) -> bool {
        match self {
            Self::Text(text) => numbers.refuse(text),
            Self::Given(values) => values.iter().any(|value| numbers.refuse(value)),
            Self::Integer(value) => numbers.refuse_integer(*value),
            // A number of more than 64 bits begins as no card does. Nothing of it is kept.
            Self::OtherNumber(_) | Self::Null | Self::Bool(_) | Self::List(_) | Self::Map(_) => false,
        }
    }

    /// True for null and for the empty text, which unset a field.
    pub(super) fn is_unset(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Given(values) => matches!(values.as_slice(), [value] if value.is_empty()),
            _ => false,
        }
    }
}

/// The whole number of a text, in its one spelling: no `+`, no zeros before it, no blanks.
pub(crate) fn integer(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}
