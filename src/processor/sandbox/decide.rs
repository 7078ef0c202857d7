//! Decisions: the outcome of a request, by the present state. Pure.

use std::time::Duration;

use super::cards::{Behaviour, Challenge, Fault, OffSession, Reason, TestCard};
use super::holding::{Holding, Journaled as Outcome, Kind};
use super::operation::{Decision, Names, Refusal, Seen, State, Stored, kind, new, not_passed, plain, row};
use super::undo;
use crate::clock::Timestamp;
use crate::processor::{Attach, Authorize, Capture, Decline, Refund, Request, Void, Voided};

/// The time after which a late operation is done.
const LATE: Duration = Duration::from_secs(5);

/// Decides on a request.
pub(super) fn perform(
    request: &Request,
    seen: &Seen,
    names: Names,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let fault = fault(request, seen);
    if fault.is_some_and(Fault::is_before) {
        return Ok(Decision::nothing(None, fault));
    }
    if let Some(own) = &seen.own {
        return match &own.request {
            Some(before) if before != request => Err(Refusal::KeyConflict),
            _ => Ok(Decision::nothing(Some(own.clone()), fault)),
        };
    }
    let decision = decide(request, seen, names, now)?;
    Ok(Decision { fault, ..told_later(decision, fault, now) })
}

/// Decides on an operation whose time has come.
pub(super) fn finish(pending: &Stored, request: &Request, seen: &Seen, now: Timestamp) -> Decision {
    let names = Names {
        reference: pending.reference.clone().unwrap_or_default(),
        challenge: pending.challenge.clone().unwrap_or_default(),
    };
    // All that it needs was there when it was put off.
    let mut decision = decide(request, seen, names, now)
        .unwrap_or_else(|_| Decision::of(pending.now(State::Declined(plain("processing_error")))));
    decision.notices.extend(decision.answer.clone().map(|done| (done, 1)));
    decision
}

/// The fault of a request's method. An attachment, which charges no buyer, has none, nor has a void by
/// key, which is the way out of every fault.
fn fault(request: &Request, seen: &Seen) -> Option<Fault> {
    let has_none = matches!(request, Request::Attach(_) | Request::Void(Void { of: Voided::OfKey(_), .. }));
    match seen.method.as_ref()?.card.behaviour {
        Behaviour::Faulty(fault) if !has_none => Some(fault),
        _ => None,
    }
}

/// The same decision, told later if the fault says so.
fn told_later(decision: Decision, fault: Option<Fault>, now: Timestamp) -> Decision {
    let Some(done) = decision.answer.clone().filter(|done| matches!(done.state, State::Approved(_))) else {
        return decision;
    };
    let due = Timestamp::from(now.system_time() + LATE);
    match fault {
        // It is decided anew at that time.
        Some(Fault::NoticeLate) => Decision::of(done.now(State::Pending(due))),
        Some(Fault::NoticeTwice) => {
            Decision { answer: Some(done.now(State::Pending(due))), notices: vec![(done, 2)], ..decision }
        }
        _ => decision,
    }
}

fn decide(request: &Request, seen: &Seen, names: Names, now: Timestamp) -> Result<Decision, Refusal> {
    match request {
        Request::Authorize(authorize) => self::authorize(authorize, request, seen, names),
        Request::Attach(attach) => self::attach(attach, request, seen, names),
        Request::Capture(Capture { amount, .. }) => {
            let holding = of_reference(seen)?;
            Ok(moves(request, seen, *amount, capture_refused(*amount, holding, now)))
        }
        Request::Refund(Refund { amount, .. }) => {
            let holding = of_reference(seen)?;
            Ok(moves(request, seen, *amount, refund_refused(*amount, holding)))
        }
        Request::Void(Void { of: Voided::Reference(_), .. }) => {
            of_reference(seen)?;
            Ok(undo::by_reference(request, seen))
        }
        Request::Void(Void { of: Voided::OfKey(voided), key }) => {
            if voided == key {
                return Err(Refusal::Invalid("A void can't be of its own key."));
            }
            Ok(undo::by_key(request, voided, seen))
        }
    }
}

/// The money of the authorisation that a request names.
fn of_reference(seen: &Seen) -> Result<Holding, Refusal> {
    // One that is late isn't there yet.
    let there = seen.of.as_ref().filter(|of| !matches!(of.state, State::Pending(_)));
    there.map(|_| Holding::of(&seen.rows)).ok_or(Refusal::NoSuchReference)
}

/// An operation that moves an amount of an authorisation, unless it is refused.
fn moves(request: &Request, seen: &Seen, amount: i64, refused: Option<&str>) -> Decision {
    let reference = seen.of.as_ref().and_then(|of| of.reference.clone());
    let (state, result) = match refused {
        Some(code) => (State::Declined(plain(code)), Outcome::Declined),
        None => (State::Approved(amount), Outcome::Approved),
    };
    let operation = Stored { reference, state, ..new(request) };
    let rows = kind(request).map(|kind| row(&operation, kind, result, amount, seen.currency.clone()));
    rows.into_iter().fold(Decision::of(operation), Decision::entry)
}

