//! Postal addresses.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::LongText;

/// A postal address. Given, it replaces the former one as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    city: Option<LongText>,
    country: Option<LongText>,
    line1: Option<LongText>,
    line2: Option<LongText>,
    postal_code: Option<LongText>,
    state: Option<LongText>,
}
