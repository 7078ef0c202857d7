//! The events that a replay is for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::contract;
use crate::id::Id;

/// Which events a replay is for. What isn't given doesn't narrow it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayFilter {
    /// Created from this second on.
    pub created_from: Option<u64>,
    /// Created before this second.
    pub created_until: Option<u64>,
    /// This event and no other, whether the endpoint asks for its type or not.
    pub event: Option<Id<contract::Event>>,
    /// Only those that were given up for this endpoint.
    pub only_failed: bool,
    /// Only those of this object.
    pub related_object: Option<String>,
    /// Only those of one of these types.
    pub types: Option<Vec<String>>,
}
