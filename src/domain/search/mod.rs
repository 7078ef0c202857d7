//! Search: a query becomes conditions, an object becomes a document of terms, and both spell terms alike.
//!
//! The language is Stripe's (<https://docs.stripe.com/search>): `language` reads it. Upper and lower
//! case are the same.

mod clause;
mod language;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::ParameterError;
pub use clause::{CLAUSES_MAX, QUERY_MAX, SUBSTRING_MIN, TextField};
use clause::{Clause, Test};

/// The longest term that is stored as it is, in bytes; of a longer one the digest. (An index takes 2,700.)
const TERM_MAX: usize = 200;

/// The letter of metadata.
const METADATA: &str = "m";

/// The tests that must hold at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Terms that the document has.
    pub all_of: Vec<String>,
    /// Terms that it doesn't have.
    pub none_of: Vec<String>,
    /// Texts that have this within them, in lower case.
    pub containing: Vec<(TextField, String)>,
    /// Texts that don't.
    pub lacking: Vec<(TextField, String)>,
    /// Seconds within which it was created.
    pub created: Range<u64>,
    /// Seconds within which it wasn't.
    pub not_created: Vec<Range<u64>>,
}

/// A query: its conditions, one of which is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Vec<Condition>);

impl Query {
    /// Reads a query of that account.
    pub fn parse(account: i64, text: &str) -> Result<Self, ParameterError> {
        let (clauses, any) = language::read(text)?;
        if any {
            return Ok(Self(clauses.into_iter().map(|clause| Condition::of(account, [clause])).collect()));
        }
        Ok(Self(vec![Condition::of(account, clauses)]))
    }

    /// Its conditions.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }
}

impl Condition {
    fn of(account: i64, clauses: impl IntoIterator<Item = Clause>) -> Self {
        let mut condition = Self {
            all_of: Vec::new(),
            none_of: Vec::new(),
            containing: Vec::new(),
            lacking: Vec::new(),
            created: 0..u64::MAX,
            not_created: Vec::new(),
        };
        for Clause { test, negated } in clauses {
            condition.add(account, test, negated);
        }
        condition
    }

    fn add(&mut self, account: i64, test: Test, negated: bool) {
        let terms = match test {
            Test::Is(field, value) => vec![term(account, field.letter(), "=", &lower(&value))],
            // There are terms for having it and for not having it, so that either is looked up.
            Test::IsNull(field) => {
                self.all_of.push(term(account, field.letter(), if negated { "?" } else { "0" }, ""));
                return;
            }
            Test::MetadataIs(key, value) => vec![metadata_term(account, &key, &value)],
            // There is no term for not having it: there are too many keys.
            Test::MetadataIsNull(key) => {
                let has = term(account, METADATA, "?", &key);
                if negated {
                    self.all_of.push(has);
                } else {
                    self.none_of.push(has);
                }
                return;
            }
            Test::Contains(field, value) => {
                let value = lower(&value);
                if negated {
                    self.lacking.push((field, value));
                    return;
                }
                let grams =
                    trigrams(&value).iter().map(|gram| term(account, field.letter(), "~", gram)).collect();
                self.containing.push((field, value));
                grams
            }
            Test::Created(seconds) => {
                if negated {
                    self.not_created.push(seconds);
                } else {
                    self.created = self.created.start.max(seconds.start)..self.created.end.min(seconds.end);
                }
                return;
            }
        };
        if negated { self.none_of.extend(terms) } else { self.all_of.extend(terms) }
    }
}

/// The document of a customer, which is kept for searching.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The name in lower case.
    pub name: Option<String>,
    /// The email address in lower case.
    pub email: Option<String>,
    /// The phone number in lower case.
    pub phone: Option<String>,
    /// The terms that it is found by.
    pub terms: Vec<String>,
}

#[derive(Deserialize)]
struct Searchable {
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    metadata: BTreeMap<String, String>,
}

impl Document {
    /// The document of a customer, as it is stored in the log.
    pub fn of(account: i64, customer: &str) -> Result<Self, serde_json::Error> {
        let Searchable { email, name, phone, metadata } = serde_json::from_str(customer)?;
        let mut terms = Vec::new();
        let mut text = |field: TextField, value: Option<String>| {
            let field = field.letter();
            let value = value.map(|value| lower(&value));
            match &value {
                Some(value) => {
                    terms.push(term(account, field, "?", ""));
                    terms.push(term(account, field, "=", value));
                    terms.extend(trigrams(value).iter().map(|gram| term(account, field, "~", gram)));
                }
                None => terms.push(term(account, field, "0", "")),
            }
            value
        };
        let (name, email) = (text(TextField::Name, name), text(TextField::Email, email));
        let phone = text(TextField::Phone, phone);
        for (key, value) in &metadata {
            terms.push(term(account, METADATA, "?", key));
            terms.push(metadata_term(account, key, value));
        }
        terms.sort_unstable();
        terms.dedup();
        Ok(Self { name, email, phone, terms })
    }
}

fn metadata_term(account: i64, key: &str, value: &str) -> String {
    // With the length of the key, so that no key and value look like others.
    term(account, METADATA, "=", &format!("{}:{key}{}", key.len(), lower(value)))
}

/// A term: whose it is, what it says of which field. Values are in lower case, keys of metadata as they are.
fn term(account: i64, field: &str, says: &str, value: &str) -> String {
    let term = format!("{account}{field}{says}{value}");
    if term.len() <= TERM_MAX {
        return term;
    }
    let digest = Sha256::digest(value.as_bytes());
    digest.iter().fold(format!("{account}{field}#{says}"), |text, byte| format!("{text}{byte:02x}"))
}

/// The text in lower case, each character for itself: a part of a text must be a part of it in lower case,
/// too, and a sigma at the end of a word would be another.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Every three characters that follow each other.
fn trigrams(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.windows(SUBSTRING_MIN).map(|gram| gram.iter().collect()).collect()
}

#[cfg(test)]
mod tests;
