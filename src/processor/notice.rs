//! Notices: a processor's word on an operation, sent by itself.

use serde::Deserialize;

use super::wire::Operation;
use super::{NoticeProblem, Processor};
use crate::signature::verify_shared;

/// The longest time between a notice's signature and its arrival, in either direction, in seconds.
const TOLERANCE_SECONDS: u64 = 300;

/// A notice, as it is sent.
#[derive(Deserialize)]
struct Notice {
    operation: Operation,
}

impl Processor {
    /// The operation that a notice tells of, if the processor's secret signed it.
    pub fn notice(&self, signature: &str, body: &[u8], now: u64) -> Result<Operation, NoticeProblem> {
        let secret = self.line().secret().to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
        let is_signed =
            secret.is_some_and(|secret| verify_shared(signature, body, secret, now, TOLERANCE_SECONDS));
        if !is_signed {
            return Err(NoticeProblem::Unsigned);
        }
        let notice: Option<Notice> = serde_json::from_slice(body).ok();
        let operation = notice.map(|notice| notice.operation).filter(Operation::is_well_formed);
        operation.ok_or(NoticeProblem::Malformed)
    }
}
