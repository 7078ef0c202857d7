//! The table of errors: every refusal there is, as it is sent. `docs/ERRORS.md` is this table; `make
//! contract` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::contract::{self, Kind as _};
use crate::domain::types::decline::SENTENCES;
use crate::domain::{Problem, Refused, UnexpectedState};

/// One of each problem of a parameter.
fn problems() -> Vec<Problem> {
    vec![
        Problem::Unknown,
        Problem::Missing,
        Problem::Repeated,
        Problem::Empty,
        Problem::NotAString,
        Problem::NotAnInteger,
        Problem::NotABoolean,
        Problem::NotAList,
        Problem::NotAHash,
        Problem::NotOneOf(vec!["a", "b"]),
        Problem::TooLong(256),
        Problem::TooMany(20),
        Problem::OutOfRange(1, 100),
        Problem::InvalidCharacters,
        Problem::NotAnEmail,
        Problem::NotAUrl("it has no host"),
        Problem::Malformed("the brackets don't match".to_owned()),
        Problem::ExclusiveWith("other"),
        Problem::NoSuchCurrency("zzz".to_owned()),
        Problem::NotACharge,
        Problem::AmountTooSmall("$0.50 usd".to_owned()),
        Problem::AmountTooLarge("$999,999.99 usd".to_owned()),
        Problem::NotPositive,
        Problem::MoreThanIsLeft("$60.00 usd".to_owned(), "$40.00 usd".to_owned()),
        Problem::NeedsCustomer,
        Problem::OfAnotherCustomer,
        Problem::CardNumber,
        Problem::NoSuchObject { noun: "customer", id: "cus_1".to_owned() },
    ]
}

/// One of every kind. The author of a new variant meets the matches below.
fn samples() -> Vec<ApiError> {
    let parameter = |problem| ApiError::from(ParameterError::new("name", problem));
    let hint = || "sk_test_***abcd".to_owned();
    let path = || "/v1/things".to_owned();
    let mut all: Vec<ApiError> = problems().into_iter().inspect(problem_is_here).map(parameter).collect();
    all.extend([
        Rejection::NoSuchObject { noun: "customer", id: "cus_1".to_owned() }.into(),
        Rejection::LimitReached { noun: "webhook endpoint", max: 100 }.into(),
        Rejection::AttachedElsewhere.into(),
        Rejection::NotAttached { id: "pm_1".to_owned() }.into(),
        Rejection::Burned.into(),
        Rejection::ChallengeWaits.into(),
        Rejection::AlreadyRefunded { charge: "ch_1".to_owned() }.into(),
        Rejection::NothingTaken { id: "pi_1".to_owned() }.into(),
        KeyProblem::Missing.into(),
        KeyProblem::Invalid(hint()).into(),
        KeyProblem::Expired(hint()).into(),
        KeyProblem::ReadsOnly(hint()).into(),
        KeyProblem::Signature.into(),
        ApiError::UnknownRoute(Method::GET, path()),
        ApiError::MethodNotAllowed(Method::PUT, path()),
        ApiError::BodyTooLarge,
        ApiError::BodyTimeout,
        ApiError::MalformedBody("expected value at line 1 column 1".to_owned()),
        ApiError::UnsupportedContentType("text/plain".to_owned()),
        HttpProblem::Malformed("the Host header is missing").into(),
        HttpProblem::Packed("gzip".to_owned()).into(),
        HttpProblem::TransferCoding.into(),
        ApiError::KeyInUse,
        ApiError::KeyReused { same_path: true },
        ApiError::KeyReused { same_path: false },
        ApiError::TooManyRequests,
        ApiError::TooManyAtOnce("streams"),
        ApiError::StoresTooMuch,
        ApiError::Overloaded,
        ApiError::SearchBehind,
        ApiError::Conflict,
        ApiError::NoProcessor,
        ApiError::ProcessorAway,
        ApiError::Unavailable,
        ApiError::Internal,
    ]);
    all.extend(states());
    all.extend(declines().map(ApiError::Declined));
    all.into_iter().inspect(error_is_here).collect()
}

/// Each thing that a status doesn't allow.
fn states() -> impl Iterator<Item = ApiError> {
    let all = [
        (Refused::ConfirmWithoutMethod, "requires_payment_method"),
        (Refused::Confirm, "succeeded"),
        (Refused::Confirm, "canceled"),
        (Refused::Capture, "succeeded"),
        (Refused::Capture, "processing"),
        (Refused::Cancel, "succeeded"),
        (Refused::Update("amount"), "succeeded"),
    ];
    let of = |resource| {
        all.into_iter().map(move |(refused, status)| {
            let object = "{}".to_owned();
            let state = UnexpectedState { resource, status, refused, object };
            Rejection::UnexpectedState(Box::new(state)).into()
        })
    };
    let setup = of(contract::SetupIntent::RESOURCE).take(3);
    of(contract::PaymentIntent::RESOURCE).chain(setup)
}

/// A decline of each code, and of one that an adapter made up.
fn declines() -> impl Iterator<Item = Decline> {
    let decline = |code: &str, decline_code: Option<&str>| Decline {
        code: code.to_owned(),
        decline_code: decline_code.map(str::to_owned),
        advice_code: None,
        param: (code == "incorrect_number").then(|| "card[number]".to_owned()),
    };
    let plain = SENTENCES.iter().map(move |(code, _)| decline(code.as_str(), None));
    let more = [("card_declined", "insufficient_funds"), ("made_up", "generic_decline")];
    plain.chain(more.into_iter().map(move |(code, reason)| decline(code, Some(reason))))
}

