//! The way of money, in order.

use super::*;

#[test]
fn a_payment_is_charged_once_and_says_so_in_order() {
    let (world, id) = in_status(Status::RequiresConfirmation);
    let confirmed = world.when(&confirm(id, Chosen::Keep));
    assert_eq!(confirmed.types(), ["payment_method.updated", "payment_intent.processing"]);
    let open = attempt(&confirmed.world, id);
    assert_eq!(open.key, format!("{id}.1.1"));
    assert_eq!(confirmed.world.internal(id)["due"], NOW.seconds() + 17);
    let closed = close(&confirmed.world, id, approved(1_000));
    assert_eq!(closed.types(), ["charge.succeeded", "payment_intent.succeeded"]);
    let after = intent(&closed.world, id);
    assert_eq!((after.amount_received, after.amount_capturable), (1_000, 0));
    let charge = after.latest_charge.expect("a charge");
    let postings = &closed.world.internal(charge)["postings"]["amounts"];
    assert_eq!(*postings, serde_json::json!({ "processor": 1_000, "revenue": -1_000 }));
    let kept = kept(&closed.world, id);
    let closing = kept.closed.expect("it closes the attempt");
    assert_eq!((closing.key.as_str(), closing.declined, closing.movements.len()), (&*open.key, false, 2));
    // A later caller finds nothing to do.
    let late = Close {
        id,
        key: open.key,
        heard: heard(declined("lost_card")),
        charge: Id::generate(Timestamp::from_seconds(1_000)),
        now: NOW,
    };
    assert_eq!(closed.world.when(&late).types(), [""; 0]);
}

#[test]
fn a_decline_is_a_result_and_burns_the_method() {
    let (world, id) = in_status(Status::Processing);
    let method = intent(&world, id).payment_method.expect("a method");
    let closed = close(&world, id, declined("insufficient_funds"));
    assert_eq!(closed.types(), ["charge.failed", "payment_intent.payment_failed"]);
    let after = intent(&closed.world, id);
    assert_eq!((after.status, after.payment_method), (Status::RequiresPaymentMethod, None));
    let error = after.last_payment_error.expect("an error");
    assert_eq!((error.code(), error.decline_code()), ("card_declined", Some("insufficient_funds")));
    assert!(kept(&closed.world, id).closed.is_some_and(|closed| closed.declined));
    let again = closed.world.decide(&confirm(id, Chosen::Existing(method)));
    assert_eq!(again, Err(Rejection::Burned));
}

#[test]
fn what_never_arrived_is_a_decline_without_a_charge() {
    let (world, id) = in_status(Status::Processing);
    let closed = close(&world, id, Word::Never);
    assert_eq!(closed.types(), ["payment_intent.payment_failed"]);
    let error = intent(&closed.world, id).last_payment_error.expect("an error");
    assert_eq!(error.code(), "processing_error");
}

#[test]
fn what_was_performed_and_undone_is_accounted_for() {
    let (world, id) = in_status(Status::Processing);
    let undone = Word::Undone { by: "v".to_owned(), amount: 1_000 };
    let closed = close(&world, id, undone);
    assert_eq!(closed.types(), ["payment_intent.payment_failed"]);
    let closing = kept(&closed.world, id).closed.expect("it closes the attempt");
    assert_eq!(closing.movements.len(), 3, "{closing:?}");
}

#[test]
fn an_attempt_that_is_given_up_is_closed_by_the_void_alone() {
    let (world, id) = in_status(Status::Processing);
    let key = attempt(&world, id).key;
    let given_up = world.when(&GiveUp { id, key: key.clone(), deadline: 20_000 });
    assert_eq!(given_up.types(), ["payment_intent.updated"]);
    let close = |word, is_after_void| Close {
        id,
        key: key.clone(),
        heard: Heard { word, is_after_void },
        charge: Id::generate(Timestamp::from_seconds(1_000)),
        now: NOW,
    };
    assert_eq!(given_up.world.when(&close(approved(1_000), false)).types(), [""; 0]);
    let voided = given_up.world.when(&close(Word::Never, true));
    assert_eq!(voided.types(), ["payment_intent.payment_failed"]);
}

