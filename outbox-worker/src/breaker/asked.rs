//! The questions about an endpoint's health, and the answers.

use std::time::Duration;

use tokio::time::Instant;

/// The answer to a request that asks to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// The request may go.
    Open,
    /// The request may go once another one has landed.
    Full,
    /// The request may go at that instant.
    Until(Instant),
}

/// A request that asks to be sent, and the requests in flight to its endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) kind: Kind,
    pub(crate) firsts: usize,
    pub(crate) retries: usize,
}

/// The kind of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A first attempt; retries may wait, too.
    First { retries_wait: bool },
    /// A retry.
    Retry,
}

/// The failure of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Failure {
    /// The receiver is overloaded or away: sending less may help.
    pub(crate) overload: bool,
    /// The receiver answered.
    pub(crate) answered: bool,
    /// The receiver asks to be left alone for so long.
    pub(crate) retry_after: Option<Duration>,
}

/// The destination of a new event's delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// The endpoint.
    Send,
    /// A row: the breaker is open.
    Wait,
}

/// The change that an outcome has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// No change.
    None,
    /// The breaker has opened.
    Broken,
    /// The endpoint is back.
    Back,
}
