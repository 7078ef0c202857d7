//! Schemas of parameters and fields, of any resource.

use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::contract::RESOURCES;

/// A text that can be unset.
pub(super) fn text(max: usize) -> Object {
    let kinds = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(kinds).max_length(Some(max)).build()
}

/// The id of any object.
pub(crate) fn object_id() -> Object {
    let prefixes: Vec<_> = RESOURCES.iter().map(|known| known.prefix).collect();
    let pattern = format!("^({})_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$", prefixes.join("|"));
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

/// A field that is always null today and will hold a text one day.
pub(super) fn later_text() -> Object {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])).build()
}

/// A field that is always null today and will hold an object one day.
pub(super) fn later_object() -> Object {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Object, Type::Null])).build()
}

/// A field that is always null today and will hold a whole number one day.
pub(super) fn later_integer() -> Object {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Integer, Type::Null])).build()
}
