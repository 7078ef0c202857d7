use super::*;
use crate::clock::Timestamp;
use crate::domain::attempt::{Heard, Opening, Word};
use crate::domain::customer::Customer;
use crate::domain::payment_method::{Chosen, PaymentMethod, testing};
use crate::domain::testing::{Then, World, nothing};
use crate::domain::types::decline::Decline;
use crate::domain::{Create as CreateObject, Patch};

type IntentId = Id<contract::SetupIntent>;

fn opening() -> Opening {
    Opening { account: 1, at: 10_000, deadline: 10_017, ..Opening::default() }
}

fn new<K: contract::Kind>() -> New<K> {
    New { id: Id::generate(Timestamp::from_seconds(1_000)), livemode: false }
}

fn fresh() -> Chosen {
    Chosen::New(Box::new(testing::create()))
}

fn create(chosen: Chosen, terms: Terms) -> Create {
    Create { new: new(), secret: "s".to_owned(), chosen, terms, confirming: None, opening: opening() }
}

fn confirm(id: IntentId, chosen: Chosen) -> Confirm {
    Confirm { id, chosen, confirming: Confirming::default(), opening: opening() }
}

fn close(world: &World, id: IntentId, said: Word) -> Then {
    let heard = Heard { word: said, is_after_void: false };
    world.when(&Close { id, key: format!("{id}.1.1"), heard })
}

fn approved() -> Word {
    Word::Approved { amount: 0, reference: None }
}

fn acting() -> Word {
    Word::ActionRequired { url: "http://p/challenge/1".to_owned(), reference: None }
}

fn intent(world: &World, id: IntentId) -> SetupIntent {
    world.object(id).expect("an intent")
}

fn in_status(status: Status) -> (World, IntentId) {
    let made = |chosen| {
        let create = create(chosen, Terms::default());
        (nothing().when(&create).world, create.new.id)
    };
    let (world, id) = match status {
        Status::RequiresPaymentMethod => made(Chosen::Keep),
        Status::RequiresConfirmation => made(fresh()),
        Status::RequiresAction => {
            let (world, id) = in_status(Status::Processing);
            (close(&world, id, acting()).world, id)
        }
        Status::Processing => {
            let (world, id) = made(fresh());
            (world.when(&confirm(id, Chosen::Keep)).world, id)
        }
        Status::Succeeded => {
            let (world, id) = in_status(Status::Processing);
            (close(&world, id, approved()).world, id)
        }
        Status::Canceled => {
            let (world, id) = made(Chosen::Keep);
            (world.when(&Cancel { id, reason: None }).world, id)
        }
    };
    assert_eq!(intent(&world, id).status(), status);
    (world, id)
}

/// The outcome of each command in each status.
#[test]
fn every_status_allows_what_it_should() {
    const REFUSED: &str = "unexpected state";
    const WAITS: &str = "a challenge waits";
    let all = [
        Status::RequiresPaymentMethod,
        Status::RequiresConfirmation,
        Status::RequiresAction,
        Status::Processing,
        Status::Succeeded,
        Status::Canceled,
    ];
    let row = |command: &str| {
        all.map(|status| {
            let (world, id) = in_status(status);
            let decided = match command {
                "confirm" => world.decide(&confirm(id, fresh())),
                "cancel" => world.decide(&Cancel { id, reason: None }),
                "method" => world.decide(&Update { id, chosen: fresh(), terms: Terms::default() }),
                _ => {
                    let metadata = Patch::Set([("a".to_owned(), Some("b".to_owned()))].into_iter().collect());
                    let terms = Terms { metadata, ..Terms::default() };
                    world.decide(&Update { id, chosen: Chosen::Keep, terms })
                }
            };
            match decided {
                Ok(outcome) => {
                    let state: SetupIntent = serde_json::from_str(&outcome.answer.data).expect("an intent");
                    state.status().as_str()
                }
                Err(Rejection::UnexpectedState(_)) => REFUSED,
                Err(Rejection::ChallengeWaits) => WAITS,
                Err(other) => panic!("{other}"),
            }
        })
    };
    assert_eq!(row("confirm"), ["processing", "processing", WAITS, REFUSED, REFUSED, REFUSED]);
    assert_eq!(row("cancel"), ["canceled", "canceled", WAITS, REFUSED, REFUSED, REFUSED]);
    let confirmation = "requires_confirmation";
    assert_eq!(row("method"), [confirmation, confirmation, WAITS, REFUSED, REFUSED, REFUSED]);
    assert_eq!(row("metadata"), all.map(Status::as_str));
}

#[test]
fn a_method_that_is_set_up_is_attached_to_the_customer() {
    let customer = CreateObject::<Customer> { new: new(), params: serde_json::from_str("{}").expect("none") };
    let world = nothing().when(&customer).world;
    let terms = Terms { customer: Patch::Set(customer.new.id), ..Terms::default() };
    let create = create(fresh(), terms);
    let id = create.new.id;
    let world = world.when(&create).world.when(&confirm(id, Chosen::Keep)).world;
    let method = intent(&world, id).payment_method.expect("a method");
    let closed = close(&world, id, approved());
    assert_eq!(closed.types(), ["payment_method.attached", "setup_intent.succeeded"]);
    let saved: PaymentMethod = closed.world.object(method).expect("a method");
    assert_eq!(saved.customer(), Some(customer.new.id));
}

#[test]
fn a_decline_takes_the_method_away() {
    let (world, id) = in_status(Status::Processing);
    for word in [Word::Declined(Decline::plain(contract::ErrorCode::CardDeclined)), Word::Never] {
        let closed = close(&world, id, word);
        assert_eq!(closed.types(), ["setup_intent.setup_failed"]);
        let after = intent(&closed.world, id);
        assert_eq!((after.status, after.payment_method), (Status::RequiresPaymentMethod, None));
        assert!(after.last_setup_error.is_some());
    }
}

#[test]
fn a_challenge_is_passed_or_closed() {
    let (world, id) = in_status(Status::RequiresAction);
    let settle = |word, is_after_void| SettleChallenge {
        id,
        key: format!("{id}.1.1"),
        heard: Heard { word, is_after_void },
    };
    assert_eq!(world.when(&settle(approved(), false)).types(), ["setup_intent.succeeded"]);
    let given_up = world.when(&GiveUp { id, key: format!("{id}.1.1"), deadline: 20_000 }).world;
    assert_eq!(given_up.when(&settle(approved(), false)).types(), [""; 0]);
    let closed = given_up.when(&settle(Word::Never, true));
    assert_eq!(closed.types(), ["setup_intent.updated"]);
    assert_eq!(intent(&closed.world, id).status(), Status::RequiresConfirmation);
}
