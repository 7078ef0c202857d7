//! Bounds that a type has, said by its deserializer and read by the code that reports the error.

use std::fmt;

use serde::de::Expected;

use crate::domain::Problem;

const CHARACTERS: &str = "characters";
const ENTRIES: &str = "entries";

/// The most of something that a value may have. As an expectation it goes through any deserializer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Characters of a text.
    Characters(usize),
    /// Entries of a list.
    Entries(usize),
}

impl Expected for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Characters(max) => write!(formatter, "at most {max} {CHARACTERS}"),
            Self::Entries(max) => write!(formatter, "at most {max} {ENTRIES}"),
        }
    }
}

impl Bound {
    /// The bound that an expectation states, if it is one.
    pub fn stated_by(expected: &dyn Expected) -> Option<Self> {
        let text = expected.to_string();
        let (max, of) = text.strip_prefix("at most ")?.split_once(' ')?;
        let max = max.parse().ok()?;
        match of {
            CHARACTERS => Some(Self::Characters(max)),
            ENTRIES => Some(Self::Entries(max)),
            _ => None,
        }
    }

    /// The problem of a value that has more.
    #[must_use]
    pub const fn problem(self) -> Problem {
        match self {
            Self::Characters(max) => Problem::TooLong(max),
            Self::Entries(max) => Problem::TooMany(max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_reads_back() {
        for bound in [Bound::Characters(5), Bound::Entries(0)] {
            assert_eq!(Bound::stated_by(&bound), Some(bound));
        }
        assert_eq!(Bound::stated_by(&"at most 5 apples"), None);
    }
}
