//! An event as clients and receivers see it. The API and the worker both write it here, so that they
//! can't differ.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::contract::API_VERSION;

/// The event object.
#[derive(Debug, Serialize)]
struct Envelope<'a> {
    id: &'a str,
    object: &'static str,
    api_version: &'static str,
    created: u64,
    data: Data<'a>,
    livemode: bool,
    pending_webhooks: i64,
    request: Cause<'a>,
    r#type: &'a str,
    version: i64,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    object: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_attributes: Option<&'a RawValue>,
}

#[derive(Debug, Serialize)]
struct Cause<'a> {
    id: Option<&'a str>,
    idempotency_key: Option<&'a str>,
}

/// An event of the log, as it is stored.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// `evt_…`
    pub id: String,
    /// Its type: `customer.created`.
    pub event_type: String,
    /// The time that it happened, in Unix seconds.
    pub created: u64,
    /// The object's version after it.
    pub version: i64,
    /// The object after it, as JSON.
    pub data: String,
    /// `previous_attributes`, as JSON.
    pub previous: Option<String>,
    /// The API call that caused it.
    pub request_id: Option<String>,
    /// The idempotency key of that call.
    pub idempotency_key: Option<String>,
    /// True in an account's live mode.
    pub livemode: bool,
}

impl StoredEvent {
    /// The event as JSON. The stored snapshot goes in byte for byte.
    pub fn render(&self, pending_webhooks: i64) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Envelope {
            id: &self.id,
            object: "event",
            api_version: API_VERSION,
            created: self.created,
            data: Data {
                object: serde_json::from_str(&self.data)?,
                previous_attributes: self.previous.as_deref().map(serde_json::from_str).transpose()?,
            },
            livemode: self.livemode,
            pending_webhooks,
            request: Cause {
                id: self.request_id.as_deref(),
                idempotency_key: self.idempotency_key.as_deref(),
            },
            r#type: &self.event_type,
            version: self.version,
        })
    }
}
