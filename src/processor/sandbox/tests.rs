//! The decisions, without a database: the outcome of each request, by the present state.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::cards::named;
use super::decide;
use super::holding::{Entry, Journaled, Kind, Written};
use super::methods::{Kept, by_name};
use super::operation::{Decision, Names, Refusal, Seen, State, Stored};
use crate::clock::Timestamp;
use crate::processor::{Request, Void, Voided};

const NOW: Timestamp = Timestamp::from_seconds(1_795_845_600);

/// A sandbox in memory: the content of the database, and nothing else.
struct World {
    card: Kept,
    operations: HashMap<String, Stored>,
    journal: Vec<Entry>,
    now: Timestamp,
}

impl World {
    fn with(card: &str) -> Self {
        let card = named(&format!("pm_card_{card}")).expect("a card");
        let card = by_name(card, "card_1".to_owned(), b"key", NOW);
        Self { card, operations: HashMap::new(), journal: Vec::new(), now: NOW }
    }

    fn seen(&self, request: &Request) -> Seen {
        let by_reference = |reference: &str| {
            let mut all = self.operations.values();
            all.find(|of| {
                of.reference.as_deref() == Some(reference)
                    && matches!(of.request, Some(Request::Authorize(_)))
            })
        };
        let of = match request {
            Request::Authorize(_) | Request::Attach(_) => None,
            Request::Capture(capture) => by_reference(&capture.reference),
            Request::Refund(refund) => by_reference(&refund.reference),
            Request::Void(Void { of: Voided::Reference(reference), .. }) => by_reference(reference),
            Request::Void(Void { of: Voided::OfKey(key), .. }) => self.operations.get(key),
        };
        let reference = of.and_then(|of| of.reference.clone());
        let rows = self.journal.iter().filter(|row| reference.is_some() && row.reference == reference);
        let written = |row: &Entry| -> Written { (row.kind, row.result, row.amount, NOW) };
        Seen {
            own: self.operations.get(request.key()).cloned(),
            of: of.cloned(),
            method: Some(self.card.clone()),
            rows: rows.map(written).collect(),
            currency: Some("eur".to_owned()),
        }
    }

    fn take(&mut self, decision: Decision) -> Decision {
        for operation in &decision.writes {
            self.operations.insert(operation.key.clone(), operation.clone());
        }
        self.journal.extend(decision.entries.iter().cloned());
        self.card.set_up |= decision.set_up.is_some();
        decision
    }

    fn tried(&mut self, request: Value) -> Result<Decision, Refusal> {
        let request = serde_json::from_value(request).expect("a request");
        let names = Names { reference: format!("ref_{}", self.operations.len()), challenge: "c".to_owned() };
        let decision = decide::perform(&request, &self.seen(&request), names, self.now)?;
        Ok(self.take(decision))
    }

    fn perform(&mut self, request: Value) -> State {
        let done = self.tried(request).expect("it is no refusal").answer;
        done.expect("an answer").state
    }

    fn authorize(&mut self, key: &str, capture: bool, off_session: bool) -> State {
        self.perform(json!({
            "kind": "authorize", "key": key, "method": "card_1", "amount": 900, "currency": "eur",
            "capture": capture, "off_session": off_session,
        }))
    }

    fn of_reference(&mut self, kind: &str, key: &str, amount: Option<i64>) -> State {
        let reference = self.operations["pi_1.1"].reference.clone();
        let mut request = json!({ "kind": kind, "key": key, "reference": reference });
        if let Some(amount) = amount {
            request["amount"] = amount.into();
        }
        self.perform(request)
    }

    fn void_key(&mut self, key: &str, of_key: &str) -> State {
        self.perform(json!({ "kind": "void", "key": key, "of_key": of_key }))
    }

    fn answer(&mut self, key: &str, has_passed: bool) -> State {
        let decision = decide::challenged(&self.operations[key].clone(), self.card.card, has_passed);
        self.take(decision).answer.expect("an answer").state
    }

    fn rows(&self) -> Vec<(&str, Kind, Journaled, i64)> {
        self.journal.iter().map(|row| (row.key.as_str(), row.kind, row.result, row.amount)).collect()
    }
}

/// The code of a decline.
fn code(state: &State) -> &str {
    match state {
        State::Declined(decline) => &decline.code,
        other => panic!("it wasn't declined: {other:?}"),
    }
}

