//! The `object` field, which tells clients the kind of an object.

use std::marker::PhantomData;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::__dev::ComposeSchema;
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

use crate::contract::Kind;

/// Always the `object` name of `K`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectTag<K>(PhantomData<K>);

impl<K> Default for ObjectTag<K> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<K: Kind> ComposeSchema for ObjectTag<K> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some([K::RESOURCE.object])).into()
    }
}

impl<K: Kind> ToSchema for ObjectTag<K> {}

impl<K: Kind> Serialize for ObjectTag<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(K::RESOURCE.object)
    }
}

impl<'de, K> Deserialize<'de> for ObjectTag<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self::default())
    }
}