#[test]
fn a_hold_is_captured_in_part_and_the_rest_is_released() {
    let (world, id) = in_status(Status::RequiresCapture);
    let charge = intent(&world, id).latest_charge.expect("a charge");
    let held = &world.internal(charge)["postings"]["amounts"];
    assert_eq!(*held, serde_json::json!({ "processor": 1_000, "holds": -1_000 }));
    let problem = |amount| match world.decide(&capture(id, Some(amount))) {
        Err(Rejection::Parameter(ParameterError { param, problem })) => {
            assert_eq!(param, "amount_to_capture");
            problem
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(0), Problem::NotACharge);
    assert_eq!(problem(-1), Problem::NotACharge);
    assert_eq!(problem(1_001), Problem::AmountTooLarge("$10.00 usd".to_owned()));
    let asked = world.when(&capture(id, Some(400)));
    assert_eq!(asked.types(), ["payment_intent.processing"]);
    let closed = close(&asked.world, id, approved(400));
    assert_eq!(closed.types(), ["charge.captured", "payment_intent.succeeded"]);
    let after = intent(&closed.world, id);
    assert_eq!((after.amount_received, after.amount_capturable), (400, 0));
    let postings = &closed.world.internal(charge)["postings"]["amounts"];
    let expected = serde_json::json!({ "processor": -600, "revenue": -400, "holds": 1_000 });
    assert_eq!(*postings, expected);
    let failed = close(&asked.world, id, Word::Never);
    assert_eq!(
        (failed.types(), status(&failed.world, id)),
        (vec!["payment_intent.updated"], Status::RequiresCapture)
    );
    assert!(kept(&failed.world, id).closed.is_some_and(|closed| closed.declined));
}

#[test]
fn what_a_currency_has_no_coin_for_is_not_captured() {
    let create =
        Create { money: (1_000, "kwd".parse().expect("a currency")), ..create(fresh(), None, manual()) };
    let id = create.new.id;
    let world = nothing().when(&create).world.when(&confirm(id, Chosen::Keep)).world;
    let world = close(&world, id, approved(1_000)).world;
    let refused = world.decide(&capture(id, Some(405)));
    let Err(Rejection::Parameter(ParameterError { param, problem })) = refused else { panic!("{refused:?}") };
    let reason = "amounts in kwd are multiples of 10".to_owned();
    assert_eq!((param.as_str(), problem), ("amount_to_capture", Problem::Malformed(reason)));
    assert_eq!(world.when(&capture(id, Some(410))).types(), ["payment_intent.processing"]);
}

#[test]
fn a_hold_is_released_by_canceling_or_after_seven_days() {
    let (world, id) = in_status(Status::RequiresCapture);
    let asked = world.when(&cancel(id));
    let closed = close(&asked.world, id, approved(1_000));
    assert_eq!(closed.types(), ["charge.updated", "payment_intent.canceled"]);
    assert_eq!(intent(&closed.world, id).amount_capturable, 0);
    let due = world.internal(id)["due"].as_u64().expect("when it lapses");
    assert_eq!(due, NOW.seconds() + WEEK);
    let early = Lapse { id, opening: opening_at(due - 1) };
    assert_eq!(world.when(&early).types(), [""; 0]);
    let lapsing = world.when(&Lapse { id, opening: opening_at(due) });
    let lapsed = close(&lapsing.world, id, approved(1_000));
    assert_eq!(lapsed.types(), ["charge.expired", "payment_intent.canceled"]);
    let reason = intent(&lapsed.world, id).cancellation_reason;
    assert_eq!(reason, Some(CancellationReason::Automatic));
    assert_eq!(lapsed.world.internal(id)["due"], serde_json::Value::Null);
}

#[test]
fn a_challenge_is_passed_failed_or_closed() {
    let (world, id) = in_status(Status::RequiresAction);
    let waiting = kept(&world, id).waiting.expect("a challenge");
    let settle = |word, is_after_void| SettleChallenge {
        id,
        key: waiting.key.clone(),
        heard: Heard { word, is_after_void },
        charge: Id::generate(Timestamp::from_seconds(1_000)),
        now: NOW,
    };
    let passed = world.when(&settle(approved(1_000), false));
    assert_eq!(passed.types(), ["charge.succeeded", "payment_intent.succeeded"]);
    let refused = Decline::plain(contract::ErrorCode::PaymentIntentAuthenticationFailure);
    let failed = world.when(&settle(Word::Declined(refused), false));
    assert_eq!(failed.types(), ["payment_intent.payment_failed"]);
    let given_up = world.when(&GiveUp { id, key: waiting.key.clone(), deadline: 20_000 }).world;
    assert_eq!(given_up.internal(id)["due"], 20_000);
    assert_eq!(given_up.when(&settle(approved(1_000), false)).types(), [""; 0]);
    let closed = given_up.when(&settle(Word::Never, true));
    assert_eq!(
        (closed.types(), status(&closed.world, id)),
        (vec!["payment_intent.updated"], Status::RequiresConfirmation)
    );
    let undone = given_up.when(&settle(Word::Undone { by: "v".to_owned(), amount: 1_000 }, true));
    let closing = kept(&undone.world, id).closed.expect("it settles the challenge");
    assert_eq!(closing.movements.len(), 3);
    let again = closed.world.when(&confirm(id, Chosen::Keep));
    assert_eq!(again.types(), ["payment_intent.processing"], "the method is its own");
    assert_eq!(attempt(&again.world, id).key, format!("{id}.2.1"));
}

#[test]
fn a_method_is_saved_when_that_was_asked_for() {
    let (world, customer) = with_customer(&nothing());
    let terms = Terms { setup_future_usage: Patch::Set(FutureUsage::OffSession), ..Terms::default() };
    let create = create(fresh(), Some(customer), terms);
    let id = create.new.id;
    let world = world.when(&create).world.when(&confirm(id, Chosen::Keep)).world;
    let method = intent(&world, id).payment_method.expect("a method");
    let closed = close(&world, id, approved(1_000));
    let types = ["charge.succeeded", "payment_method.attached", "payment_intent.succeeded"];
    assert_eq!(closed.types(), types);
    let saved: PaymentMethod = closed.world.object(method).expect("a method");
    assert_eq!(saved.customer(), Some(customer));
}

#[test]
fn a_method_of_a_customer_needs_that_customer() {
    let (world, owner) = with_customer(&nothing());
    let (world, other) = with_customer(&world);
    let make = testing::create();
    let method = make.new.id;
    let world = world.when(&make).world;
    let attach = payment_method::Attach { id: method, customer: owner, is_checked: true };
    let world = world.when(&attach).world;
    let problem = |customer| match world.decide(&create(Chosen::Existing(method), customer, Terms::default()))
    {
        Err(Rejection::Parameter(error)) => Some(error.problem),
        Ok(_) => None,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(problem(Some(owner)), None);
    assert_eq!(problem(Some(other)), Some(Problem::OfAnotherCustomer));
    assert_eq!(problem(None), Some(Problem::NeedsCustomer));
}

#[test]
fn amounts_have_bounds() {
    let problem = |amount| {
        let create = Create { money: (amount, usd()), ..create(Chosen::Keep, None, Terms::default()) };
        match nothing().decide(&create) {
            Err(Rejection::Parameter(error)) => Some(error.problem),
            Ok(_) => None,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(problem(50), None);
    assert_eq!(problem(0), Some(Problem::NotACharge));
    assert!(matches!(problem(49), Some(Problem::AmountTooSmall(_))));
    assert!(matches!(problem(i64::MAX), Some(Problem::AmountTooLarge(_))));
}

#[test]
fn what_is_closed_is_never_given_up() {
    let (world, id) = in_status(Status::Succeeded);
    for key in [format!("{id}.1.1"), "another".to_owned()] {
        assert_eq!(world.when(&GiveUp { id, key, deadline: 20_000 }).types(), [""; 0]);
    }
    let (world, id) = in_status(Status::RequiresAction);
    let key = kept(&world, id).waiting.expect("a challenge").key;
    let settle = SettleChallenge {
        id,
        key: key.clone(),
        heard: heard(approved(1_000)),
        charge: Id::generate(Timestamp::from_seconds(1_000)),
        now: NOW,
    };
    let paid = world.when(&settle).world;
    assert_eq!(paid.when(&GiveUp { id, key, deadline: 20_000 }).types(), [""; 0]);
}

#[test]
fn a_challenge_is_due_until_nobody_asks_by_himself() {
    let (mut world, id) = in_status(Status::RequiresAction);
    for due in [60, 660, 4_260, 90_660] {
        assert_eq!(world.internal(id)["due"], NOW.seconds() + due);
        let looked = world.when(&Look { id, now: Timestamp::from_seconds(NOW.seconds() + due) });
        assert_eq!(looked.types(), ["payment_intent.updated"]);
        world = looked.world;
    }
    assert_eq!(world.internal(id)["due"], serde_json::Value::Null);
}

#[test]
fn a_method_that_was_detached_meanwhile_is_not_saved() {
    let (world, customer) = with_customer(&nothing());
    let make = testing::create();
    let attach = payment_method::Attach { id: make.new.id, customer, is_checked: true };
    let world = world.when(&make).world.when(&attach).world;
    let terms = Terms { setup_future_usage: Patch::Set(FutureUsage::OffSession), ..Terms::default() };
    let create = create(Chosen::Existing(make.new.id), Some(customer), terms);
    let id = create.new.id;
    let world = world.when(&create).world.when(&confirm(id, Chosen::Keep)).world;
    let world = world.when(&payment_method::Detach { id: make.new.id }).world;
    let closed = close(&world, id, approved(1_000));
    assert_eq!(closed.types(), ["charge.succeeded", "payment_intent.succeeded"]);
}

#[test]
fn a_release_that_is_declined_ends_or_is_tried_later() {
    let (world, id) = in_status(Status::RequiresCapture);
    let due = world.internal(id)["due"].as_u64().expect("when it lapses");
    let lapsing = world.when(&Lapse { id, opening: opening_at(due) }).world;
    let code = |code: &str| Word::Declined(Decline { code: code.to_owned(), ..Decline::processing_error() });
    let gone = close(&lapsing, id, code("charge_expired_for_capture"));
    assert_eq!(gone.types(), ["charge.expired", "payment_intent.canceled"]);
    let key = attempt(&lapsing, id).key;
    let now = Timestamp::from_seconds(due + 5);
    let charge = Id::generate(Timestamp::from_seconds(1_000));
    let refused = lapsing.when(&Close { id, key, heard: heard(code("processing_error")), charge, now });
    assert_eq!(status(&refused.world, id), Status::RequiresCapture);
    assert_eq!(refused.world.internal(id)["due"], due + 5 + 3_600);
}

#[test]
fn a_call_that_is_refused_leaves_the_challenge_as_it_is() {
    let (world, id) = in_status(Status::RequiresAction);
    let burned = Chosen::Existing(testing::create().new.id);
    let refused = world.decide(&confirm(id, burned));
    assert!(matches!(refused, Err(Rejection::Parameter(_))), "{refused:?}");
    let small = update(id, Terms { amount: Some(1), ..Terms::default() });
    assert!(matches!(world.decide(&small), Err(Rejection::Parameter(_))));
    assert_eq!(world.decide(&confirm(id, Chosen::Keep)), Err(Rejection::ChallengeWaits));
}
