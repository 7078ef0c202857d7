//! A parameter of an update: kept when it is absent, unset when it is empty or null, set when it has a value.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::__dev::ComposeSchema;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// A caller's wish for one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The parameter was not given.
    #[default]
    Keep,
    /// It was given as null or as the empty text.
    Unset,
    /// It was given.
    Set(T),
}

impl<T> Patch<T> {
    /// The field's value after the call, where unset means null.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Unset => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The field's value after the call, where unset means the default.
    pub fn apply_or_default(self, current: T) -> T
    where
        T: Default,
    {
        match self {
            Self::Keep => current,
            Self::Unset => T::default(),
            Self::Set(value) => value,
        }
    }

    /// The value, if one was given.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Unset => None,
        }
    }
}

impl<T: ComposeSchema> ComposeSchema for Patch<T> {
    fn compose(of: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        Option::<T>::compose(of)
    }
}

impl<T: ToSchema + ComposeSchema> ToSchema for Patch<T> {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

// The schema of a struct shows its fields' defaults.
impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Unset, Self::Set))
    }
}
