//! The query language: clauses `field operator value`, joined all by AND (or nothing) or all by OR.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use super::clause::{
    CLAUSES_MAX, Clause, Field, QUERY_MAX, SUBSTRING_MIN, Searched, Test, TextField, WordField,
};
use crate::domain::types::text::check_length;
use crate::domain::{ParameterError, Problem};

/// A value as it is written.
enum Value {
    Quoted(String),
    Null,
    Bare(String),
}

/// Reads a query into its clauses; true when one of them is enough.
pub(super) fn read(searched: Searched, text: &str) -> Result<(Vec<Clause>, bool), ParameterError> {
    check_length("query", text, QUERY_MAX)?;
    let mut reader = Reader { searched, text, rest: text.char_indices().peekable() };
    let mut clauses = Vec::new();
    let mut joined: Option<bool> = None;
    reader.skip_space();
    if reader.rest.peek().is_none() {
        return Err(ParameterError::new("query", Problem::Empty));
    }
    loop {
        clauses.push(reader.clause()?);
        if clauses.len() > CLAUSES_MAX {
            return Err(malformed(format!("there are more than {CLAUSES_MAX} clauses")));
        }
        let spaced = reader.skip_space();
        if reader.rest.peek().is_none() {
            return Ok((clauses, joined.unwrap_or(false)));
        }
        if !spaced {
            return Err(reader.wrong("a space between clauses"));
        }
        let by_or = reader.connector();
        if *joined.get_or_insert(by_or) != by_or {
            return Err(malformed("AND and OR can't be combined"));
        }
    }
}

fn malformed(reason: impl Into<String>) -> ParameterError {
    ParameterError::new("query", Problem::Malformed(reason.into()))
}

