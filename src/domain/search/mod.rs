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
pub use clause::{CLAUSES_MAX, QUERY_MAX, SUBSTRING_MIN, Searched, TextField, WordField};
use clause::{Clause, Test};

/// The longest term that is stored as it is, in bytes; of a longer one the digest. (An index takes 2,700.)
const TERM_MAX: usize = 200;

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
    /// The amounts that it may have.
    pub amount: Range<i64>,
    /// Amounts that it doesn't have.
    pub not_amount: Vec<Range<i64>>,
}

/// A query: its conditions, one of which is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Vec<Condition>);

impl Query {
    /// Reads a query of that account.
    pub fn parse(searched: Searched, account: i64, text: &str) -> Result<Self, ParameterError> {
        let (clauses, any) = language::read(searched, text)?;
        let terms = Terms { account, searched };
        if any {
            return Ok(Self(clauses.into_iter().map(|clause| Condition::of(terms, [clause])).collect()));
        }
        Ok(Self(vec![Condition::of(terms, clauses)]))
    }

    /// Its conditions.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }
}

impl Condition {
    fn of(terms: Terms, clauses: impl IntoIterator<Item = Clause>) -> Self {
        let mut condition = Self {
            all_of: Vec::new(),
            none_of: Vec::new(),
            containing: Vec::new(),
            lacking: Vec::new(),
            created: 0..u64::MAX,
            not_created: Vec::new(),
            amount: i64::MIN..i64::MAX,
            not_amount: Vec::new(),
        };
        for Clause { test, negated } in clauses {
            condition.add(terms, test, negated);
        }
        condition
    }

    fn add(&mut self, terms: Terms, test: Test, negated: bool) {
        let found = match test {
            Test::Is(field, value) => vec![terms.term(field.letter(), "=", &lower(&value))],
            Test::WordIs(field, value) => vec![terms.term(field.letter(), "=", &lower(&value))],
            // There are terms for having it and for not having it, so that either is looked up.
            Test::IsNull(field) => return self.add_presence(terms, field.letter(), negated),
            Test::WordIsNull(field) => return self.add_presence(terms, field.letter(), negated),
            Test::MetadataIs(key, value) => vec![terms.of_metadata(&key, &value)],
            // There is no term for not having it: there are too many keys.
            Test::MetadataIsNull(key) => {
                let has = terms.has_metadata(&key);
                let known = if negated { &mut self.all_of } else { &mut self.none_of };
                known.push(has);
                return;
            }
            Test::Contains(field, value) => {
                let value = lower(&value);
                if negated {
                    self.lacking.push((field, value));
                    return;
                }
                let grams =
                    trigrams(&value).iter().map(|gram| terms.term(field.letter(), "~", gram)).collect();
                self.containing.push((field, value));
                grams
            }
            Test::Created(seconds) if negated => return self.not_created.push(seconds),
            Test::Created(seconds) => return self.created = common(&self.created, &seconds),
            Test::Amount(amounts) if negated => return self.not_amount.push(amounts),
            Test::Amount(amounts) => return self.amount = common(&self.amount, &amounts),
        };
        if negated { self.none_of.extend(found) } else { self.all_of.extend(found) }
    }

    fn add_presence(&mut self, terms: Terms, letter: &str, is_there: bool) {
        self.all_of.push(terms.term(letter, if is_there { "?" } else { "0" }, ""));
    }
}

/// The part that two ranges have in common.
fn common<N: Ord + Copy>(one: &Range<N>, other: &Range<N>) -> Range<N> {
    one.start.max(other.start)..one.end.min(other.end)
}

/// The document of an object, which is kept for searching.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// A customer's name in lower case.
    pub name: Option<String>,
    /// A customer's email address in lower case.
    pub email: Option<String>,
    /// A customer's phone number in lower case.
    pub phone: Option<String>,
    /// A payment intent's amount.
    pub amount: Option<i64>,
    /// The terms that it is found by.
    pub terms: Vec<String>,
}

#[derive(Deserialize)]
struct SearchableCustomer {
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct SearchableIntent {
    amount: i64,
    currency: String,
    customer: Option<String>,
    status: String,
    metadata: BTreeMap<String, String>,
}

impl Document {
    /// The document of an object, as it is stored in the log.
    pub fn of(searched: Searched, account: i64, object: &str) -> Result<Self, serde_json::Error> {
        let terms = Terms { account, searched };
        let mut document = match searched {
            Searched::Customers => Self::of_customer(terms, serde_json::from_str(object)?),
            Searched::PaymentIntents => Self::of_intent(terms, serde_json::from_str(object)?),
        };
        document.terms.sort_unstable();
        document.terms.dedup();
        Ok(document)
    }

    fn of_customer(terms: Terms, customer: SearchableCustomer) -> Self {
        let SearchableCustomer { email, name, phone, metadata } = customer;
        let mut found = terms.of_all_metadata(&metadata);
        let mut text = |field: TextField, value: Option<String>| {
            let value = value.map(|value| lower(&value));
            found.extend(terms.of_word(field.letter(), value.as_deref()));
            let grams = value.as_deref().map(trigrams).unwrap_or_default();
            found.extend(grams.iter().map(|gram| terms.term(field.letter(), "~", gram)));
            value
        };
        let (name, email) = (text(TextField::Name, name), text(TextField::Email, email));
        let phone = text(TextField::Phone, phone);
        Self { name, email, phone, amount: None, terms: found }
    }

    fn of_intent(terms: Terms, intent: SearchableIntent) -> Self {
        let SearchableIntent { amount, currency, customer, status, metadata } = intent;
        let mut found = terms.of_all_metadata(&metadata);
        let words = [
            (WordField::Currency, Some(currency)),
            (WordField::Customer, customer),
            (WordField::Status, Some(status)),
        ];
        for (field, value) in words {
            found.extend(terms.of_word(field.letter(), value.map(|value| lower(&value)).as_deref()));
        }
        Self { amount: Some(amount), terms: found, ..Self::default() }
    }
}

/// The terms of one account and one resource.
#[derive(Debug, Clone, Copy)]
struct Terms {
    account: i64,
    searched: Searched,
}

impl Terms {
    /// A term: its account, a field, and the statement about that field. Values are in lower case, keys
    /// of metadata as they are.
    fn term(self, field: &str, says: &str, value: &str) -> String {
        let account = self.account;
        let term = format!("{account}{field}{says}{value}");
        if term.len() <= TERM_MAX {
            return term;
        }
        let digest = Sha256::digest(value.as_bytes());
        digest.iter().fold(format!("{account}{field}#{says}"), |text, byte| format!("{text}{byte:02x}"))
    }

    /// The terms of a field that has a value, or has none.
    fn of_word(self, field: &str, value: Option<&str>) -> Vec<String> {
        match value {
            Some(value) => vec![self.term(field, "?", ""), self.term(field, "=", value)],
            None => vec![self.term(field, "0", "")],
        }
    }

    fn of_all_metadata(self, metadata: &BTreeMap<String, String>) -> Vec<String> {
        metadata
            .iter()
            .flat_map(|(key, value)| [self.has_metadata(key), self.of_metadata(key, value)])
            .collect()
    }

    fn has_metadata(self, key: &str) -> String {
        self.term(self.searched.metadata_letter(), "?", key)
    }

    fn of_metadata(self, key: &str, value: &str) -> String {
        // With the length of the key, so that no key and value look like others.
        let value = format!("{}:{key}{}", key.len(), lower(value));
        self.term(self.searched.metadata_letter(), "=", &value)
    }
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
