//! The result of a rule.

use serde::Serialize;

/// The reason that a rule wasn't kept, or couldn't be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stopped {
    Failed(String),
    Skipped(String),
}

/// The result of trying a rule.
pub(super) type Verdict<T = ()> = Result<T, Stopped>;

/// A failed rule.
pub(super) fn fail<T>(why: impl Into<String>) -> Verdict<T> {
    Err(Stopped::Failed(why.into()))
}

/// A failed rule, unless that holds.
pub(super) fn hold(holds: bool, why: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { fail(why()) }
}

/// The state of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is kept.
    Ok,
    /// It isn't.
    Failed,
    /// It couldn't be tried, and needn't be.
    Skipped,
}

/// A rule and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// The rule, as a sentence.
    pub about: &'static str,
    /// Its state.
    pub state: State,
    /// The reason, unless it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Finding {
    pub(super) fn of((rule, about): (&'static str, &'static str), verdict: Verdict) -> Self {
        let (state, why) = match verdict {
            Ok(()) => (State::Ok, None),
            Err(Stopped::Failed(why)) => (State::Failed, Some(why)),
            Err(Stopped::Skipped(why)) => (State::Skipped, Some(why)),
        };
        Self { rule, about, state, why }
    }
}
