//! The names of refusals that a caller's own request causes, and the bounds of their quotes from it.

use std::borrow::Cow;

use axum::http::StatusCode;

use super::problem::HttpProblem;
use super::sent::Sent;
use super::state;
use crate::contract::{CURRENCIES, ErrorCode};
use crate::domain::{ParameterError, Problem, Rejection};

/// The most characters that an answer shows of a name, an id or a value that a caller sent.
const SHOWN_MAX: usize = 100;
/// The most characters of a reason, which may quote some.
const REASON_MAX: usize = 400;

/// The beginning of a text, as much as an answer shows.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    cut(text, SHOWN_MAX)
}

/// The beginning of a reason, as much as an answer shows.
fn reason(text: &str) -> Cow<'_, str> {
    cut(text, REASON_MAX)
}

fn cut(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}

/// The refusal of a body that can't be read.
pub(super) fn malformed_body(said: &str) -> Sent {
    Sent::invalid(StatusCode::BAD_REQUEST, format!("Invalid request body: {}", reason(said)))
}

/// The refusal of a body of a type that isn't read.
pub(super) fn content_type(given: &str) -> Sent {
    let message = format!(
        "Invalid content type '{}': send application/x-www-form-urlencoded or application/json.",
        shortened(given)
    );
    Sent::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
}

/// The refusals of requests that aren't read.
pub(super) fn http(problem: HttpProblem) -> Sent {
    match problem {
        HttpProblem::Malformed(said) => {
            Sent::invalid(StatusCode::BAD_REQUEST, format!("Invalid request: {said}."))
        }
        HttpProblem::Packed(given) => Sent::invalid(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("Invalid content encoding '{}': send the body as it is, not packed.", shortened(&given)),
        ),
        HttpProblem::TransferCoding => Sent::invalid(
            StatusCode::NOT_IMPLEMENTED,
            "Of transfer codings only `chunked` is read. Nothing was done.",
        ),
    }
}

/// The names of the domain's refusals.
pub(super) fn rejected(rejection: Rejection) -> Sent {
    match rejection {
        Rejection::NoSuchObject { noun, id } => {
            Sent::invalid(StatusCode::NOT_FOUND, format!("No such {noun}: '{}'", shortened(&id)))
                .with(ErrorCode::ResourceMissing, Some("id".to_owned()))
        }
        Rejection::LimitReached { noun, max } => {
            Sent::invalid(StatusCode::BAD_REQUEST, format!("You have reached the maximum of {max} {noun}s."))
                .with(ErrorCode::LimitReached, None)
        }
        Rejection::AttachedElsewhere => Sent::invalid(
            StatusCode::BAD_REQUEST,
            "The payment method you provided has already been attached to a customer.",
        ),
        Rejection::NotAttached { id } => Sent::invalid(
            StatusCode::BAD_REQUEST,
            format!(
                "The payment method '{}' is not attached to a customer so detachment is impossible, and so \
                 is \
                 a change.",
                shortened(&id)
            ),
        ),
        Rejection::Burned => Sent {
            param: Some("payment_method".to_owned()),
            ..Sent::invalid(
                StatusCode::BAD_REQUEST,
                "This PaymentMethod was previously used without being attached to a Customer or was detached \
                 from a Customer, and may not be used again.",
            )
        },
        Rejection::UnexpectedState(state) => state::unexpected(&state),
        // The flow closes the challenge first; where new ones keep coming, a retry gets through.
        Rejection::ChallengeWaits => Sent::invalid(
            StatusCode::CONFLICT,
            "A challenge of this object waits for the buyer. Nothing was changed; try again.",
        )
        .with(ErrorCode::LockTimeout, None),
        Rejection::AlreadyRefunded { charge } => Sent::invalid(
            StatusCode::BAD_REQUEST,
            format!("Charge {} has already been refunded.", shortened(&charge)),
        )
        .with(ErrorCode::ChargeAlreadyRefunded, None),
        Rejection::NothingTaken { id } => Sent::invalid(
            StatusCode::BAD_REQUEST,
            format!("{} does not have a successful, captured charge to refund.", shortened(&id)),
        ),
        Rejection::Parameter(error) => parameter(error),
    }
}

/// The currencies, in a sentence.
fn currencies() -> String {
    let codes: Vec<_> = CURRENCIES.iter().map(|currency| currency.code).collect();
    format!("Supported currencies are: {}", codes.join(", "))
}

/// The sentence that refuses the number of a card. It shows nothing of it.
fn card_number(param: &str) -> String {
    let place = if param.is_empty() { "in this request".into() } else { format!("in {}", shortened(param)) };
    format!(
        "What looks like the number of a card has no business {place}. Nothing was done, and nothing of it \
         is kept. Send a token or a payment method instead."
    )
}