use Journaled::{ActionRequired, Approved, Declined, Never};
use Kind::{Authorize, Capture, Refund, Void as Voiding};

#[test]
fn a_key_is_one_operation_and_other_parameters_conflict() {
    let mut world = World::with("visa");
    assert_eq!(world.authorize("pi_1.1", true, false), State::Approved(900));
    assert_eq!(world.authorize("pi_1.1", true, false), State::Approved(900));
    assert_eq!(world.rows(), [("pi_1.1", Authorize, Approved, 900), ("pi_1.1", Capture, Approved, 900)]);
    let other = world.tried(json!({
        "kind": "authorize", "key": "pi_1.1", "method": "card_1", "amount": 901, "currency": "eur",
        "capture": true, "off_session": false,
    }));
    assert_eq!(other, Err(Refusal::KeyConflict));
    assert_eq!(world.tried(json!({ "kind": "void", "key": "v", "of_key": "v" })).err(), {
        Some(Refusal::Invalid("A void can't be of its own key."))
    });
}

#[test]
fn no_more_is_taken_than_is_held_and_no_more_given_back_than_was_taken() {
    let mut world = World::with("visa");
    world.authorize("pi_1.1", false, false);
    assert_eq!(code(&world.of_reference("refund", "re_0.1", Some(1))), "amount_too_large");
    assert_eq!(code(&world.of_reference("capture", "pi_1.2", Some(901))), "amount_too_large");
    assert_eq!(world.of_reference("capture", "pi_1.3", Some(600)), State::Approved(600));
    assert_eq!(code(&world.of_reference("capture", "pi_1.4", Some(1))), "charge_already_captured");
    assert_eq!(code(&world.of_reference("void", "pi_1.5", None)), "charge_already_captured");
    assert_eq!(code(&world.of_reference("refund", "re_1.1", Some(601))), "amount_too_large");
    assert_eq!(world.of_reference("refund", "re_2.1", Some(400)), State::Approved(400));
    assert_eq!(world.of_reference("refund", "re_3.1", Some(200)), State::Approved(200));
    assert_eq!(code(&world.of_reference("refund", "re_4.1", Some(1))), "charge_already_refunded");
    let moved: i64 =
        world.rows().iter().filter(|row| row.2 == Approved && row.1 == Refund).map(|row| row.3).sum();
    assert_eq!(moved, 600);
}

#[test]
fn what_is_released_or_too_old_is_not_taken() {
    let mut world = World::with("visa");
    world.authorize("pi_1.1", false, false);
    assert_eq!(world.of_reference("void", "pi_1.2", None), State::Approved(900));
    assert_eq!(code(&world.of_reference("capture", "pi_1.3", Some(900))), "charge_expired_for_capture");
    assert_eq!(code(&world.of_reference("void", "pi_1.4", None)), "charge_already_refunded");
    let mut world = World::with("visa");
    world.authorize("pi_1.1", false, false);
    world.now = Timestamp::from_seconds(NOW.seconds() + super::holding::HOLD_SECONDS);
    assert_eq!(code(&world.of_reference("capture", "pi_1.2", Some(900))), "charge_expired_for_capture");
}

#[test]
fn a_void_by_key_refuses_the_late_original_for_ever() {
    let mut world = World::with("visa");
    assert_eq!(world.void_key("pi_1.2", "pi_1.1"), State::Never);
    for _ in 0..2 {
        assert_eq!(world.authorize("pi_1.1", true, false), State::Never);
    }
    assert_eq!(world.void_key("pi_1.3", "pi_1.1"), State::Never);
    assert_eq!(world.rows(), [("pi_1.1", Voiding, Never, 0)]);
}

#[test]
fn a_void_by_key_undoes_what_was_performed() {
    let mut held = World::with("visa");
    held.authorize("pi_1.1", false, false);
    assert_eq!(held.void_key("pi_1.2", "pi_1.1"), State::Approved(900));
    assert_eq!(held.rows()[1..], [("pi_1.2", Voiding, Approved, 900)]);
    let mut taken = World::with("visa");
    taken.authorize("pi_1.1", true, false);
    taken.of_reference("refund", "re_1.1", Some(100));
    assert_eq!(taken.void_key("pi_1.2", "pi_1.1"), State::Approved(800));
    assert_eq!(taken.rows()[3..], [("pi_1.2", Refund, Approved, 800)]);
    assert_eq!(code(&taken.void_key("re_1.2", "re_1.1")), "charge_already_refunded");
    assert_eq!(taken.void_key("pi_1.3", "pi_1.1"), State::Approved(0), "there is nothing left");
}

