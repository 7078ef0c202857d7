mod money;
mod suspense;

use std::collections::BTreeMap;

use super::*;
use crate::domain::attempt::{Attempt, Heard, Opening, Word};
use crate::domain::customer::Customer;
use crate::domain::payment_method::{self, Chosen, PaymentMethod, testing};
use crate::domain::testing::{Then, World, nothing};
use crate::domain::types::decline::Decline;
use crate::domain::types::metadata::MetadataChange;
use crate::domain::{Create as CreateObject, ParameterError, Patch, Problem};

type IntentId = Id<contract::PaymentIntent>;
type CustomerId = Id<contract::Customer>;

const NOW: Timestamp = Timestamp::from_seconds(10_000);
/// The time for which an amount is held.
const WEEK: u64 = 7 * 24 * 60 * 60;

fn usd() -> Currency {
    "usd".parse().expect("a currency")
}

fn new<K: contract::Kind>() -> New<K> {
    New { id: Id::generate(Timestamp::from_seconds(1_000)), livemode: false }
}

fn opening_at(at: u64) -> Opening {
    Opening { account: 1, at, deadline: at + 17, request: Some("req_1".to_owned()), idempotency_key: None }
}

fn opening() -> Opening {
    opening_at(NOW.seconds())
}

fn create(chosen: Chosen, customer: Option<CustomerId>, terms: Terms) -> Create {
    Create {
        new: new(),
        secret: "s".to_owned(),
        money: (1_000, usd()),
        customer,
        chosen,
        terms,
        confirming: None,
        opening: opening(),
    }
}

fn manual() -> Terms {
    Terms { capture_method: Some(CaptureMethod::Manual), ..Terms::default() }
}

fn confirm(id: IntentId, chosen: Chosen) -> Confirm {
    Confirm { id, chosen, terms: Terms::default(), confirming: Confirming::default(), opening: opening() }
}

fn capture(id: IntentId, amount: Option<i64>) -> Capture {
    Capture { id, amount, metadata: MetadataChange::default(), opening: opening() }
}

fn cancel(id: IntentId) -> Cancel {
    Cancel { id, reason: None, opening: opening() }
}

fn update(id: IntentId, terms: Terms) -> Update {
    Update { id, customer: Patch::Keep, chosen: Chosen::Keep, terms }
}

fn fresh() -> Chosen {
    Chosen::New(Box::new(testing::create()))
}

fn approved(amount: i64) -> Word {
    Word::Approved { amount, reference: Some("r".to_owned()) }
}

fn declined(reason: &str) -> Word {
    let decline_code = Some(reason.to_owned());
    Word::Declined(Decline { decline_code, ..Decline::plain(contract::ErrorCode::CardDeclined) })
}

fn acting() -> Word {
    Word::ActionRequired { url: "http://p/challenge/1".to_owned(), reference: Some("r".to_owned()) }
}

fn heard(word: Word) -> Heard {
    Heard { word, is_after_void: false }
}

/// The open attempt of an intent.
fn attempt(world: &World, id: IntentId) -> Attempt {
    kept(world, id).attempt.expect("an open attempt")
}

fn kept(world: &World, id: IntentId) -> Kept {
    serde_json::from_value(world.internal(id)).expect("what it keeps")
}

fn close(world: &World, id: IntentId, said: Word) -> Then {
    let key = attempt(world, id).key;
    world.when(&Close {
        id,
        key,
        heard: heard(said),
        charge: Id::generate(Timestamp::from_seconds(1_000)),
        now: NOW,
    })
}

fn intent(world: &World, id: IntentId) -> PaymentIntent {
    world.object(id).expect("an intent")
}

fn status(world: &World, id: IntentId) -> Status {
    intent(world, id).status()
}

fn made(world: &World, chosen: Chosen, terms: Terms) -> (World, IntentId) {
    let create = create(chosen, None, terms);
    (world.when(&create).world, create.new.id)
}

