//! Money that moved for an attempt that was closed as failed.

use super::*;
use crate::domain::attempt::Operation;
use crate::domain::payment_intent::{Return, Suspend};

/// An intent whose first attempt was declined, and that attempt.
fn failed(capture: bool) -> (World, IntentId, Attempt) {
    let terms = if capture { Terms::default() } else { manual() };
    let (world, id) = made(&nothing(), fresh(), terms);
    let world = world.when(&confirm(id, Chosen::Keep)).world;
    let attempt = attempt(&world, id);
    (close(&world, id, declined("insufficient_funds")).world, id, attempt)
}

fn suspend(id: IntentId, failed: &Attempt) -> Suspend {
    Suspend { id, failed: failed.clone(), amount: 1_000, reference: "ref_1".to_owned(), opening: opening() }
}

fn given_back(id: IntentId, key: &str, word: Word) -> Return {
    Return { id, key: key.to_owned(), word: Some(word), opening: opening() }
}

#[test]
fn it_is_posted_to_suspense_and_given_back_by_an_attempt_of_its_own() {
    for capture in [true, false] {
        let (world, id, attempt) = failed(capture);
        let noted = world.when(&suspend(id, &attempt));
        assert_eq!(noted.types(), ["payment_intent.updated"]);
        assert_eq!(intent(&noted.world, id), intent(&world, id), "nobody paid");
        let kept = noted.world.internal(id);
        assert_eq!(
            kept["postings"]["amounts"],
            serde_json::json!({ "processor": 1_000, "suspense": -1_000 })
        );
        assert_eq!(kept["suspense"]["key"], attempt.key);
        let moved = kept["suspense"]["movements"].as_array().map(Vec::len);
        assert_eq!(moved, Some(if capture { 2 } else { 1 }));
        assert_eq!(kept["due"], NOW.seconds() + 17);
        let returning = self::kept(&noted.world, id).returning.expect("it is given back");
        assert_eq!(returning.attempt.key, format!("{id}.2.1"));
        let refunds = matches!(returning.attempt.operation, Operation::Refund { amount: 1_000, .. });
        assert_eq!(refunds, capture, "what was only held is released");
        assert_eq!(noted.world.when(&suspend(id, &attempt)).types(), [""; 0], "told twice");
        let closed = noted.world.when(&given_back(id, &returning.attempt.key, approved(1_000)));
        assert_eq!(closed.types(), ["payment_intent.updated"]);
        let kept = closed.world.internal(id);
        assert_eq!(
            kept["postings"]["amounts"],
            serde_json::json!({ "processor": -1_000, "suspense": 1_000 })
        );
        assert_eq!((&kept["returning"], &kept["due"]), (&serde_json::Value::Null, &serde_json::Value::Null));
        assert_eq!(closed.world.when(&suspend(id, &attempt)).types(), [""; 0], "told after it");
        let again = given_back(id, &returning.attempt.key, approved(1_000));
        assert_eq!(closed.world.when(&again).types(), [""; 0]);
    }
}

#[test]
fn a_return_that_is_declined_is_asked_for_again_later() {
    let (world, id, attempt) = failed(true);
    let noted = world.when(&suspend(id, &attempt)).world;
    let first = self::kept(&noted, id).returning.expect("it is given back");
    let then = noted.when(&given_back(id, &first.attempt.key, declined("processing_error")));
    let kept = self::kept(&then.world, id);
    let next = kept.returning.expect("it is still to be given back");
    assert_eq!((next.attempt.key.as_str(), next.of), (&*format!("{id}.3.1"), attempt.key));
    assert_eq!(next.attempt.operation, first.attempt.operation);
    assert_eq!(then.world.internal(id)["due"], NOW.seconds() + 60);
    assert_eq!(then.world.internal(id)["postings"], serde_json::Value::Null, "it is still in suspense");
}

#[test]
fn another_payment_goes_on_meanwhile() {
    let (world, id, attempt) = failed(true);
    let noted = world.when(&suspend(id, &attempt)).world;
    let confirmed = noted.when(&confirm(id, fresh()));
    let paid = close(&confirmed.world, id, approved(1_000)).world;
    assert_eq!(status(&paid, id), Status::Succeeded);
    let returning = self::kept(&paid, id).returning.expect("it is still to be given back");
    assert_eq!(returning.of, attempt.key);
    assert_eq!(paid.internal(id)["due"], NOW.seconds() + 17);
}

#[test]
fn a_return_of_which_nobody_knows_is_put_off_ever_longer() {
    let (world, id, attempt) = failed(true);
    let noted = world.when(&suspend(id, &attempt)).world;
    let first = self::kept(&noted, id).returning.expect("it is given back");
    let mut world = noted;
    for (after, waits) in [(100, 100), (10, 60), (7_200, 7_200)] {
        let opening = opening_at(NOW.seconds() + after);
        let then = world.when(&Return { id, key: first.attempt.key.clone(), word: None, opening });
        assert_eq!(then.types(), ["payment_intent.updated"]);
        let kept = then.world.internal(id);
        assert_eq!(kept["due"], NOW.seconds() + after + waits);
        assert_eq!(kept["returning"]["attempt"]["key"], first.attempt.key, "it is the same operation");
        assert_eq!(kept["opened"], serde_json::Value::Null);
        world = then.world;
    }
}

#[test]
fn what_somebody_else_has_given_back_is_over() {
    let (world, id, attempt) = failed(true);
    let noted = world.when(&suspend(id, &attempt)).world;
    let returning = self::kept(&noted, id).returning.expect("it is given back");
    let over =
        Word::Declined(Decline { code: "charge_already_refunded".to_owned(), ..Decline::processing_error() });
    let then = noted.when(&given_back(id, &returning.attempt.key, over));
    let kept = then.world.internal(id);
    assert_eq!(kept["returning"], serde_json::Value::Null);
    assert_eq!(kept["postings"]["amounts"]["suspense"], 1_000);
    assert_eq!(kept["closed"]["movements"], serde_json::Value::Null, "no row of ours");
}

#[test]
fn it_is_posted_in_the_currency_that_it_moved_in() {
    let (world, id, attempt) = failed(true);
    let eur: Currency = "eur".parse().expect("a currency");
    let noted = world.when(&suspend(id, &attempt)).world;
    let money = |world: &World| world.internal(id)["postings"]["currency"].clone();
    assert_eq!(money(&noted), "usd");
    let other = noted.when(&update(id, Terms { currency: Some(eur), ..Terms::default() })).world;
    let returning = self::kept(&other, id).returning.expect("it is given back");
    let back = other.when(&given_back(id, &returning.attempt.key, approved(1_000))).world;
    assert_eq!(money(&back), "usd");
}