/// A declined capture's key is voided, and the hold that it was for stays.
#[test]
fn a_void_of_what_was_declined_releases_nothing() {
    let mut world = World::with("visa");
    world.authorize("pi_1.1", false, false);
    world.of_reference("capture", "pi_1.2", Some(901));
    assert_eq!(world.void_key("pi_1.3", "pi_1.2"), State::Approved(0));
    assert_eq!(world.of_reference("capture", "pi_1.4", Some(900)), State::Approved(900));
}

#[test]
fn a_challenge_is_passed_failed_or_closed_once() {
    let mut passed = World::with("authenticationRequired");
    assert_eq!(passed.authorize("pi_1.1", true, false), State::ActionRequired);
    assert_eq!(passed.answer("pi_1.1", true), State::Approved(900));
    assert_eq!(passed.answer("pi_1.1", false), State::Approved(900), "it is over");
    let rows = [ActionRequired, Approved, Approved];
    assert_eq!(passed.rows().iter().map(|row| row.2).collect::<Vec<_>>(), rows);
    let mut failed = World::with("authenticationRequired");
    failed.authorize("pi_1.1", true, false);
    assert_eq!(code(&failed.answer("pi_1.1", false)), "payment_intent_authentication_failure");
    let mut closed = World::with("authenticationRequired");
    closed.authorize("pi_1.1", true, false);
    assert_eq!(closed.void_key("pi_1.2", "pi_1.1"), State::Approved(0));
    assert_eq!(code(&closed.answer("pi_1.1", true)), "payment_intent_authentication_failure");
    assert_eq!(closed.rows()[1..], [("pi_1.2", Voiding, Approved, 0)]);
    let mut declined = World::with("authenticationRequiredChargeDeclinedInsufficientFunds");
    declined.authorize("pi_1.1", true, false);
    assert_eq!(code(&declined.answer("pi_1.1", true)), "card_declined");
}

#[test]
fn a_charge_without_its_buyer_needs_a_card_that_was_set_up() {
    for (card, before, after) in [
        ("authenticationRequired", false, false),
        ("threeDSecure2Required", false, false),
        ("authenticationRequiredOnSetup", false, true),
        ("authenticationRequiredSetupForOffSession", true, true),
    ] {
        let mut world = World::with(card);
        let charged = |world: &mut World, key: &str, is_approved: bool| match world.authorize(key, true, true)
        {
            State::Approved(_) => assert!(is_approved, "{card} {key}"),
            declined => assert!(!is_approved && code(&declined) == "authentication_required", "{card} {key}"),
        };
        charged(&mut world, "pi_1.1", before);
        let attach = json!({ "kind": "attach", "key": "seti_1.1", "method": "card_1", "on_session": true });
        assert_eq!(world.perform(attach), State::ActionRequired, "{card}");
        assert_eq!(world.answer("seti_1.1", true), State::Approved(0), "{card}");
        charged(&mut world, "pi_2.1", after);
        assert_eq!(world.authorize("pi_3.1", true, false), State::ActionRequired, "{card}");
    }
}