/// A new kind of problem has to be put into the samples.
fn problem_is_here(problem: &Problem) {
    match problem {
        Problem::Unknown
        | Problem::Missing
        | Problem::Repeated
        | Problem::Empty
        | Problem::NotAString
        | Problem::NotAnInteger
        | Problem::NotABoolean
        | Problem::NotAList
        | Problem::NotAHash
        | Problem::NotOneOf(_)
        | Problem::TooLong(_)
        | Problem::TooMany(_)
        | Problem::OutOfRange(..)
        | Problem::InvalidCharacters
        | Problem::NotAnEmail
        | Problem::NotAUrl(_)
        | Problem::Malformed(_)
        | Problem::ExclusiveWith(_)
        | Problem::NoSuchCurrency(_)
        | Problem::NotACharge
        | Problem::AmountTooSmall(_)
        | Problem::AmountTooLarge(_)
        | Problem::NotPositive
        | Problem::MoreThanIsLeft(..)
        | Problem::NeedsCustomer
        | Problem::OfAnotherCustomer
        | Problem::CardNumber
        | Problem::NoSuchObject { .. } => {}
    }
}

/// And so has a new kind of error.
fn error_is_here(error: &ApiError) {
    match error {
        ApiError::Rejected(
            Rejection::NoSuchObject { .. }
            | Rejection::LimitReached { .. }
            | Rejection::AttachedElsewhere
            | Rejection::NotAttached { .. }
            | Rejection::Burned
            | Rejection::UnexpectedState(_)
            | Rejection::ChallengeWaits
            | Rejection::AlreadyRefunded { .. }
            | Rejection::NothingTaken { .. }
            | Rejection::Parameter(_),
        )
        | ApiError::Key(
            KeyProblem::Missing
            | KeyProblem::Invalid(_)
            | KeyProblem::Expired(_)
            | KeyProblem::ReadsOnly(_)
            | KeyProblem::Signature,
        )
        | ApiError::UnknownRoute(..)
        | ApiError::MethodNotAllowed(..)
        | ApiError::BodyTooLarge
        | ApiError::BodyTimeout
        | ApiError::MalformedBody(_)
        | ApiError::UnsupportedContentType(_)
        | ApiError::Http(HttpProblem::Malformed(_) | HttpProblem::Packed(_) | HttpProblem::TransferCoding)
        | ApiError::KeyInUse
        | ApiError::KeyReused { .. }
        | ApiError::TooManyRequests
        | ApiError::TooManyAtOnce(_)
        | ApiError::StoresTooMuch
        | ApiError::Overloaded
        | ApiError::SearchBehind
        | ApiError::Conflict
        | ApiError::Declined(_)
        | ApiError::PaymentDeclined(_)
        | ApiError::NoProcessor
        | ApiError::ProcessorAway
        | ApiError::Unavailable
        | ApiError::Internal => {}
    }
}

fn table() -> String {
    let mut text = "# Errors\n\nEvery error there is, as it is sent. The body is `{\"error\": {\"type\", \
                    \"code\", \"param\", \"message\"}}`; `code` and \
        `param` are left\nout where the table has none. *Again* is `Stripe-Should-Retry`: whether the \
        official packages send the request again by \
        themselves.\nMade by `make contract`; a test fails when the code says otherwise.\n\n\
        | status | type | code | param | again | message |\n| --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for error in samples() {
        let Sent { status, kind, code, param, message, .. } = Sent::from(error);
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "| {} | `{kind}` | {} | {} | {} | {message} |",
            status.as_u16(),
            code.map(|code| format!("`{}`", code.as_str())).unwrap_or_default(),
            param.map(|param| format!("`{param}`")).unwrap_or_default(),
            should_retry(status).unwrap_or_default(),
        );
    }
    text
}

#[test]
fn the_table_of_errors_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ERRORS.md");
    if std::env::var_os("CALMONY_PIN").is_some() {
        std::fs::write(&path, table()).expect("written");
    }
    let pinned = std::fs::read_to_string(&path).expect("make contract");
    assert!(pinned == table(), "docs/ERRORS.md is not what the code says: run `make contract`\n{}", table());
}

#[test]
fn every_code_is_used() {
    let used: Vec<_> = samples().into_iter().filter_map(|error| Sent::from(error).code).collect();
    for code in ErrorCode::ALL {
        assert!(used.contains(code), "{} is in the contract and never sent", code.as_str());
    }
}

/// An answer shows little of a caller's request, however large that is.
#[test]
fn what_is_shown_of_what_was_sent_is_bounded() {
    let long = || "🦀".repeat(100_000);
    let method = Method::from_bytes("M".repeat(100_000).as_bytes()).expect("a method");
    let parameter = |problem| ApiError::from(ParameterError::new(long(), problem));
    for error in [
        parameter(Problem::Unknown),
        parameter(Problem::Malformed(long())),
        parameter(Problem::NoSuchObject { noun: "customer", id: long() }),
        Rejection::NoSuchObject { noun: "customer", id: long() }.into(),
        ApiError::UnknownRoute(method.clone(), long()),
        ApiError::MethodNotAllowed(method, long()),
        ApiError::MalformedBody(long()),
        ApiError::UnsupportedContentType(long()),
        HttpProblem::Packed(long()).into(),
    ] {
        let Sent { message, param, .. } = Sent::from(error);
        let length = message.len() + param.map_or(0, |param| param.len());
        assert!(length < 4_000 && message.contains('…'), "{length} bytes: {message}");
    }
}
