//! Rate limits: of an endpoint, in requests a second, and of a replay, in deliveries a second.

use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::domain::{ParameterError, Problem};

/// The highest rate limit.
pub const RATE_MAX: u32 = 10_000;

/// The parameter `rate_limit`, within bounds.
pub fn check(given: i64) -> Result<u32, ParameterError> {
    let rate = u32::try_from(given).ok().filter(|rate| (1..=RATE_MAX).contains(rate));
    rate.ok_or_else(|| ParameterError::new("rate_limit", Problem::OutOfRange(1, i64::from(RATE_MAX))))
}

/// The schema of a rate limit that can be unset.
pub(crate) fn schema() -> Object {
    let kinds = SchemaType::from_iter([Type::Integer, Type::Null]);
    ObjectBuilder::new().schema_type(kinds).minimum(Some(1)).maximum(Some(RATE_MAX)).build()
}
