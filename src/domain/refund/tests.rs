use super::*;
use crate::clock::Timestamp;
use crate::domain::attempt::{Heard, Opening, Word};
use crate::domain::payment_intent::{self, PaymentIntent, Terms};
use crate::domain::payment_method::{Chosen, testing};
use crate::domain::testing::{Then, World, nothing};
use crate::domain::types::decline::Decline;
use crate::domain::types::metadata::MetadataChange;
use crate::domain::{ParameterError, Problem, Rejection};

type IntentId = Id<contract::PaymentIntent>;
type RefundId = Id<contract::Refund>;

const NOW: Timestamp = Timestamp::from_seconds(10_000);

fn opening() -> Opening {
    Opening { account: 1, at: 10_000, deadline: 10_017, ..Opening::default() }
}

fn new<K: contract::Kind>() -> New<K> {
    New { id: Id::generate(Timestamp::from_seconds(1_000)), livemode: false }
}

fn heard(word: Word) -> Heard {
    Heard { word, is_after_void: false }
}

fn approved(amount: i64) -> Heard {
    heard(Word::Approved { amount, reference: Some("r".to_owned()) })
}

/// A world with a payment of 100.00.
fn paid() -> (World, IntentId) {
    paid_in("usd")
}

/// A world with a payment of 10,000 of the smallest unit.
fn paid_in(currency: &str) -> (World, IntentId) {
    let new = new();
    let create = payment_intent::Create {
        new,
        secret: "s".to_owned(),
        money: (10_000, currency.parse().expect("a currency")),
        customer: None,
        chosen: Chosen::New(Box::new(testing::create())),
        terms: Terms::default(),
        confirming: Some(payment_intent::Confirming::default()),
        opening: opening(),
    };
    let world = nothing().when(&create).world;
    let key = format!("{}.1.1", new.id);
    let charge = Id::generate(Timestamp::from_seconds(1_000));
    let close = payment_intent::Close { id: new.id, key, heard: approved(10_000), charge, now: NOW };
    (world.when(&close).world, new.id)
}

fn create(of: IntentId, amount: Option<i64>) -> Create {
    Create {
        new: new(),
        of: Of::Intent(of),
        amount,
        reason: None,
        metadata: MetadataChange::default(),
        opening: opening(),
    }
}

fn refunded(world: &World, of: IntentId, amount: Option<i64>) -> (World, RefundId) {
    let create = create(of, amount);
    let made = world.when(&create);
    assert_eq!(made.types(), ["charge.updated", "refund.created"]);
    (made.world, create.new.id)
}

fn close(world: &World, id: RefundId, heard: Heard) -> Then {
    world.when(&Close { id, key: format!("{id}.1.1"), heard })
}

fn charge(world: &World, of: IntentId) -> Charge {
    let intent: PaymentIntent = world.object(of).expect("an intent");
    world.object(intent.latest_charge().expect("a charge")).expect("a charge")
}

#[test]
fn refunds_under_way_are_counted() {
    let (world, of) = paid();
    let (world, first) = refunded(&world, of, Some(6_000));
    let problem = match world.decide(&create(of, Some(6_000))) {
        Err(Rejection::Parameter(ParameterError { param, problem })) => {
            assert_eq!(param, "amount");
            problem
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(problem, Problem::MoreThanIsLeft("$60.00 usd".to_owned(), "$40.00 usd".to_owned()));
    let closed = close(&world, first, approved(6_000));
    assert_eq!(closed.types(), ["charge.refunded", "refund.updated"]);
    assert_eq!(charge(&closed.world, of).kept(), 4_000);
    let (world, rest) = refunded(&closed.world, of, None);
    let closed = close(&world, rest, approved(4_000));
    let refund: Refund = closed.world.object(rest).expect("a refund");
    assert_eq!((refund.amount, refund.status), (4_000, Status::Succeeded));
    assert_eq!(charge(&closed.world, of).kept(), 0);
    assert!(matches!(closed.world.decide(&create(of, None)), Err(Rejection::AlreadyRefunded { .. })));
    assert!(matches!(closed.world.decide(&create(of, Some(1))), Err(Rejection::AlreadyRefunded { .. })));
}

#[test]
fn a_refund_that_came_to_nothing_gives_its_share_free() {
    let (world, of) = paid();
    for (word, reason) in [
        (Word::Never, FailureReason::Unknown),
        (Word::Declined(Decline::processing_error()), FailureReason::Declined),
    ] {
        let (world, id) = refunded(&world, of, None);
        let closed = close(&world, id, heard(word));
        assert_eq!(closed.types(), ["charge.updated", "refund.updated"]);
        let refund: Refund = closed.world.object(id).expect("a refund");
        assert_eq!((refund.status, refund.failure_reason), (Status::Failed, Some(reason)));
        refunded(&closed.world, of, Some(10_000));
    }
}

#[test]
fn what_a_currency_has_no_coin_for_is_not_given_back() {
    let (world, of) = paid_in("kwd");
    let refused = world.decide(&create(of, Some(1_005)));
    let Err(Rejection::Parameter(ParameterError { param, problem })) = refused else { panic!("{refused:?}") };
    let reason = "amounts in kwd are multiples of 10".to_owned();
    assert_eq!((param.as_str(), problem), ("amount", Problem::Malformed(reason)));
    refunded(&world, of, Some(1_010));
}

#[test]
fn amounts_are_positive_and_there_must_be_a_payment() {
    let (world, of) = paid();
    for amount in [0, -1, i64::MIN] {
        let refused = world.decide(&create(of, Some(amount)));
        assert!(
            matches!(&refused, Err(Rejection::Parameter(error)) if error.problem == Problem::NotPositive),
            "{refused:?}"
        );
    }
    let unpaid = payment_intent::Create {
        new: new(),
        secret: "s".to_owned(),
        money: (10_000, "usd".parse().expect("a currency")),
        customer: None,
        chosen: Chosen::Keep,
        terms: Terms::default(),
        confirming: None,
        opening: opening(),
    };
    let world = world.when(&unpaid).world;
    let refused = world.decide(&create(unpaid.new.id, None));
    assert!(matches!(refused, Err(Rejection::NothingTaken { .. })));
}

/// Every command in every status.
#[test]
fn a_closed_refund_stays_as_it_is() {
    let (world, of) = paid();
    let (world, id) = refunded(&world, of, None);
    let closed = close(&world, id, approved(10_000)).world;
    assert_eq!(close(&closed, id, heard(Word::Never)).types(), [""; 0]);
    let given_up = world.when(&GiveUp { id, key: format!("{id}.1.1") });
    assert_eq!(given_up.types(), ["refund.updated"]);
    assert_eq!(close(&given_up.world, id, approved(10_000)).types(), [""; 0], "the void alone counts");
    let after_void = Heard { word: Word::Never, is_after_void: true };
    assert_eq!(close(&given_up.world, id, after_void).types(), ["charge.updated", "refund.updated"]);
}
