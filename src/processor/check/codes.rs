//! The codes of the contract.

/// The codes of declines that clients of the API know. Another one would reach nobody.
pub const DECLINE_CODES: &[&str] = &[
    "amount_too_large",
    "authentication_required",
    "card_declined",
    "charge_already_captured",
    "charge_already_refunded",
    "charge_expired_for_capture",
    "expired_card",
    "incorrect_cvc",
    "incorrect_number",
    "invalid_cvc",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "payment_intent_authentication_failure",
    "processing_error",
];
