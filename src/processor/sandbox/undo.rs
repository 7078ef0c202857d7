//! Voids: by the reference of an authorisation, or by the key of an operation that may not have arrived.
//! Pure.

use super::holding::{Entry, Holding, Journaled as Outcome, Kind};
use super::operation::{Decision, Seen, State, Stored, new, not_passed, plain, row};
use crate::processor::Request;

/// Releases the amount that is held under a reference.
pub(super) fn by_reference(request: &Request, seen: &Seen) -> Decision {
    let of = seen.of.clone().unwrap_or_else(|| new(request));
    if of.state == State::ActionRequired {
        return closed(request, &of, seen);
    }
    let holding = Holding::of(&seen.rows);
    let own = own(request, &of);
    if holding.held() > 0 {
        return moved(own, Kind::Void, holding.held(), seen);
    }
    let code = if holding.captured.is_some() { "charge_already_captured" } else { "charge_already_refunded" };
    refused(own, code, seen)
}

/// Undoes the operation of a key. One that was never seen, or isn't done yet, is refused from now on.
pub(super) fn by_key(request: &Request, voided: &str, seen: &Seen) -> Decision {
    let Some(of) = &seen.of else {
        let never = Stored { key: voided.to_owned(), request: None, ..new(request) };
        let mut decision = Decision::of(new(request)).entry(tombstone(voided));
        decision.writes.push(never);
        return decision;
    };
    let own = own(request, of);
    match of.state {
        State::Never => Decision::of(Stored { reference: None, ..own }),
        State::Pending(_) => {
            let own = Stored { reference: None, ..own };
            Decision::of(own).entry(tombstone(voided)).and_closes(of.now(State::Never))
        }
        State::ActionRequired => closed(request, of, seen),
        State::Declined(_) => nothing_moved(own, of, seen),
        State::Approved(_) => approved(own, of, seen),
    }
}

/// Undoes an operation that was performed.
fn approved(own: Stored, of: &Stored, seen: &Seen) -> Decision {
    // An amount that was given back or released can't be taken again.
    if matches!(of.request, Some(Request::Refund(_) | Request::Void(_))) {
        return refused(own, "charge_already_refunded", seen);
    }
    let holding = Holding::of(&seen.rows);
    match (holding.held(), holding.kept()) {
        (held, _) if held > 0 => moved(own, Kind::Void, held, seen),
        (_, kept) if kept > 0 => moved(own, Kind::Refund, kept, seen),
        _ => nothing_moved(own, of, seen),
    }
}

/// Closes an operation that waits for a challenge.
fn closed(request: &Request, of: &Stored, seen: &Seen) -> Decision {
    let decline = match of.request {
        Some(Request::Attach(_)) => plain("setup_intent_authentication_failure"),
        _ => not_passed(),
    };
    nothing_moved(own(request, of), of, seen).and_closes(of.now(State::Declined(decline)))
}

/// The void's own operation.
fn own(request: &Request, of: &Stored) -> Stored {
    Stored { reference: of.reference.clone(), ..new(request) }
}

fn moved(own: Stored, kind: Kind, amount: i64, seen: &Seen) -> Decision {
    let own = Stored { state: State::Approved(amount), ..own };
    let entry = row(&own, kind, Outcome::Approved, amount, seen.currency.clone());
    Decision::of(own).entry(entry)
}

/// There was no money to release. An operation without money has no row either.
fn nothing_moved(own: Stored, of: &Stored, seen: &Seen) -> Decision {
    if matches!(of.request, Some(Request::Attach(_))) {
        return Decision::of(own.now(State::Approved(0)));
    }
    moved(own, Kind::Void, 0, seen)
}

fn refused(own: Stored, code: &str, seen: &Seen) -> Decision {
    let own = Stored { state: State::Declined(plain(code)), ..own };
    let entry = row(&own, Kind::Void, Outcome::Declined, 0, seen.currency.clone());
    Decision::of(own).entry(entry)
}

/// The row of a key that was voided before it was performed.
fn tombstone(voided: &str) -> Entry {
    Entry {
        key: voided.to_owned(),
        kind: Kind::Void,
        result: Outcome::Never,
        amount: 0,
        currency: None,
        reference: None,
    }
}
