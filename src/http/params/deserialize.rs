//! A [`Tree`] read into a type, by serde, with errors that name the parameter.
//!
//! Forms have only texts, so a text is read as a number or a boolean where one is wanted; null and the
//! empty text are an option's `None`, which is how a field is unset.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

use super::tree::{Tree, integer};
use crate::domain::types::bound::Bound;
use crate::domain::{ParameterError, Problem};

impl Error for ParameterError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("", Problem::Malformed(message.to_string()))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        match Bound::stated_by(expected) {
            Some(bound) => problem(bound.problem()),
            None => Self::custom(format_args!("it has {length} parts, expected {expected}")),
        }
    }

    fn invalid_type(given: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match given {
            Unexpected::Unsigned(_) | Unexpected::Float(_) => problem(Problem::NotAnInteger),
            _ => Self::custom(format_args!("it is {given}, expected {expected}")),
        }
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        Self::new(name, Problem::Unknown)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(name, Problem::Missing)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new(name, Problem::Repeated)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        problem(Problem::NotOneOf(known.to_vec()))
    }
}

fn problem(problem: Problem) -> ParameterError {
    ParameterError::new("", problem)
}

impl Tree {
    /// A text instead of the list that a form gives under one name, where one value is wanted.
    fn single(self) -> Result<Self, ParameterError> {
        let Self::Given(mut values) = self else { return Ok(self) };
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok(Self::Text(value)),
            _ => Err(problem(Problem::Repeated)),
        }
    }

    fn text(self) -> Result<String, ParameterError> {
        match self.single()? {
            Self::Text(text) if text.contains('\0') => Err(problem(Problem::InvalidCharacters)),
            Self::Text(text) => Ok(text),
            _ => Err(problem(Problem::NotAString)),
        }
    }

    fn integer(self) -> Result<i64, ParameterError> {
        match self.single()? {
            Self::Integer(number) => Some(number),
            Self::Text(text) => integer(&text),
            _ => None,
        }
        .ok_or_else(|| problem(Problem::NotAnInteger))
    }

    /// A list of texts.
    pub(crate) fn texts(self) -> Result<Vec<String>, ParameterError> {
        let entry = |(index, value): (String, Self)| value.text().map_err(|error| error.within(&index));
        self.list()?.into_iter().map(entry).collect()
    }

    /// The elements of a list, in order: of one in JSON, of a map whose names are numbers, or of the
    /// values that a form gives under one name.
    fn list(self) -> Result<Vec<(String, Self)>, ParameterError> {
        match self {
            Self::List(values) => {
                Ok(values.into_iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect())
            }
            Self::Given(values) if !(values.len() == 1 && values.iter().all(String::is_empty)) => {
                let entries = values.into_iter().enumerate();
                Ok(entries.map(|(index, value)| (index.to_string(), Self::Given(vec![value]))).collect())
            }
            Self::Map(entries) => {
                let number = |(name, value): (String, Self)| {
                    integer(&name).and_then(|index| u32::try_from(index).ok()).map(|index| (index, value))
                };
                let mut numbered: Vec<_> = entries
                    .into_iter()
                    .map(number)
                    .collect::<Option<_>>()
                    .ok_or_else(|| problem(Problem::NotAList))?;
                numbered.sort_by_key(|(index, _)| *index);
                Ok(numbered.into_iter().map(|(index, value)| (index.to_string(), value)).collect())
            }
            other if other.is_unset() => Ok(Vec::new()),
            _ => Err(problem(Problem::NotAList)),
        }
    }
}

