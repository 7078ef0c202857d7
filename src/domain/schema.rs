//! What parameters look like in the contract, with the limits that the checks have.

use utoipa::openapi::schema::{AdditionalProperties, SchemaFormat, SchemaType};
use utoipa::openapi::{Array, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type};

use super::customer::{
    BALANCE_MAX, CUSTOM_FIELD_NAME_MAX, CUSTOM_FIELD_VALUE_MAX, CUSTOM_FIELDS_MAX, LOCALE_MAX, LOCALES_MAX,
    NAME_MAX, PHONE_MAX,
};
use super::metadata;
use super::rate_limit::RATE_MAX;
use super::text::{EMAIL_MAX, TEXT_MAX};
use super::webhook_url::URL_MAX;
use crate::contract::{API_VERSION, EventType, RESOURCES};

/// A text that can be unset.
fn text(max: usize) -> Object {
    let kinds = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(kinds).max_length(Some(max)).build()
}

pub(super) fn long_text() -> Object {
    text(TEXT_MAX)
}

/// The id of any object.
pub(crate) fn object_id() -> Object {
    let prefixes: Vec<_> = RESOURCES.iter().map(|known| known.prefix).collect();
    let pattern = format!("^({})_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$", prefixes.join("|"));
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

/// Requests or deliveries a second.
pub(crate) fn rate_limit() -> Object {
    let kinds = SchemaType::from_iter([Type::Integer, Type::Null]);
    ObjectBuilder::new().schema_type(kinds).minimum(Some(1)).maximum(Some(RATE_MAX)).build()
}

/// Metadata, as it is sent.
pub(super) fn metadata() -> Object {
    metadata_of(ObjectBuilder::new().schema_type(Type::String).max_length(Some(metadata::VALUE_MAX)).build())
}

/// What a call says of metadata.
pub(super) fn metadata_change() -> Object {
    let mut change = metadata_of(text(metadata::VALUE_MAX));
    change.schema_type = SchemaType::from_iter([Type::Object, Type::Null]);
    change
}

fn metadata_of(value: Object) -> Object {
    let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let name = name.max_length(Some(metadata::NAME_MAX)).pattern(Some("^[^\\[\\]]*$"));
    ObjectBuilder::new()
        .property_names(Some(name))
        .additional_properties(Some(RefOr::T(Schema::Object(value))))
        .build()
}

pub(super) fn name_schema() -> Object {
    text(NAME_MAX)
}

pub(super) fn phone_schema() -> Object {
    text(PHONE_MAX)
}

pub(super) fn email_schema() -> Object {
    text(EMAIL_MAX)
}

pub(super) fn locales_schema() -> Array {
    let locale = ObjectBuilder::new().schema_type(Type::String).max_length(Some(LOCALE_MAX));
    let mut locales = ArrayBuilder::new().items(locale).max_items(Some(LOCALES_MAX)).build();
    locales.schema_type = SchemaType::from_iter([Type::Array, Type::Null]);
    locales
}

pub(super) fn custom_fields_schema() -> Array {
    let text = |max| ObjectBuilder::new().schema_type(Type::String).max_length(Some(max));
    let field = ObjectBuilder::new()
        .property("name", text(CUSTOM_FIELD_NAME_MAX))
        .property("value", text(CUSTOM_FIELD_VALUE_MAX))
        .required("name")
        .required("value")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    let mut fields = ArrayBuilder::new().items(field).max_items(Some(CUSTOM_FIELDS_MAX)).build();
    fields.schema_type = SchemaType::from_iter([Type::Array, Type::Null]);
    fields
}

pub(super) fn balance_schema() -> Object {
    let kinds = SchemaType::from_iter([Type::Integer, Type::Null]);
    let bounds = ObjectBuilder::new().minimum(Some(-BALANCE_MAX)).maximum(Some(BALANCE_MAX));
    bounds.schema_type(kinds).build()
}

/// The present version or null, which takes the present one.
pub(super) fn version_schema() -> RefOr<Schema> {
    let version = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([API_VERSION]));
    OneOfBuilder::new().item(version).item(ObjectBuilder::new().schema_type(Type::Null)).into()
}

/// A field that is always null today and will hold a text one day.
pub(super) fn later_text() -> Object {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])).build()
}

/// A field that is always null today and will hold an object one day.
pub(super) fn later_object() -> Object {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Object, Type::Null])).build()
}

pub(super) fn url_schema() -> Object {
    let format = SchemaFormat::Custom("uri".to_owned());
    let url = ObjectBuilder::new().schema_type(Type::String).format(Some(format)).max_length(Some(URL_MAX));
    url.description(Some(
        "An absolute URL that begins with https:// or http://, without a user name, a password or a fragment. \
         It is stored in the spelling that is called: scheme and host in lower case, a host beyond ASCII in \
         Punycode, without the scheme's own port. What would have to be repaired is refused.",
    ))
    .build()
}

/// `*` or types of the contract, one at least.
pub(super) fn enabled_events_schema() -> Array {
    let names = std::iter::once("*").chain(EventType::ALL.iter().map(|known| known.as_str()));
    let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
    ArrayBuilder::new().items(name).min_items(Some(1)).build()
}