/// A wrong parameter: the name of its problem, and the sentence that says it.
fn parameter(error: ParameterError) -> Sent {
    let ParameterError { param: named, problem } = error;
    let param = if named.is_empty() { Cow::Borrowed("parameters") } else { shortened(&named) };
    let message = match problem {
        Problem::CardNumber => card_number(&named),
        ref problem => sentence(problem, &param),
    };
    let code = code(&problem);
    let param = (!named.is_empty()).then(|| param.into_owned());
    Sent::invalid(StatusCode::BAD_REQUEST, message).with(code, param)
}

/// The name of a problem.
const fn code(problem: &Problem) -> ErrorCode {
    match problem {
        Problem::Unknown => ErrorCode::ParameterUnknown,
        Problem::Missing | Problem::NeedsCustomer => ErrorCode::ParameterMissing,
        Problem::Empty => ErrorCode::ParameterInvalidEmpty,
        Problem::Repeated
        | Problem::NotAString
        | Problem::NotABoolean
        | Problem::NotAList
        | Problem::NotAHash
        | Problem::NotOneOf(_)
        | Problem::TooLong(_)
        | Problem::TooMany(_)
        | Problem::Malformed(_)
        | Problem::NoSuchCurrency(_)
        | Problem::OfAnotherCustomer => ErrorCode::ParameterInvalid,
        Problem::NotAnInteger | Problem::OutOfRange(..) | Problem::NotACharge | Problem::NotPositive => {
            ErrorCode::ParameterInvalidInteger
        }
        Problem::InvalidCharacters => ErrorCode::InvalidCharacters,
        Problem::NotAnEmail => ErrorCode::EmailInvalid,
        Problem::NotAUrl(_) => ErrorCode::UrlInvalid,
        Problem::ExclusiveWith(_) => ErrorCode::ParametersExclusive,
        Problem::AmountTooSmall(_) => ErrorCode::AmountTooSmall,
        Problem::AmountTooLarge(_) | Problem::MoreThanIsLeft(..) => ErrorCode::AmountTooLarge,
        Problem::CardNumber => ErrorCode::CardNumberForbidden,
        Problem::NoSuchObject { .. } => ErrorCode::ResourceMissing,
    }
}

/// The sentence that says a problem.
fn sentence(problem: &Problem, param: &str) -> String {
    match problem {
        Problem::Unknown => format!("Received unknown parameter: {param}"),
        Problem::Missing => format!("Missing required param: {param}."),
        Problem::Repeated => format!("Parameter given twice: {param}"),
        Problem::Empty => format!("Parameter must not be empty: {param}"),
        Problem::NotAString => format!("Invalid string: {param}"),
        Problem::NotAnInteger => format!("Invalid integer: {param}"),
        Problem::NotABoolean => format!("Invalid boolean: {param} must be true or false"),
        Problem::NotAList => format!("Invalid array: {param}"),
        Problem::NotAHash => format!("Invalid hash: {param}"),
        Problem::NotOneOf(known) => format!("Invalid {param}: must be one of {}", known.join(", ")),
        Problem::TooLong(max) => format!("Invalid {param}: must be at most {max} characters"),
        Problem::TooMany(max) => format!("Invalid {param}: must have at most {max} entries"),
        Problem::OutOfRange(min, max) => format!("Invalid {param}: must be between {min} and {max}"),
        Problem::InvalidCharacters => {
            format!("Invalid characters in {param}: a NUL, or what is not UTF-8")
        }
        Problem::NotAnEmail => format!("Invalid email address: {param}"),
        Problem::NotAUrl(reason) => format!("Invalid URL: {reason}"),
        Problem::Malformed(said) => format!("Invalid {param}: {}", reason(said)),
        Problem::ExclusiveWith(other) => {
            format!("Received both {param} and {other} parameters. Please pass in only one.")
        }
        Problem::NoSuchCurrency(given) => {
            format!("Invalid currency: {}. {}", shortened(given), currencies())
        }
        Problem::NotACharge => {
            "This value must be greater than or equal to the minimum charge amount.".to_owned()
        }
        Problem::AmountTooSmall(least) => format!("Amount must be at least {least}"),
        Problem::AmountTooLarge(most) => format!("Amount must be no more than {most}"),
        Problem::NotPositive => format!("Invalid positive integer: {param}"),
        Problem::MoreThanIsLeft(asked, left) => {
            format!("Refund amount ({asked}) is greater than unrefunded amount on charge ({left})")
        }
        Problem::NeedsCustomer => "The provided PaymentMethod is attached to a Customer. Please include the \
                                   Customer in the `customer` parameter."
            .to_owned(),
        Problem::OfAnotherCustomer => {
            "The provided PaymentMethod does not belong to the Customer you supplied.".to_owned()
        }
        Problem::CardNumber => card_number(param),
        Problem::NoSuchObject { noun, id } => format!("No such {noun}: '{}'", shortened(id)),
    }
}
