//! The findings of a request's layers, for the layers after them and for the handler.

use crate::log::idempotency::Fingerprint;
use crate::trace::TraceContext;

/// The id of a request, `req_…`: in the `Request-Id` header of its answer, in its log line and in the events
/// it causes.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// The place of a request in a distributed trace. The events that it causes stand there, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trace(pub(super) Option<TraceContext>);

/// The paths that a request asks to be expanded, in one spelling, for its fingerprint.
#[derive(Debug, Clone)]
pub(super) struct ExpandPaths(pub(super) String);

/// The key of a request.
#[derive(Debug, Clone)]
pub(super) struct IdempotencyKey {
    pub(super) key: String,
    /// The request's fingerprint; `None` where the answer isn't stored, as for a DELETE.
    pub(super) fingerprint: Option<Fingerprint>,
}
