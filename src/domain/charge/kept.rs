//! The `internal` of a charge.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Charge;
use crate::contract;
use crate::domain::ledger::Postings;
use crate::domain::{Objects, Stop};
use crate::id::Id;

/// The JSON that a charge keeps to itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The processor's name of the authorisation; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The amount that refunds under way ask for.
    #[serde(default)]
    pub refunding: i64,
    /// The postings of its event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postings: Option<Postings>,
}

impl Kept {
    /// The `internal` of the charge of that id.
    pub fn of(objects: &mut Objects, id: Id<contract::Charge>) -> Result<Self, Stop> {
        let kept = objects.internal(id)?.unwrap_or(Value::Object(serde_json::Map::new()));
        Ok(Self { postings: None, ..serde_json::from_value(kept)? })
    }

    /// The same with the postings of the next event.
    #[must_use]
    pub fn posting(self, postings: Postings) -> Self {
        Self { postings: Some(postings), ..self }
    }

    /// Keeps it, with the next fact of that charge.
    pub fn keep(&self, objects: &mut Objects, charge: &Charge) -> Result<(), Stop> {
        objects.keep(charge.id, Some(&serde_json::to_value(self)?));
        Ok(())
    }
}