struct Reader<'a> {
    searched: Searched,
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Reader<'_> {
    fn skip_space(&mut self) -> bool {
        let mut any = false;
        while self.rest.next_if(|(_, c)| c.is_whitespace()).is_some() {
            any = true;
        }
        any
    }

    fn take(&mut self, wanted: char) -> bool {
        self.rest.next_if(|(_, c)| *c == wanted).is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some((_, c)) = self.rest.next_if(|(_, c)| wanted(*c)) {
            taken.push(c);
        }
        taken
    }

    /// The rest of the query, from here on.
    fn at(&mut self) -> &str {
        let at = self.rest.peek().map_or(self.text.len(), |(at, _)| *at);
        self.text.get(at..).unwrap_or_default()
    }

    fn wrong(&mut self, expected: &str) -> ParameterError {
        let found: String = self.at().chars().take(20).collect();
        if found.is_empty() {
            malformed(format!("expected {expected} at its end"))
        } else {
            malformed(format!("expected {expected} at '{found}'"))
        }
    }

    /// AND, OR or nothing, which is AND; true for OR.
    fn connector(&mut self) -> bool {
        let word: String = self.at().chars().take_while(|c| !c.is_whitespace()).collect();
        let by_or = word.eq_ignore_ascii_case("or");
        if by_or || word.eq_ignore_ascii_case("and") {
            self.take_while(|c| !c.is_whitespace());
            self.skip_space();
        }
        by_or
    }

    fn clause(&mut self) -> Result<Clause, ParameterError> {
        let negated = self.take('-');
        if matches!(self.rest.peek(), Some((_, '(' | ')'))) {
            return Err(malformed("parentheses are not supported"));
        }
        let field = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let test = match self.searched.field(&field) {
            Some(Field::Text(of)) => self.text(of, &field),
            Some(Field::Word(of)) => self.word(of, &field),
            Some(Field::Metadata) => self.metadata(),
            Some(Field::Created) => self.created(),
            Some(Field::Amount) => self.amount(),
            None if field.is_empty() => {
                let example = self.searched.example();
                Err(self.wrong(&format!("a field, an operator and a value, such as {example},")))
            }
            None => {
                let field: String = field.chars().take(40).collect();
                let known = self.searched.fields();
                Err(malformed(format!("'{field}' can't be searched; what can: {known}")))
            }
        }?;
        Ok(Clause { test, negated })
    }

    fn operator(&mut self) -> Result<&'static str, ParameterError> {
        let found = match self.rest.peek() {
            Some((_, ':')) => ":",
            Some((_, '~')) => "~",
            Some((_, '>')) => ">",
            Some((_, '<')) => "<",
            _ => return Err(self.wrong("an operator (: ~ > < >= <=)")),
        };
        self.rest.next();
        let or_equal = matches!(found, ">" | "<") && self.take('=');
        Ok(match (found, or_equal) {
            (">", true) => ">=",
            ("<", true) => "<=",
            (operator, _) => operator,
        })
    }

    fn value(&mut self) -> Result<Value, ParameterError> {
        if let Some(quote) = self.quote() {
            return self.quoted(quote).map(Value::Quoted);
        }
        let bare = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
        match bare.as_str() {
            "" => Err(self.wrong("a value")),
            "null" => Ok(Value::Null),
            _ => Ok(Value::Bare(bare)),
        }
    }

    fn quote(&mut self) -> Option<char> {
        self.rest.next_if(|(_, c)| matches!(c, '\'' | '"')).map(|(_, quote)| quote)
    }

    /// A text up to its closing quote. A backslash before a quote or another one takes that as it is.
    fn quoted(&mut self, quote: char) -> Result<String, ParameterError> {
        let mut text = String::new();
        while let Some((_, c)) = self.rest.next() {
            match c {
                c if c == quote && text.is_empty() => return Err(malformed("nothing is between the quotes")),
                c if c == quote => return Ok(text),
                '\\' => {
                    let escaped = self.rest.next_if(|(_, c)| matches!(c, '\'' | '"' | '\\'));
                    text.push(escaped.map_or('\\', |(_, c)| c));
                }
                c => text.push(c),
            }
        }
        Err(malformed("a quote is not closed"))
    }

    fn text(&mut self, field: TextField, name: &str) -> Result<Test, ParameterError> {
        match (self.operator()?, self.value()?) {
            (":", Value::Null) => Ok(Test::IsNull(field)),
            (":", Value::Quoted(value)) => Ok(Test::Is(field, value)),
            ("~", Value::Quoted(value)) if value.chars().nth(SUBSTRING_MIN - 1).is_some() => {
                Ok(Test::Contains(field, value))
            }
            ("~", Value::Quoted(_)) => {
                Err(malformed(format!("{name}~ needs at least {SUBSTRING_MIN} characters")))
            }
            (":" | "~", _) => Err(malformed(format!("the value of {name} must be in quotes"))),
            (operator, _) => Err(malformed(format!("{name} can't be compared by {operator}"))),
        }
    }

    fn word(&mut self, field: WordField, name: &str) -> Result<Test, ParameterError> {
        match (self.operator()?, self.value()?) {
            (":", Value::Null) => Ok(Test::WordIsNull(field)),
            (":", Value::Quoted(value)) => Ok(Test::WordIs(field, value)),
            (":", Value::Bare(_)) => Err(malformed(format!("the value of {name} must be in quotes"))),
            (operator, _) => Err(malformed(format!("{name} can't be compared by {operator}"))),
        }
    }

    fn metadata(&mut self) -> Result<Test, ParameterError> {
        let key =
            if self.take('[') { self.quote().map(|quote| self.quoted(quote)).transpose()? } else { None };
        let Some(key) = key.filter(|_| self.take(']')) else {
            return Err(malformed("metadata is searched by its key: metadata['key']:'value'"));
        };
        match (self.operator()?, self.value()?) {
            (":", Value::Null) => Ok(Test::MetadataIsNull(key)),
            (":", Value::Quoted(value)) => Ok(Test::MetadataIs(key, value)),
            (":", Value::Bare(_)) => Err(malformed("the value of metadata must be in quotes")),
            (operator, _) => Err(malformed(format!("metadata can't be compared by {operator}"))),
        }
    }

    /// An operator, and a number in its one spelling.
    fn number(&mut self, expected: &str) -> Result<(&'static str, i64), ParameterError> {
        let (operator, value) = (self.operator()?, self.value()?);
        let number = match value {
            Value::Quoted(text) | Value::Bare(text) => {
                text.parse::<i64>().ok().filter(|number| number.to_string() == text)
            }
            Value::Null => None,
        };
        Ok((operator, number.ok_or_else(|| malformed(expected))?))
    }

    fn created(&mut self) -> Result<Test, ParameterError> {
        let (operator, second) = self.number("created must be a time in Unix seconds")?;
        let (this, next) =
            (u64::try_from(second).unwrap_or(0), u64::try_from(second.saturating_add(1)).unwrap_or(0));
        compared("created", operator, (0, u64::MAX), (this, next)).map(Test::Created)
    }

    fn amount(&mut self) -> Result<Test, ParameterError> {
        let (operator, amount) = self.number("amount must be a whole number, in the smallest unit")?;
        let within = (amount, amount.saturating_add(1));
        compared("amount", operator, (i64::MIN, i64::MAX), within).map(Test::Amount)
    }
}

/// The numbers that an operator and a number mean, of those from the first bound to the last. The number
/// comes with the next one.
fn compared<N>(
    field: &str,
    operator: &str,
    (first, last): (N, N),
    (this, next): (N, N),
) -> Result<Range<N>, ParameterError> {
    match operator {
        ":" => Ok(this..next),
        ">" => Ok(next..last),
        ">=" => Ok(this..last),
        "<" => Ok(first..this),
        "<=" => Ok(first..next),
        operator => Err(malformed(format!("{field} can't be compared by {operator}"))),
    }
}
