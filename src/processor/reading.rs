//! Answers, read strictly: an answer that isn't of the protocol to the letter proves nothing.

use serde::de::DeserializeOwned;
use url::Url;

use super::call::Reply;
use super::wire::{Capabilities, Card, Decline, Failure, Method, Operation, Outcome, Request, Voided};
use super::{Answer, Inquiry, Tokenized};

/// The refusals that prove that nothing was done. An answer with another code may come from something else
/// than a processor.
const REFUSALS: &[(u16, &str)] =
    &[(400, "invalid"), (404, "no_such_method"), (404, "no_such_reference"), (409, "key_conflict")];
/// The longest name of a thing: a reference, a token.
const NAME_MAX: usize = 255;
/// The longest code.
const WORD_MAX: usize = 64;
/// The longest address of a challenge.
const URL_MAX: usize = 2_048;

impl Reply {
    /// The body, if it is JSON of that shape.
    fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The error's code and the decline beside it, if the body is the protocol's envelope.
    fn failure(&self) -> Option<Failure> {
        self.json().filter(|failure: &Failure| is_word(&failure.error.code))
    }

    /// The reason that an answer is none. Nothing of its body is in it.
    fn none(&self) -> String {
        match self.status {
            401 | 403 => {
                tracing::error!(
                    status = self.status,
                    "the processor refuses the secret: compare CALMONY_PROCESSOR_SECRET and \
                     CALMONY_LIVE_PROCESSOR_SECRET with the processor's"
                );
                format!("the processor refuses the secret ({})", self.status)
            }
            status => format!("an answer {status} that isn't the protocol's"),
        }
    }

    /// The operation of that key.
    fn operation(&self, key: &str) -> Result<Operation, String> {
        let operation = self.json::<Operation>().filter(|_| self.status == 200).ok_or_else(|| self.none())?;
        if operation.key != key {
            return Err("an answer about another key".to_owned());
        }
        if !operation.is_well_formed() {
            return Err("an answer with values that the protocol doesn't have".to_owned());
        }
        Ok(operation)
    }

    /// The answer to a request.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        if let Some(refusal) = self.failure().map(|failure| failure.error.code)
            && REFUSALS.contains(&(self.status, refusal.as_str()))
        {
            return Answer::Refused(refusal);
        }
        match self.operation(request.key()) {
            Ok(operation) if operation.can_answer(request) => Answer::Known(operation),
            Ok(_) => Answer::Unknown("an answer to another kind of operation".to_owned()),
            Err(reason) => Answer::Unknown(reason),
        }
    }

    /// The answer to an inquiry for the outcome of a key.
    pub(super) fn inquiry(&self, key: &str) -> Inquiry {
        let is_never_seen = |failure: &Failure| self.status == 404 && failure.error.code == "never_seen";
        if self.failure().as_ref().is_some_and(is_never_seen) {
            return Inquiry::NeverSeen;
        }
        self.operation(key).map_or_else(Inquiry::CantTell, Inquiry::Known)
    }

    /// The answer to a new method.
    pub(super) fn tokenized(&self) -> Tokenized {
        if self.status == 200
            && let Some(method) = self.json::<Method>().filter(Method::is_well_formed)
        {
            return Tokenized::Made(method);
        }
        match (self.status, self.failure()) {
            (404, Some(failure)) if failure.error.code == "no_such_source" => Tokenized::NoSuchSource,
            (402, Some(Failure { decline: Some(decline), .. })) if decline.is_well_formed() => {
                Tokenized::Declined(decline)
            }
            _ => Tokenized::Unavailable(self.none()),
        }
    }

    /// The processor's capabilities.
    pub(super) fn capabilities(&self) -> Result<Capabilities, String> {
        self.json().filter(|_| self.status == 200).ok_or_else(|| self.none())
    }
}