#[test]
fn declining_cards_cannot_be_attached_but_for_the_one_that_declines_later() {
    for (card, attached, charged, reason) in [
        ("visa", None, None, None),
        ("threeDSecureOptional", None, None, None),
        ("chargeDeclined", Some("card_declined"), Some("card_declined"), Some("generic_decline")),
        (
            "visa_chargeDeclinedInsufficientFunds",
            Some("card_declined"),
            Some("card_declined"),
            Some("insufficient_funds"),
        ),
        ("chargeDeclinedExpiredCard", Some("expired_card"), Some("expired_card"), None),
        ("chargeDeclinedIncorrectCvc", Some("incorrect_cvc"), Some("incorrect_cvc"), Some("incorrect_cvc")),
        ("chargeCustomerFail", None, Some("card_declined"), Some("generic_decline")),
        ("visa_chargeCustomerFailLostCard", None, Some("card_declined"), Some("lost_card")),
        ("threeDSecureRequiredProcessingError", None, Some("card_declined"), Some("generic_decline")),
    ] {
        let mut world = World::with(card);
        let attach = json!({ "kind": "attach", "key": "pm_1.1", "method": "card_1", "on_session": false });
        match (world.perform(attach), attached) {
            (State::Approved(0), None) => {}
            (state, expected) => assert_eq!(Some(code(&state)), expected, "{card}"),
        }
        assert!(world.journal.is_empty(), "{card}: no money, no row");
        match (world.authorize("pi_1.1", false, false), charged) {
            (State::Approved(900), None) => {}
            (State::Declined(decline), Some(code)) => {
                assert_eq!(
                    (decline.code.as_str(), decline.decline_code.as_deref()),
                    (code, reason),
                    "{card}"
                );
                assert_eq!(world.rows(), [("pi_1.1", Authorize, Declined, 900)], "{card}");
            }
            (state, _) => panic!("{card}: {state:?}"),
        }
    }
}

#[test]
fn a_fault_holds_for_every_operation_through_a_method_but_not_for_the_way_out() {
    let mut world = World::with("badGateway");
    let lost = world.tried(json!({
        "kind": "authorize", "key": "pi_1.1", "method": "card_1", "amount": 900, "currency": "eur",
        "capture": true, "off_session": false,
    }));
    assert_eq!(lost.expect("no refusal").answer, None);
    assert!(world.operations.is_empty() && world.journal.is_empty(), "nothing was seen");
    let attach = json!({ "kind": "attach", "key": "pm_1.1", "method": "card_1", "on_session": false });
    assert_eq!(world.perform(attach), State::Approved(0));
    assert_eq!(world.void_key("pi_1.2", "pi_1.1"), State::Never);
}

#[test]
fn a_late_operation_is_done_in_its_time_unless_it_is_voided_before() {
    let late = |world: &World, key: &str| {
        let pending = world.operations[key].clone();
        let request = pending.request.clone().expect("a request");
        decide::finish(&pending, &request, &world.seen(&request), NOW)
    };
    let mut world = World::with("noticeLate");
    let due = Timestamp::from_seconds(NOW.seconds() + 5);
    assert_eq!(world.authorize("pi_1.1", true, false), State::Pending(due));
    assert_eq!(world.authorize("pi_1.1", true, false), State::Pending(due));
    assert!(world.journal.is_empty(), "nothing is done yet");
    let reference = world.operations["pi_1.1"].reference.clone();
    let early = json!({ "kind": "refund", "key": "re_1.1", "reference": reference, "amount": 1 });
    assert_eq!(world.tried(early), Err(Refusal::NoSuchReference));
    let decision = late(&world, "pi_1.1");
    let done = world.take(decision);
    assert_eq!(done.notices.len(), 1);
    assert_eq!(world.rows(), [("pi_1.1", Authorize, Approved, 900), ("pi_1.1", Capture, Approved, 900)]);
    assert_eq!(world.operations["pi_1.1"].reference, reference);
    let mut voided = World::with("noticeLate");
    voided.authorize("pi_1.1", true, false);
    assert_eq!(voided.void_key("pi_1.2", "pi_1.1"), State::Never);
    assert_eq!(voided.operations["pi_1.1"].state, State::Never);
    assert_eq!(voided.rows(), [("pi_1.1", Voiding, Never, 0)]);
}

#[test]
fn what_is_told_twice_is_done_at_once_and_kept_as_it_is() {
    let mut world = World::with("noticeTwice");
    let first = world.tried(json!({
        "kind": "authorize", "key": "pi_1.1", "method": "card_1", "amount": 900, "currency": "eur",
        "capture": false, "off_session": false,
    }));
    let first = first.expect("no refusal");
    assert!(matches!(first.answer, Some(Stored { state: State::Pending(_), .. })));
    assert_eq!(
        first.notices.iter().map(|(of, copies)| (&of.state, *copies)).collect::<Vec<_>>(),
        [(&State::Approved(900), 2)]
    );
    assert_eq!(world.authorize("pi_1.1", false, false), State::Approved(900));
}
