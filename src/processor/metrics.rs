//! The metrics of calls to a processor: their outcomes and their times.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::wire::{Outcome, Request};
use super::{Answer, Inquiry, Tokenized};
use crate::metrics::durations;

/// A kind of call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
}

/// A kind of call with the class of its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    call: &'static str,
    outcome: &'static str,
}

/// The metrics of all calls to one processor.
#[derive(Debug, Clone)]
pub(super) struct CallMetrics {
    outcomes: Family<OutcomeLabels, Counter>,
    took: Family<CallLabels, Histogram, fn() -> Histogram>,
    suspense: Counter,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self {
            outcomes: Family::default(),
            took: Family::new_with_constructor(durations),
            suspense: Counter::default(),
        }
    }
}

impl CallMetrics {
    /// Registers them, in a part of the registry that names the mode.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "calmony_processor_calls",
            "Calls to the payment processor, by what they came to",
            self.outcomes.clone(),
        );
        registry.register(
            "calmony_processor_call_duration_seconds",
            "Calls to the payment processor, from the wait for a turn to the end of the answer",
            self.took.clone(),
        );
        registry.register(
            "calmony_processor_suspense",
            "Notices of money that moved for an attempt that was over without it",
            self.suspense.clone(),
        );
    }

    pub(super) fn suspended(&self) {
        self.suspense.inc();
    }

    pub(super) fn called(&self, call: &'static str, outcome: &'static str, took: Duration) {
        self.took.get_or_create(&CallLabels { call }).observe(took.as_secs_f64());
        self.outcomes.get_or_create(&OutcomeLabels { call, outcome }).inc();
    }
}

/// The name of a request's kind.
pub(super) const fn kind_of(request: &Request) -> &'static str {
    match request {
        Request::Authorize(_) => "authorize",
        Request::Capture(_) => "capture",
        Request::Void(_) => "void",
        Request::Refund(_) => "refund",
        Request::Attach(_) => "attach",
    }
}

const fn outcome_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Approved { .. } => "approved",
        Outcome::Declined { .. } => "declined",
        Outcome::ActionRequired { .. } => "action_required",
        Outcome::Pending => "pending",
        Outcome::Never => "never",
    }
}

/// The class of an answer.
pub(super) const fn class_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Known(operation) => outcome_of(&operation.outcome),
        Answer::Refused(_) => "refused",
        Answer::Unknown(_) => "unknown",
    }
}

/// The class of the answer to an inquiry.
pub(super) const fn class_of_inquiry(answer: &Inquiry) -> &'static str {
    match answer {
        Inquiry::Known(operation) => outcome_of(&operation.outcome),
        Inquiry::NeverSeen => "never_seen",
        Inquiry::CantTell(_) => "unknown",
    }
}

/// The class of the answer to a new method.
pub(super) const fn class_of_method(answer: &Tokenized) -> &'static str {
    match answer {
        Tokenized::Made(_) => "approved",
        Tokenized::Declined(_) => "declined",
        Tokenized::NoSuchSource => "refused",
        Tokenized::Unavailable(_) => "unknown",
    }
}