impl Operation {
    /// True if every value is one that the protocol has.
    pub(super) fn is_well_formed(&self) -> bool {
        let is_outcome = match &self.outcome {
            Outcome::Approved { amount } => *amount >= 0,
            Outcome::Declined { decline } => decline.is_well_formed(),
            Outcome::ActionRequired { url } => is_page(url),
            Outcome::Pending | Outcome::Never => true,
        };
        is_outcome && self.reference.as_deref().is_none_or(is_name)
    }

    /// True if that can be the answer to a request of that kind.
    fn can_answer(&self, request: &Request) -> bool {
        match (&self.outcome, request) {
            // Without a reference the hold could neither be taken nor released.
            (Outcome::Approved { .. }, Request::Authorize(_)) => self.reference.is_some(),
            (Outcome::ActionRequired { .. }, _) => {
                matches!(request, Request::Authorize(_) | Request::Attach(_))
            }
            (Outcome::Never, Request::Void(void)) => matches!(void.of, Voided::OfKey(_)),
            _ => true,
        }
    }
}

impl Decline {
    fn is_well_formed(&self) -> bool {
        let others = [&self.decline_code, &self.advice_code, &self.param];
        is_word(&self.code) && others.into_iter().flatten().all(|word| is_word(word))
    }
}

impl Method {
    fn is_well_formed(&self) -> bool {
        is_name(&self.token) && self.card.is_well_formed()
    }
}

impl Card {
    fn is_well_formed(&self) -> bool {
        let words = [Some(&self.brand), Some(&self.funding), self.cvc_check.as_ref()];
        let is_country = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        words.into_iter().flatten().all(|word| is_word(word))
            && self.last4.len() == 4
            && self.last4.bytes().all(|byte| byte.is_ascii_digit())
            && (1..=12).contains(&self.exp_month)
            && (1_000..=9_999).contains(&self.exp_year)
            && is_name(&self.fingerprint)
            && self.country.as_deref().is_none_or(is_country)
    }
}

/// True for a code: lower-case letters, digits and underscores.
pub(super) fn is_word(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(is_part)
}