/// A world with an intent in that status.
fn in_status(status: Status) -> (World, IntentId) {
    let (world, id) = match status {
        Status::RequiresPaymentMethod => made(&nothing(), Chosen::Keep, Terms::default()),
        Status::RequiresConfirmation => made(&nothing(), fresh(), Terms::default()),
        Status::RequiresAction => {
            let (world, id) = in_status(Status::Processing);
            (close(&world, id, acting()).world, id)
        }
        Status::Processing => {
            let (world, id) = in_status(Status::RequiresConfirmation);
            (world.when(&confirm(id, Chosen::Keep)).world, id)
        }
        Status::RequiresCapture => {
            let (world, id) = made(&nothing(), fresh(), manual());
            let world = world.when(&confirm(id, Chosen::Keep)).world;
            (close(&world, id, approved(1_000)).world, id)
        }
        Status::Succeeded => {
            let (world, id) = in_status(Status::Processing);
            (close(&world, id, approved(1_000)).world, id)
        }
        Status::Canceled => {
            let (world, id) = in_status(Status::RequiresPaymentMethod);
            (world.when(&cancel(id)).world, id)
        }
    };
    assert_eq!(self::status(&world, id), status);
    (world, id)
}

fn with_customer(world: &World) -> (World, CustomerId) {
    let new = new();
    let params = serde_json::from_str("{}").expect("parameters");
    (world.when(&CreateObject::<Customer> { new, params }).world, new.id)
}

const ALL: [Status; 7] = [
    Status::RequiresPaymentMethod,
    Status::RequiresConfirmation,
    Status::RequiresAction,
    Status::Processing,
    Status::RequiresCapture,
    Status::Succeeded,
    Status::Canceled,
];

/// The result of each command in each status: the status after it, or the reason for which it is refused.
#[test]
fn every_status_allows_what_it_should() {
    use Status::{Canceled, Processing, RequiresAction, RequiresCapture};
    use Status::{RequiresConfirmation, RequiresPaymentMethod, Succeeded};
    const REFUSED: &str = "unexpected state";
    const WAITS: &str = "a challenge waits";
    let outcome = |decided: Result<crate::domain::Outcome, Rejection>, id: IntentId| match decided {
        Ok(outcome) => {
            let state: PaymentIntent = serde_json::from_str(&outcome.answer.data).expect("an intent");
            assert_eq!(state.id, id);
            state.status().as_str()
        }
        Err(Rejection::UnexpectedState(_)) => REFUSED,
        Err(Rejection::ChallengeWaits) => WAITS,
        Err(other) => panic!("{other}"),
    };
    let table: BTreeMap<&str, [&str; 7]> = ["confirm", "capture", "cancel", "amount", "description"]
        .into_iter()
        .map(|command| {
            let row = ALL.map(|status| {
                let (world, id) = in_status(status);
                let decided = match command {
                    "confirm" => world.decide(&confirm(id, fresh())),
                    "capture" => world.decide(&capture(id, None)),
                    "cancel" => world.decide(&cancel(id)),
                    "amount" => world.decide(&update(id, Terms { amount: Some(2_000), ..Terms::default() })),
                    _ => {
                        let metadata =
                            Patch::Set([("a".to_owned(), Some("b".to_owned()))].into_iter().collect());
                        world.decide(&update(id, Terms { metadata, ..Terms::default() }))
                    }
                };
                outcome(decided, id)
            });
            (command, row)
        })
        .collect();
    let p = Processing.as_str();
    let same = ALL.map(Status::as_str);
    assert_eq!(same[2], RequiresAction.as_str());
    assert_eq!(table["confirm"], [p, p, WAITS, REFUSED, REFUSED, REFUSED, REFUSED]);
    assert_eq!(table["capture"], [REFUSED, REFUSED, REFUSED, REFUSED, p, REFUSED, REFUSED]);
    let canceled = Canceled.as_str();
    assert_eq!(table["cancel"], [canceled, canceled, WAITS, REFUSED, p, REFUSED, REFUSED]);
    let (method, confirmation) = (RequiresPaymentMethod.as_str(), RequiresConfirmation.as_str());
    assert_eq!(table["amount"], [method, confirmation, WAITS, REFUSED, REFUSED, REFUSED, REFUSED]);
    assert_eq!(table["description"], same);
    assert_eq!((same[4], same[5]), (RequiresCapture.as_str(), Succeeded.as_str()));
}
