//! The findings of a verification, and the figures beside them.

use super::money::finding::{Attempts, Finding};

/// The most findings that are kept of one kind.
const FINDINGS_MAX: usize = 100;
/// Portions are read; a few queries read a whole table.
pub(super) const STATEMENT_LIMIT: &str = "set statement_timeout = '10min'";

/// The counts and the findings.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Events that were read.
    pub events: u64,
    /// Objects that were read.
    pub objects: u64,
    /// Every disagreement between the state and the log: the object or the event, and the difference.
    pub state: Vec<String>,
    /// Deliveries, by their state.
    pub deliveries: Deliveries,
    /// Attempts at the processor, by their outcomes.
    pub attempts: Attempts,
    /// Every disagreement about money.
    pub money: Vec<Finding>,
    /// Events that an endpoint asked for and of which there is no trace: `evt_… for we_…`.
    pub lost: Vec<String>,
    /// The number of all problems, those included that are not listed.
    pub problems: u64,
}

/// The number of deliveries in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Deliveries {
    /// Deliveries that the endpoint has taken.
    pub delivered: u64,
    /// Deliveries that are to be attempted.
    pub owed: u64,
    /// Deliveries that wait for their endpoint to be enabled or resumed.
    pub parked: u64,
    /// Deliveries that were given up after the last attempt.
    pub exhausted: u64,
    /// Events that aren't fanned out yet.
    pub pending: u64,
    /// Events without a trace, whose endpoint was changed at about that time, so that it may not have asked
    /// for them.
    pub undecided: u64,
}

/// An observer of the progress.
pub trait Watch: Send {
    /// A stage has begun, with `steps` steps.
    fn stage(&mut self, name: &'static str, steps: u64);
    /// `steps` more steps of it are done.
    fn done(&mut self, steps: u64);
}

impl Report {
    pub(super) fn state_problem(&mut self, what: String) {
        self.problems += 1;
        if self.state.len() < FINDINGS_MAX {
            self.state.push(what);
        }
    }

    pub(super) fn lost_delivery(&mut self, event: &str, endpoint: &str) {
        self.problems += 1;
        if self.lost.len() < FINDINGS_MAX {
            self.lost.push(format!("{event} for {endpoint}"));
        }
    }

    /// Adds a finding about money.
    pub fn money_problem(&mut self, finding: Finding) {
        self.problems += 1;
        if self.money.len() < FINDINGS_MAX {
            self.money.push(finding);
        }
    }
}
