//! Payment methods for tests of the code that uses them.

use super::{CardFacts, Create, CreateParams, PaymentMethod};
use crate::clock::Timestamp;
use crate::domain::testing::nothing;
use crate::domain::{New, Resource as _};
use crate::id::Id;

/// The facts of a card.
pub(crate) fn facts() -> CardFacts {
    CardFacts {
        token: "card_1".to_owned(),
        brand: "visa".to_owned(),
        last4: "4242".to_owned(),
        exp_month: 12,
        exp_year: 2034,
        funding: "credit".to_owned(),
        country: Some("US".to_owned()),
        fingerprint: "f".to_owned(),
        three_d_secure: true,
        cvc_check: Some("unchecked".to_owned()),
    }
}

/// A command that creates a method.
pub(crate) fn create() -> Create {
    let new = New { id: Id::generate(Timestamp::from_seconds(1_000)), livemode: false };
    Create { new, facts: facts(), params: CreateParams::default(), used_by: None }
}

/// A method.
pub(crate) fn method() -> PaymentMethod {
    let create = create();
    let made = nothing().when(&create).world.object::<PaymentMethod>(create.new.id);
    let made = made.expect("a method");
    assert_eq!(made.id(), create.new.id);
    made
}
