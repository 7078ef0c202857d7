//! The money of one authorisation: the fold of its rows in the journal.

use crate::clock::Timestamp;

/// For how long an amount is held, in seconds: seven days.
pub(super) const HOLD_SECONDS: u64 = 7 * 24 * 60 * 60;

/// The operation that a row of the journal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Authorize,
    Capture,
    Void,
    Refund,
}

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Journaled {
    Approved,
    Declined,
    ActionRequired,
    Never,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Authorize, Self::Capture, Self::Void, Self::Refund];

    /// Its name in the journal.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }

    /// The kind of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Journaled {
    const ALL: [Self; 4] = [Self::Approved, Self::Declined, Self::ActionRequired, Self::Never];

    /// Its name in the journal.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::ActionRequired => "action_required",
            Self::Never => "never",
        }
    }

    /// The result of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.name() == name)
    }
}

/// A row of the journal that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) kind: Kind,
    pub(super) result: Journaled,
    /// The amount that moved; of an operation that was declined or waits, the amount that was asked for.
    pub(super) amount: i64,
    /// `None` for a key that was voided before it was seen.
    pub(super) currency: Option<String>,
    pub(super) reference: Option<String>,
}

/// A row of the journal that was written: its kind, its result, its amount and its time.
pub(super) type Written = (Kind, Journaled, i64, Timestamp);

/// The money of one authorisation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Holding {
    /// The amount that was authorised, and the time; `None` if it wasn't, or isn't yet.
    pub(super) authorized: Option<(i64, Timestamp)>,
    /// The amount that was taken; `None` if nothing was yet.
    pub(super) captured: Option<i64>,
    /// The amount that was given back.
    pub(super) refunded: i64,
    /// True if it was released.
    pub(super) is_voided: bool,
}

impl Holding {
    /// The state that these rows lead to.
    pub(super) fn of(rows: &[Written]) -> Self {
        let mut holding = Self::default();
        for (kind, result, amount, at) in rows {
            match (kind, result) {
                (Kind::Authorize, Journaled::Approved) => holding.authorized = Some((*amount, *at)),
                (Kind::Capture, Journaled::Approved) => holding.captured = Some(*amount),
                (Kind::Refund, Journaled::Approved) => holding.refunded += *amount,
                // One that found nothing to release, as of a declined capture, releases nothing.
                (Kind::Void, Journaled::Approved) => holding.is_voided |= *amount > 0,
                _ => {}
            }
        }
        holding
    }

    /// The amount that is held. A capture takes a part of it and releases the rest.
    pub(super) fn held(&self) -> i64 {
        match self.authorized {
            Some((amount, _)) if self.captured.is_none() && !self.is_voided => amount,
            _ => 0,
        }
    }

    /// The amount that was taken and not given back.
    pub(super) fn kept(&self) -> i64 {
        self.captured.unwrap_or(0) - self.refunded
    }

    /// True if the issuer doesn't hold the amount any more.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.authorized.is_some_and(|(_, at)| now.seconds().saturating_sub(at.seconds()) >= HOLD_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_000);

    fn folded(rows: &[(Kind, Journaled, i64)]) -> (i64, i64) {
        let rows: Vec<Written> =
            rows.iter().map(|(kind, result, amount)| (*kind, *result, *amount, AT)).collect();
        let holding = Holding::of(&rows);
        (holding.held(), holding.kept())
    }

    #[test]
    fn money_is_held_then_taken_then_given_back() {
        use Journaled::{ActionRequired, Approved, Declined};
        use Kind::{Authorize, Capture, Refund, Void};
        let waits = [(Authorize, ActionRequired, 900)];
        let held = [(Authorize, ActionRequired, 900), (Authorize, Approved, 900)];
        assert_eq!((folded(&waits), folded(&held)), ((0, 0), (900, 0)));
        let in_part = [(Authorize, Approved, 900), (Capture, Declined, 901), (Capture, Approved, 600)];
        assert_eq!(folded(&in_part), (0, 600));
        let back =
            [&in_part[..], &[(Refund, Approved, 100), (Refund, Declined, 600), (Refund, Approved, 50)]];
        assert_eq!(folded(&back.concat()), (0, 450));
        assert_eq!(folded(&[(Authorize, Approved, 900), (Void, Approved, 900)]), (0, 0));
        assert_eq!(folded(&[(Authorize, Approved, 900), (Void, Declined, 900)]), (900, 0));
        assert_eq!(folded(&[(Authorize, Approved, 900), (Void, Approved, 0)]), (900, 0));
    }

    #[test]
    fn a_hold_ends_after_seven_days() {
        let holding = Holding::of(&[(Kind::Authorize, Journaled::Approved, 900, AT)]);
        let later = |seconds| Timestamp::from_seconds(AT.seconds() + seconds);
        assert!(!holding.has_expired(later(HOLD_SECONDS - 1)) && holding.has_expired(later(HOLD_SECONDS)));
    }
}
