//! The questions that are asked of an endpoint's health, and the answers.

use std::time::Duration;

use tokio::time::Instant;

/// Whether a request may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It may.
    Open,
    /// Not before another one has landed.
    Full,
    /// Not before then.
    Until(Instant),
}

/// A request that asks whether it may go, and what is in flight to its endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) kind: Kind,
    pub(crate) firsts: usize,
    pub(crate) retries: usize,
}

/// Whether it is a first attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is; retries may wait, too.
    First { retries_wait: bool },
    /// It is not.
    Retry,
}

/// How a request was not taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Failure {
    /// Sending less may help.
    pub(crate) overload: bool,
    /// The receiver answered.
    pub(crate) answered: bool,
    /// The receiver asks to be left alone for so long.
    pub(crate) retry_after: Option<Duration>,
}

/// Where a new event's delivery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// To the endpoint.
    Send,
    /// Into a row: the breaker is open.
    Wait,
}

/// What an outcome has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// The breaker has opened.
    Broken,
    /// The endpoint is back.
    Back,
}
