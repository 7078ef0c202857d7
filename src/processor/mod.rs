//! The port to a payment processor, which is where money moves.
//!
//! A processor is a program of its own, reached over HTTP and JSON (`schema/processor.openapi.json`). An
//! operation has a key: the same key twice is one operation. An answer that doesn't come is no error, and
//! it is no "no" either: it is [`Answer::Unknown`], and only the processor's word ends it. Nothing above
//! the vocabulary of the domain is known here, and only `flow` calls it.

mod call;
pub mod check;
mod client;
mod journal;
mod metrics;
mod notice;
mod reading;
pub mod sandbox;
pub mod wire;

pub use client::Processor;
pub use journal::{Page, Row};
pub use wire::{
    Attach, Authorize, Capabilities, Capture, Card, CardSource, Decline, Failure, Method, NewMethod,
    Operation, Outcome, Reason, Refund, Request, Void, Voided,
};

/// The answer to an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The processor's word.
    Known(Operation),
    /// The processor refused the request itself and did nothing: the key was used for something else
    /// before, or a parameter is wrong.
    Refused(String),
    /// Nobody knows whether it was done: no answer came in time, or one that is none. The reason is for
    /// logs, and never for clients.
    Unknown(String),
}

/// The answer to an inquiry for the outcome of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inquiry {
    /// The processor's word.
    Known(Operation),
    /// The processor has never seen the key. That is no "no" yet: the request may still be under way. A
    /// void by key makes sure that it can't come any more.
    NeverSeen,
    /// The processor couldn't be asked, or can't tell. The reason is for logs.
    CantTell(String),
}

/// The answer to a new method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tokenized {
    /// The method, under a token that stands for it from now on.
    Made(Method),
    /// The card is refused for good: its number, date or code is wrong.
    Declined(Decline),
    /// There is no such source.
    NoSuchSource,
    /// The processor couldn't be asked. Nothing has happened that matters: a token that nobody knows.
    Unavailable(String),
}

/// The reason that a notice isn't believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeProblem {
    /// The processor's secret didn't sign it, or too long ago.
    Unsigned,
    /// It isn't one of the protocol.
    Malformed,
}