impl IntoDeserializer<'_, ParameterError> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = ParameterError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterError> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Integer(value) => visitor.visit_i64(value),
            Self::OtherNumber(number) => match (number.as_u64(), number.as_f64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_f64(number),
                (None, None) => Err(problem(Problem::NotAnInteger)),
            },
            Self::Text(_) | Self::Given(_) => visitor.visit_string(self.text()?),
            Self::List(_) => self.deserialize_seq(visitor),
            Self::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterError> {
        match self.single()? {
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Text(text) if text == "true" => visitor.visit_bool(true),
            Self::Text(text) if text == "false" => visitor.visit_bool(false),
            _ => Err(problem(Problem::NotABoolean)),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterError> {
        visitor.visit_i64(self.integer()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterError> {
        if self.is_unset() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterError> {
        visitor.visit_seq(Located { entries: self.list()?.into_iter(), next: None })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParameterError> {
        match self {
            Self::Map(entries) => visitor.visit_map(Located { entries: entries.into_iter(), next: None }),
            _ => Err(problem(Problem::NotAHash)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ParameterError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ParameterError> {
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct
        tuple tuple_struct identifier ignored_any
    }
}

/// The entries of a map or a list, each of whose errors gets its place.
struct Located {
    entries: std::vec::IntoIter<(String, Tree)>,
    next: Option<(String, Tree)>,
}

impl<'de> MapAccess<'de> for Located {
    type Error = ParameterError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ParameterError> {
        let Some((name, value)) = self.entries.next() else {
            return Ok(None);
        };
        if name.contains('\0') {
            return Err(problem(Problem::InvalidCharacters));
        }
        self.next = Some((name.clone(), value));
        seed.deserialize(StringDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ParameterError> {
        let (name, value) = self.next.take().ok_or_else(|| problem(Problem::NotAHash))?;
        seed.deserialize(value).map_err(|error| error.within(&name))
    }
}

impl<'de> SeqAccess<'de> for Located {
    type Error = ParameterError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ParameterError> {
        let Some((index, value)) = self.entries.next() else {
            return Ok(None);
        };
        seed.deserialize(value).map(Some).map_err(|error| error.within(&index))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::{TimeRange, form};
    use super::*;
    use crate::domain::Patch;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
        #[serde(default)]
        count: Option<i64>,
        #[serde(default)]
        on: Option<bool>,
        #[serde(default)]
        note: Patch<String>,
        #[serde(default)]
        tags: Vec<String>,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        city: Option<String>,
    }

    fn read(text: &str) -> Result<Sample, ParameterError> {
        Sample::deserialize(form::parse(text.as_bytes())?)
    }

    fn json(text: &str) -> Result<Sample, ParameterError> {
        Sample::deserialize(serde_json::from_str::<Tree>(text).expect("JSON"))
    }

    #[test]
    fn forms_and_json_read_the_same() {
        let form = read("name=a&count=5&on=true&note=&tags[]=x&tags[]=y&inner[city]=z").expect("a sample");
        let json =
            json(r#"{"name":"a","count":5,"on":true,"note":null,"tags":["x","y"],"inner":{"city":"z"}}"#);
        assert_eq!(json.as_ref(), Ok(&form));
        assert_eq!(form.note, Patch::Unset);
        assert_eq!(read("name=a").expect("a sample").note, Patch::Keep);
    }

    #[test]
    fn a_name_that_is_given_several_times_is_a_list() {
        let tags = |text: &str| read(&format!("name=a{text}")).expect("a sample").tags;
        assert_eq!(tags("&tags=x&tags=y"), ["x", "y"]);
        assert_eq!(tags("&tags=x"), ["x"]);
        assert_eq!(tags("&tags[]=x"), ["x"]);
        assert_eq!(tags("&tags="), Vec::<String>::new());
    }

    #[test]
    fn a_number_has_one_spelling() {
        for wrong in ["+5", " 5", "5 ", "05", "-0", "5.0", "0x5", "5e0", ""] {
            assert_eq!(integer(wrong), None, "{wrong}");
        }
        for right in [0, 5, -5, i64::MIN, i64::MAX] {
            assert_eq!(integer(&right.to_string()), Some(right));
        }
        assert_eq!(read("name=a&count=%2B5").unwrap_err().problem, Problem::NotAnInteger);
    }

    #[test]
    fn what_is_empty_is_found_wherever_it_is() {
        let found =
            |text: &str| form::parse(text.as_bytes()).expect("a form").refuse_empty().unwrap_err().param;
        assert_eq!(found("a="), "a");
        assert_eq!(found("a=1&b"), "b");
        assert_eq!(found("a=1&a="), "a");
        assert_eq!(found("a[]=1&a[]="), "a[1]");
        assert_eq!(found("created[gt]="), "created[gt]");
        assert_eq!(form::parse(b"a=1&b[c]=2").expect("a form").refuse_empty(), Ok(()));
    }

    #[test]
    fn errors_name_the_parameter() {
        let error = |result: Result<Sample, ParameterError>| {
            let error = result.unwrap_err();
            (error.param, error.problem)
        };
        assert_eq!(error(read("")), ("name".into(), Problem::Missing));
        assert_eq!(error(read("name=a&foo=1")), ("foo".into(), Problem::Unknown));
        assert_eq!(error(read("name=a&inner[foo]=1")), ("inner[foo]".into(), Problem::Unknown));
        assert_eq!(error(read("name=a&inner[city][x]=1")), ("inner[city]".into(), Problem::NotAString));
        assert_eq!(error(read("name=a&count=x")), ("count".into(), Problem::NotAnInteger));
        assert_eq!(error(read("name=a&on=yes")), ("on".into(), Problem::NotABoolean));
        assert_eq!(error(read("name=a&tags[x]=y")), ("tags".into(), Problem::NotAList));
        assert_eq!(error(read("name=a&tags[01]=y")), ("tags".into(), Problem::NotAList));
        assert_eq!(error(read("name=a&name=b")), ("name".into(), Problem::Repeated));
        assert_eq!(error(read("name=a&count=1&count=1")), ("count".into(), Problem::Repeated));
        assert_eq!(error(read("name=a&on=true&on=true")), ("on".into(), Problem::Repeated));
        assert_eq!(error(read("name=a&tags[0]=x&tags[0]=y")), ("tags[0]".into(), Problem::Repeated));
        assert_eq!(error(read("name=a&inner[]=x")), ("inner".into(), Problem::NotAHash));
        assert_eq!(error(read("name=a&inner=x")), ("inner".into(), Problem::NotAHash));
        assert_eq!(error(read("name=%00")), ("name".into(), Problem::InvalidCharacters));
        assert_eq!(error(json(r#"{"name":5}"#)), ("name".into(), Problem::NotAString));
        assert_eq!(error(json(r#"{"name":"a","tags":"x"}"#)), ("tags".into(), Problem::NotAList));
        assert_eq!(error(json(r#"{"name":"a","tags":["x",1]}"#)), ("tags[1]".into(), Problem::NotAString));
        assert_eq!(error(json(r#"{"name":"a","count":1.5}"#)), ("count".into(), Problem::NotAnInteger));
        assert_eq!(error(json(r#"{"name":"a","count":1e300}"#)), ("count".into(), Problem::NotAnInteger));
        assert_eq!(json(r#"{"name":"a","count":-5.0}"#).expect("a sample").count, Some(-5));
        assert_eq!(
            error(json(r#"{"name":"a","count":99999999999999999999}"#)),
            ("count".into(), Problem::NotAnInteger)
        );
    }

    #[test]
    fn what_may_be_anything_may_be_any_number() {
        let body = r#"{"card":[0.5,18446744073709551615,-2,"x",null]}"#;
        let tree = serde_json::from_str::<Tree>(body).expect("JSON");
        let free = serde_json::Value::deserialize(tree).expect("anything");
        assert_eq!(free, serde_json::from_str::<serde_json::Value>(body).expect("JSON"));
        let time = serde_json::from_str::<Tree>("1.5").expect("JSON");
        assert_eq!(TimeRange::deserialize(time).unwrap_err().problem, Problem::NotAnInteger);
    }
}
