//! Typed ids: a prefix that names the resource, an underscore, a [ULID](https://github.com/ulid/spec).
//!
//! An id has exactly one spelling. The ULID's time is the object's creation time, so ids sort newest last
//! and a range of times is a range of ids.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;
use utoipa::__dev::ComposeSchema;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::Timestamp;
use crate::contract::{Kind, REQUEST_ID_PREFIX, RESOURCES};

/// The id of a `K`: `cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX`.
pub struct Id<K>(Ulid, PhantomData<fn() -> K>);

/// The reason that a text is no id of the kind that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of the form '{prefix}_' followed by 26 characters of a ULID, got '{got}'")]
pub struct IdError {
    /// The prefix that was expected, without the underscore.
    pub prefix: &'static str,
    /// The text that was given, cut after 64 characters.
    pub got: String,
}

// utoipa's derives need this of generic types.
impl<K: Kind + PartialSchema> ComposeSchema for Id<K> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        K::schema()
    }
}

impl<K: Kind + ToSchema> ToSchema for Id<K> {}

impl<K: Kind> Id<K> {
    /// A new id, larger than every id that this process has made before. Its time is `at`, or the last id's
    /// time if the clock was set back. Code that needs a creation time takes it from [`Id::created`].
    #[must_use]
    pub fn generate(at: Timestamp) -> Self {
        Self(next_ulid(at), PhantomData)
    }

    /// The id made of that ULID.
    #[must_use]
    pub const fn from_ulid(ulid: Ulid) -> Self {
        Self(ulid, PhantomData)
    }

    /// The smallest id of that instant: a bound for ranges. No object has it.
    #[must_use]
    pub const fn first_at(at: Timestamp) -> Self {
        Self(Ulid::from_parts(at.millis(), 0), PhantomData)
    }

    /// The creation time of the object.
    #[must_use]
    pub const fn created(self) -> Timestamp {
        Timestamp::from_millis(self.0.timestamp_ms())
    }
}

static GENERATOR: Mutex<ulid::Generator> = Mutex::new(ulid::Generator::new());

/// A ULID for `at`, larger than all before it in this process.
pub(crate) fn next_ulid(at: Timestamp) -> Ulid {
    let mut generator = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    match generator.generate_from_datetime(at.system_time()) {
        Ok(ulid) => ulid,
        Err(overflow) => overflow.commit_overflow_increment(),
    }
}

/// The ULID that a text spells in its one canonical spelling (upper case, no look-alike letters).
fn canonical_ulid(text: &str) -> Option<Ulid> {
    let ulid = Ulid::from_string(text).ok()?;
    (ulid.to_string() == text).then_some(ulid)
}

/// True if a text is an id of some resource.
#[must_use]
pub fn is_object_id(text: &str) -> bool {
    let known = |prefix: &str| RESOURCES.iter().any(|resource| resource.prefix == prefix);
    text.split_once('_').is_some_and(|(prefix, ulid)| known(prefix) && canonical_ulid(ulid).is_some())
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(K::RESOURCE.prefix)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(canonical_ulid)
            .map(Self::from_ulid)
            .ok_or_else(|| IdError { prefix: K::RESOURCE.prefix, got: text.chars().take(64).collect() })
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::RESOURCE.prefix, self.0)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// A new request id: `req_` and a ULID. It names an API call, not a resource.
#[must_use]
pub fn request_id(at: Timestamp) -> String {
    format!("{REQUEST_ID_PREFIX}{}", next_ulid(at))
}

/// The time of the API call with that id; `None` if the text is no request id.
#[must_use]
pub fn request_came(text: &str) -> Option<Timestamp> {
    let ulid = text.strip_prefix(REQUEST_ID_PREFIX).and_then(canonical_ulid)?;
    Some(Timestamp::from_millis(ulid.timestamp_ms()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::{Customer, Event};

    proptest! {
        #[test]
        fn an_id_reads_back_as_itself_and_as_nothing_else(bits: u128) {
            let id = Id::<Customer>::from_ulid(Ulid(bits));
            let text = id.to_string();
            prop_assert_eq!(text.parse::<Id<Customer>>(), Ok(id));
            prop_assert!(text.parse::<Id<Event>>().is_err());
            prop_assert!(text.to_lowercase().parse::<Id<Customer>>().is_err());
        }

        #[test]
        fn a_text_that_parses_is_the_only_spelling_of_its_id(text in "(cus|evt|cu)_?[0-9A-Za-z]{25,27}") {
            if let Ok(id) = text.parse::<Id<Customer>>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn ids_sort_as_their_times(a in 0_u64..1 << 47, b in 0_u64..1 << 47) {
            let id = |millis| Id::<Customer>::first_at(Timestamp::from_millis(millis));
            prop_assert_eq!(a.cmp(&b), id(a).cmp(&id(b)));
            prop_assert_eq!(a.cmp(&b), id(a).to_string().cmp(&id(b).to_string()));
        }
    }

    #[test]
    fn ids_of_one_process_only_grow_even_when_the_clock_goes_back() {
        let later = Id::<Customer>::generate(Timestamp::from_millis(2_000_000));
        let earlier = Id::<Customer>::generate(Timestamp::from_millis(1_000_000));
        assert!(earlier > later);
        assert!(earlier.created() >= later.created());
    }

    #[test]
    fn an_error_says_what_was_expected() {
        let error = "evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX".parse::<Id<Customer>>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected an id of the form 'cus_' followed by 26 characters of a ULID, \
             got 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX'"
        );
    }
}