fn capture_refused(amount: i64, holding: Holding, now: Timestamp) -> Option<&'static str> {
    match holding {
        Holding { captured: Some(_), .. } => Some("charge_already_captured"),
        _ if holding.held() == 0 || holding.has_expired(now) => Some("charge_expired_for_capture"),
        _ if amount > holding.held() => Some("amount_too_large"),
        _ => None,
    }
}

fn refund_refused(amount: i64, holding: Holding) -> Option<&'static str> {
    match holding.kept() {
        0 if holding.captured.is_some() || holding.is_voided => Some("charge_already_refunded"),
        kept if amount > kept => Some("amount_too_large"),
        _ => None,
    }
}

fn authorize(
    authorize: &Authorize,
    request: &Request,
    seen: &Seen,
    names: Names,
) -> Result<Decision, Refusal> {
    let Some(method) = &seen.method else { return Err(Refusal::NoSuchMethod) };
    let new = Stored { method: Some(authorize.method.clone()), ..new(request) };
    let reference = Some(names.reference);
    let operation = match charged(method.card, authorize.off_session, method.set_up) {
        Charged::Approved => Stored { reference, state: State::Approved(authorize.amount), ..new },
        Charged::Declined(decline) => Stored { state: State::Declined(decline), ..new },
        Charged::Challenged => {
            Stored { reference, state: State::ActionRequired, challenge: Some(names.challenge), ..new }
        }
    };
    Ok(authorized(authorize, operation))
}

/// An authorisation with its rows.
fn authorized(authorize: &Authorize, operation: Stored) -> Decision {
    let result = match operation.state {
        State::Approved(_) => Outcome::Approved,
        State::ActionRequired => Outcome::ActionRequired,
        _ => Outcome::Declined,
    };
    let (amount, currency) = (authorize.amount, Some(authorize.currency.clone()));
    let held = row(&operation, Kind::Authorize, result, amount, currency.clone());
    let taken = row(&operation, Kind::Capture, Outcome::Approved, amount, currency);
    let is_taken = authorize.capture && result == Outcome::Approved;
    let decision = Decision::of(operation).entry(held);
    if is_taken { decision.entry(taken) } else { decision }
}

fn attach(attach: &Attach, request: &Request, seen: &Seen, names: Names) -> Result<Decision, Refusal> {
    let Some(method) = &seen.method else { return Err(Refusal::NoSuchMethod) };
    let new = Stored { method: Some(attach.method.clone()), ..new(request) };
    let operation = match method.card.behaviour {
        Behaviour::Declines(reason) => Stored { state: State::Declined(reason.decline(true)), ..new },
        Behaviour::ChallengeFails if attach.on_session => {
            Stored { state: State::Declined(Reason::Generic.decline(true)), ..new }
        }
        Behaviour::Challenges(_) if attach.on_session => {
            Stored { state: State::ActionRequired, challenge: Some(names.challenge), ..new }
        }
        _ => Stored { state: State::Approved(0), ..new },
    };
    Ok(Decision::of(operation))
}

/// The behaviour of a card at a charge.
enum Charged {
    Approved,
    Declined(Decline),
    Challenged,
}

fn charged(card: &TestCard, off_session: bool, is_set_up: bool) -> Charged {
    let challenge = match card.behaviour {
        Behaviour::Good | Behaviour::Faulty(_) => return Charged::Approved,
        Behaviour::Declines(reason) | Behaviour::AttachesThenDeclines(reason) => {
            return Charged::Declined(reason.decline(false));
        }
        Behaviour::ChallengeFails if off_session => return Charged::Declined(absent()),
        Behaviour::ChallengeFails => return Charged::Declined(Reason::Generic.decline(false)),
        Behaviour::Challenges(challenge) => challenge,
    };
    let does_without = match challenge.off_session {
        OffSession::Never => false,
        OffSession::OnceSetUp => is_set_up,
        OffSession::Always => true,
    };
    match (off_session, does_without) {
        (false, _) => Charged::Challenged,
        (true, true) => Charged::Approved,
        (true, false) => Charged::Declined(absent()),
    }
}

/// The decline of a charge that needs its absent buyer.
fn absent() -> Decline {
    let decline_code = Some("authentication_required".to_owned());
    Decline { decline_code, ..plain("authentication_required") }
}

/// Decides on the answer to a challenge. One that doesn't wait any more stays as it is.
pub(super) fn challenged(waiting: &Stored, card: &TestCard, has_passed: bool) -> Decision {
    if waiting.state != State::ActionRequired {
        return Decision::nothing(Some(waiting.clone()), None);
    }
    let then = match card.behaviour {
        Behaviour::Challenges(Challenge { then, .. }) => then,
        _ => None,
    };
    let mut decision = match &waiting.request {
        Some(Request::Authorize(authorize)) => {
            let state = match (has_passed, then) {
                (true, None) => State::Approved(authorize.amount),
                (true, Some(reason)) => State::Declined(reason.decline(false)),
                (false, _) => State::Declined(not_passed()),
            };
            authorized(authorize, waiting.now(state))
        }
        _ if has_passed => Decision::of(waiting.now(State::Approved(0))),
        _ => Decision::of(waiting.now(State::Declined(plain("setup_intent_authentication_failure")))),
    };
    decision.set_up = waiting.method.clone().filter(|_| has_passed);
    decision.notices.extend(decision.answer.clone().map(|operation| (operation, 1)));
    decision
}
