//! The problems of a key, and of a request as HTTP.

/// The reason that an API key doesn't allow a request, with as much of the key as may be shown.
#[derive(Debug)]
pub(crate) enum KeyProblem {
    /// There is none.
    Missing,
    /// It is none of ours, or was revoked.
    Invalid(String),
    /// Its time is over.
    Expired(String),
    /// It changes nothing.
    ReadsOnly(String),
    /// A notice isn't signed with the processor's secret.
    Signature,
}

/// The reason that a request of HTTP isn't read.
#[derive(Debug)]
pub(crate) enum HttpProblem {
    /// It isn't one of HTTP/1.1, for this reason.
    Malformed(&'static str),
    /// Its body is packed in this way.
    Packed(String),
    /// Its body is transferred in another way than in chunks.
    TransferCoding,
}
