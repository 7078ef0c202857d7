//! The refusals that a status or an amount causes, in the words that Stripe's clients know.

use axum::http::StatusCode;

use super::sent::Sent;
use crate::contract::{ErrorCode, Kind as _, SetupIntent};
use crate::domain::{Refused, UnexpectedState};

/// The statuses in which a payment intent can be confirmed or changed.
const OPEN: &str = "requires_payment_method, requires_confirmation, requires_action";

/// The refusal of a request that a status doesn't allow. It has the whole object with it.
pub(super) fn unexpected(state: &UnexpectedState) -> Sent {
    let is_setup = state.resource == SetupIntent::RESOURCE;
    let (noun, name, code) = if is_setup {
        ("SetupIntent", "setup_intent", ErrorCode::SetupIntentUnexpectedState)
    } else {
        ("PaymentIntent", "payment_intent", ErrorCode::PaymentIntentUnexpectedState)
    };
    let status = state.status;
    let (param, message) = match state.refused {
        Refused::ConfirmWithoutMethod => (
            None,
            format!(
                "You cannot confirm this {noun} because it's missing a payment method. You can either update \
                 the {noun} with a payment method and then confirm it again, or confirm it again directly \
                 with a payment method."
            ),
        ),
        Refused::Confirm if status == "succeeded" => (
            None,
            format!(
                "You cannot confirm this {noun} because it has already succeeded after being previously \
                 confirmed."
            ),
        ),
        Refused::Confirm => (
            None,
            format!(
                "You cannot confirm this {noun} because it has a status of {status}. Only a {noun} with one \
                 of the following statuses may be confirmed: {OPEN}."
            ),
        ),
        Refused::Capture if status == "succeeded" => (
            None,
            format!(
                "This {noun} could not be captured because it has already been captured. The remainder of \
                 the authorized amount has been released."
            ),
        ),
        Refused::Capture => (
            None,
            format!(
                "This {noun} could not be captured because it has a status of {status}. Only a {noun} with \
                 one of the following statuses may be captured: requires_capture."
            ),
        ),
        Refused::Cancel => (
            None,
            format!(
                "You cannot cancel this {noun} because it has a status of {status}. Only a {noun} with one \
                 of the following statuses may be canceled: {OPEN}{}.",
                if is_setup { "" } else { ", requires_capture" }
            ),
        ),
        Refused::Update(param) => (
            Some(param.to_owned()),
            format!(
                "This {noun}'s {param} could not be updated because it has a status of {status}. You may \
                 only update the {param} of a {noun} with one of the following statuses: {OPEN}."
            ),
        ),
    };
    let object = serde_json::from_str(&state.object).unwrap_or_default();
    Sent::invalid(StatusCode::BAD_REQUEST, message).with(code, param).about(name, object)
}