/// True for a name that the processor gave: visible ASCII.
fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// True for a page that a buyer may be sent to.
fn is_page(text: &str) -> bool {
    let is_web = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    text.len() <= URL_MAX && Url::parse(text).is_ok_and(is_web)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::processor::wire::{Authorize, Capture};

    fn reply(status: u16, body: &Value) -> Reply {
        Reply { status, body: body.to_string().into_bytes() }
    }

    fn authorize() -> Request {
        Request::Authorize(Authorize {
            key: "pi_1.1".to_owned(),
            method: "m".to_owned(),
            amount: 5,
            currency: "usd".to_owned(),
            capture: true,
            off_session: true,
            return_url: None,
        })
    }

    fn capture() -> Request {
        Request::Capture(Capture { key: "pi_1.1".to_owned(), reference: "r".to_owned(), amount: 5 })
    }

    fn approved() -> Value {
        json!({"key": "pi_1.1", "reference": "r", "outcome": "approved", "amount": 5, "new_field": []})
    }

    /// The approved operation with these members in the place of its own.
    fn with(changes: Value) -> Value {
        let (mut value, Value::Object(changes)) = (approved(), changes) else { return Value::Null };
        if let Value::Object(fields) = &mut value {
            fields.extend(changes);
        }
        value
    }

    fn error(code: &str) -> Value {
        json!({"error": {"code": code, "message": "SECRETTEXT"}})
    }

    #[test]
    fn an_answer_of_the_protocol_is_known() {
        assert!(matches!(reply(200, &approved()).answer(&authorize()), Answer::Known(_)));
        let declined = json!({"outcome": "declined", "decline": {"code": "card_declined"}});
        let page = json!({"outcome": "action_required", "url": "https://p.example/challenge/1"});
        for other in [declined, page, json!({"outcome": "pending"}), json!({"outcome": "never"})] {
            assert!(matches!(reply(200, &with(other)).answer(&authorize()), Answer::Known(_)));
        }
    }

    #[test]
    fn whatever_is_not_of_the_protocol_is_unknown_and_its_text_is_not_passed_on() {
        let wrong = [
            (201, approved()),
            (502, approved()),
            (200, error("invalid")),
            (200, json!([])),
            (200, json!("SECRETTEXT")),
            (200, with(json!({"key": "pi_1.2"}))),
            (200, with(json!({"outcome": "SECRETTEXT"}))),
            (200, with(json!({"amount": -1}))),
            (200, with(json!({"amount": 1.5}))),
            (200, with(json!({"amount": "5"}))),
            (200, with(json!({"reference": null}))),
            (200, with(json!({"reference": "a b"}))),
            (200, with(json!({"reference": "x".repeat(256)}))),
            (200, with(json!({"outcome": "declined", "decline": {"code": "<b>SECRETTEXT</b>"}}))),
            (200, with(json!({"outcome": "action_required", "url": "javascript:SECRETTEXT"}))),
            (400, error("SECRETTEXT")),
            (400, error("no_such_method")),
            (404, error("not_found")),
            (404, error("never_seen")),
            (409, error("voided")),
            (500, error("invalid")),
            (401, error("unauthorized")),
            (403, json!(null)),
        ];
        for (status, body) in wrong {
            let answer = reply(status, &body).answer(&authorize());
            let Answer::Unknown(reason) = &answer else { panic!("{status} {body}: {answer:?}") };
            assert!(!reason.contains("SECRETTEXT") && reason.len() < 100, "{reason}");
        }
        let challenged = with(json!({"outcome": "action_required", "url": "https://p.example/1"}));
        assert!(matches!(reply(200, &challenged).answer(&capture()), Answer::Unknown(_)));
    }

    #[test]
    fn a_refusal_proves_that_nothing_was_done() {
        for (status, code) in REFUSALS {
            let answer = reply(*status, &error(code)).answer(&capture());
            assert_eq!(answer, Answer::Refused((*code).to_owned()));
        }
    }

    #[test]
    fn only_the_word_never_seen_says_so() {
        let asked = |status, body: &Value| reply(status, body).inquiry("pi_1.1");
        assert_eq!(asked(404, &error("never_seen")), Inquiry::NeverSeen);
        assert!(matches!(asked(200, &approved()), Inquiry::Known(_)));
        for (status, body) in [
            (404, error("not_found")),
            (200, error("never_seen")),
            (404, json!("<html>")),
            (403, error("never_seen")),
            (200, with(json!({"key": "other"}))),
        ] {
            assert!(matches!(asked(status, &body), Inquiry::CantTell(_)), "{status} {body}");
        }
    }

    #[test]
    fn a_method_is_believed_when_every_value_is_one() {
        let card = json!({
            "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "funding": "credit",
            "country": "US", "fingerprint": "f", "three_d_secure": false, "cvc_check": null,
        });
        let made = |field: &str, value: Value| {
            let mut card = card.clone();
            if let Some(place) = card.get_mut(field) {
                *place = value;
            }
            reply(200, &json!({"token": "t", "card": card})).tokenized()
        };
        assert!(matches!(made("", Value::Null), Tokenized::Made(_)));
        for (field, value) in [
            ("brand", json!("Visa <b>")),
            ("last4", json!("4242424242424242")),
            ("exp_month", json!(13)),
            ("exp_year", json!(34)),
            ("country", json!("usa")),
            ("fingerprint", json!("")),
        ] {
            assert!(matches!(made(field, value), Tokenized::Unavailable(_)), "{field}");
        }
        let declined = json!({"error": {"code": "card_error", "message": "m"},
            "decline": {"code": "incorrect_number", "param": "number"}});
        assert!(matches!(reply(402, &declined).tokenized(), Tokenized::Declined(_)));
        assert!(matches!(reply(404, &error("no_such_source")).tokenized(), Tokenized::NoSuchSource));
        assert!(matches!(reply(404, &error("not_found")).tokenized(), Tokenized::Unavailable(_)));
    }
}
