use super::*;
use crate::clock::Timestamp;

fn charge() -> Charge {
    let method = crate::domain::payment_method::testing::method();
    let facts = Facts {
        id: Id::generate(Timestamp::from_seconds(1_000)),
        livemode: false,
        intent: Id::generate(Timestamp::from_seconds(1_000)),
        money: (1_000, "usd".parse().expect("a currency")),
        customer: None,
        description: None,
        metadata: Metadata::new(),
        receipt_email: None,
        statement_descriptor_suffix: None,
    };
    Charge::approved(facts, &method, false)
}

#[test]
fn what_is_released_is_shown_as_refunded() {
    let held = charge();
    assert_eq!((held.amount_captured, held.amount_refunded, held.kept()), (0, 0, 0));
    let captured = held.clone().with_captured(400);
    assert_eq!((captured.amount_captured, captured.amount_refunded, captured.kept()), (400, 600, 400));
    let back = captured.with_refunded(150);
    assert_eq!((back.amount_refunded, back.kept(), back.refunded), (750, 250, false));
    let whole = back.with_refunded(250);
    assert_eq!((whole.kept(), whole.refunded), (0, true));
    let released = held.released();
    assert_eq!((released.amount_refunded, released.refunded, released.captured), (1_000, true, false));
}
