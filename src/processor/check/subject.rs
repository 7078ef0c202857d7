//! The processor under test, with the questions that rules ask of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::codes::DECLINE_CODES;
use super::finding::{Stopped, Verdict, fail, hold};
use crate::processor::{
    Answer, Authorize, Capture, Decline, Inquiry, Method, NewMethod, Operation, Outcome, Processor, Refund,
    Request, Tokenized, Void, Voided,
};

/// The time in which a processor has to know the outcome of an operation.
pub(super) const SETTLED: Duration = Duration::from_secs(20);
/// The pause between two inquiries.
const PAUSE: Duration = Duration::from_millis(100);
/// The amount of most operations.
pub(super) const AMOUNT: i64 = 1_000;

/// The methods that rules use, by their names at the processor.
#[derive(Debug, Clone)]
pub struct Sources {
    /// A method that is approved.
    pub approved: String,
    /// One that is declined. If it is not named, it is one that a sandbox may know.
    pub declined: Option<String>,
    /// One that asks for a challenge.
    pub challenge: Option<String>,
    /// The currency of every amount.
    pub currency: String,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            approved: "pm_card_visa".to_owned(),
            declined: None,
            challenge: None,
            currency: "usd".to_owned(),
        }
    }
}

/// The processor under test.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) processor: Processor,
    sources: Sources,
    /// The beginning of every key, which nobody has used before.
    run: String,
    keys: AtomicUsize,
    /// The keys of all authorisations, to be undone at the end.
    authorized: Mutex<Vec<String>>,
}

impl Subject {
    pub(super) fn new(processor: Processor, sources: Sources) -> Self {
        let run = format!("check_{:032x}", rand::random::<u128>());
        Self { processor, sources, run, keys: AtomicUsize::new(0), authorized: Mutex::default() }
    }

    /// The currency of every amount.
    pub(super) fn currency(&self) -> &str {
        &self.sources.currency
    }

    /// A key that nobody has used.
    pub(super) fn key(&self) -> String {
        format!("{}.{}", self.run, self.keys.fetch_add(1, Ordering::Relaxed))
    }

    /// A method of that source; `None` if the processor doesn't know it.
    pub(super) async fn method_of(&self, source: &str) -> Verdict<Option<Method>> {
        match self.processor.tokenize(NewMethod::Source(source.to_owned())).await {
            Tokenized::Made(method) => Ok(Some(method)),
            Tokenized::NoSuchSource => Ok(None),
            Tokenized::Declined(decline) => fail(format!("{source} was declined: {}", decline.code)),
            Tokenized::Unavailable(why) => fail(format!("{source} became no method: {why}")),
        }
    }

    /// The token of the method that is approved.
    pub(super) async fn approved_method(&self) -> Verdict<String> {
        let source = &self.sources.approved;
        match self.method_of(source).await? {
            Some(method) => Ok(method.token),
            None => fail(format!("there is no source {source}: name another one with --source")),
        }
    }

    /// The token of a method that isn't needed. The rule is skipped if none is named and the usual name isn't
    /// known.
    async fn optional(&self, named: Option<&String>, usual: &str, option: &str) -> Verdict<String> {
        let source = named.map_or(usual, String::as_str);
        match self.method_of(source).await? {
            Some(method) => Ok(method.token),
            None if named.is_some() => fail(format!("there is no source {source}")),
            None => {
                Err(Stopped::Skipped(format!("there is no source {source}: name another one with {option}")))
            }
        }
    }

    /// The token of the method that is declined.
    pub(super) async fn declined_method(&self) -> Verdict<String> {
        let named = self.sources.declined.as_ref();
        self.optional(named, "pm_card_visa_chargeDeclined", "--declined-source").await
    }

    /// The token of the method that asks for a challenge.
    pub(super) async fn challenge_method(&self) -> Verdict<String> {
        let named = self.sources.challenge.as_ref();
        self.optional(named, "pm_card_authenticationRequired", "--challenge-source").await
    }

    /// A hold with that key and method, of the usual amount, without a buyer.
    pub(super) fn hold_of(&self, key: &str, method: &str) -> Authorize {
        self.authorized.lock().unwrap_or_else(PoisonError::into_inner).push(key.to_owned());
        Authorize {
            key: key.to_owned(),
            method: method.to_owned(),
            amount: AMOUNT,
            currency: self.sources.currency.clone(),
            capture: false,
            off_session: true,
            return_url: None,
        }
    }

    /// A new hold: its key and its reference.
    pub(super) async fn held(&self) -> Verdict<(String, String)> {
        self.begun(false).await
    }

    /// A new amount that was taken: its key and its reference.
    pub(super) async fn taken(&self) -> Verdict<(String, String)> {
        self.begun(true).await
    }

    async fn begun(&self, capture: bool) -> Verdict<(String, String)> {
        let (key, method) = (self.key(), self.approved_method().await?);
        let request = Request::Authorize(Authorize { capture, ..self.hold_of(&key, &method) });
        let operation = self.approved(&request, AMOUNT).await?;
        Ok((key, operation.reference.unwrap_or_default()))
    }

    /// A capture with a new key.
    pub(super) fn capture(&self, reference: &str, amount: i64) -> Request {
        Request::Capture(Capture { key: self.key(), reference: reference.to_owned(), amount })
    }

    /// A refund with a new key.
    pub(super) fn refund(&self, reference: &str, amount: i64) -> Request {
        Request::Refund(Refund { key: self.key(), reference: reference.to_owned(), amount })
    }

    /// A void with a new key.
    pub(super) fn void(&self, of: Voided) -> Request {
        Request::Void(Void { key: self.key(), of })
    }

    /// A void of that key, with a new one.
    pub(super) fn void_of(&self, key: &str) -> Request {
        self.void(Voided::OfKey(key.to_owned()))
    }

    /// The answer to a request. A pending operation is asked for until it is done.
    pub(super) async fn answer(&self, request: &Request) -> Answer {
        let answer = self.processor.perform(request).await;
        match &answer {
            Answer::Known(Operation { outcome: Outcome::Pending, .. }) => {
                match self.settled(request.key()).await {
                    Some(operation) => Answer::Known(operation),
                    None => answer,
                }
            }
            _ => answer,
        }
    }

    /// The outcome of a key, once that is known; `None` if it stays open for too long.
    async fn settled(&self, key: &str) -> Option<Operation> {
        let end = Instant::now() + SETTLED;
        while Instant::now() < end {
            match self.processor.inquire(key).await {
                Inquiry::Known(Operation { outcome: Outcome::Pending, .. }) | Inquiry::CantTell(_) => {
                    sleep(PAUSE).await;
                }
                Inquiry::Known(operation) => return Some(operation),
                Inquiry::NeverSeen => return None,
            }
        }
        None
    }

    /// The outcome of a key that may have been lost: the processor's word, or that it has never seen it.
    pub(super) async fn found(&self, key: &str) -> Verdict<Option<Operation>> {
        let end = Instant::now() + SETTLED;
        loop {
            match self.processor.inquire(key).await {
                Inquiry::Known(operation) if operation.outcome != Outcome::Pending => {
                    return Ok(Some(operation));
                }
                Inquiry::NeverSeen => return Ok(None),
                other if Instant::now() > end => {
                    return fail(format!("{} is all that it tells for {SETTLED:?}", told_of(&other)));
                }
                _ => sleep(PAUSE).await,
            }
        }
    }

    /// The operation that a request leads to.
    pub(super) async fn operation(&self, request: &Request) -> Verdict<Operation> {
        match self.answer(request).await {
            Answer::Known(operation) => Ok(operation),
            other => fail(format!("{} was answered: {}", kind(request), told(&other))),
        }
    }

    /// The operation that a request leads to, which must be approved with that amount.
    pub(super) async fn approved(&self, request: &Request, amount: i64) -> Verdict<Operation> {
        let operation = self.operation(request).await?;
        let is_approved = operation.outcome == Outcome::Approved { amount };
        hold(is_approved, || {
            format!("{} should be approved with {amount}: {}", kind(request), outcome(&operation))
        })?;
        Ok(operation)
    }

    /// Holds that a request moves no money: it is declined with a code of the contract, or refused.
    pub(super) async fn moves_nothing(&self, request: &Request) -> Verdict {
        let what = kind(request);
        match self.answer(request).await {
            Answer::Refused(_) | Answer::Known(Operation { outcome: Outcome::Never, .. }) => Ok(()),
            Answer::Known(Operation { outcome: Outcome::Declined { decline }, .. }) => known_code(&decline),
            other => fail(format!("{what} should be declined: {}", told(&other))),
        }
    }

    /// Holds that a request is refused for one of those reasons.
    pub(super) async fn refused(&self, request: &Request, codes: &[&str]) -> Verdict {
        let what = kind(request);
        match self.answer(request).await {
            Answer::Refused(code) if codes.contains(&code.as_str()) => Ok(()),
            other => fail(format!("{what} should be refused ({}): {}", codes.join(", "), told(&other))),
        }
    }

    /// Holds that the processor tells the same as before.
    pub(super) async fn tells(&self, operation: &Operation) -> Verdict {
        match self.processor.inquire(&operation.key).await {
            Inquiry::Known(found) if found == *operation => Ok(()),
            other => fail(format!(
                "{} was answered, and an inquiry tells: {}",
                outcome(operation),
                told_of(&other)
            )),
        }
    }

    /// Holds that the processor has never seen a key.
    pub(super) async fn unseen(&self, key: &str) -> Verdict {
        match self.processor.inquire(key).await {
            Inquiry::NeverSeen => Ok(()),
            other => fail(format!("the key should be never_seen: {}", told_of(&other))),
        }
    }

    /// Undoes every authorisation. Some are undone already, and some never were.
    pub(super) async fn give_back(&self) {
        let keys = std::mem::take(&mut *self.authorized.lock().unwrap_or_else(PoisonError::into_inner));
        for key in keys {
            // The answer changes nothing: most have nothing left to give back.
            let _ = self.processor.perform(&self.void_of(&key)).await;
        }
    }
}

/// Holds that a decline has a code that clients know.
pub(super) fn known_code(decline: &Decline) -> Verdict {
    let code = decline.code.as_str();
    hold(DECLINE_CODES.contains(&code), || format!("declined with {code}, which isn't in the contract"))
}

/// The name of a request's kind.
fn kind(request: &Request) -> &'static str {
    match request {
        Request::Authorize(_) => "an authorisation",
        Request::Capture(_) => "a capture",
        Request::Void(_) => "a void",
        Request::Refund(_) => "a refund",
        Request::Attach(_) => "an attachment",
    }
}

/// The outcome of an operation, in words.
pub(super) fn outcome(operation: &Operation) -> String {
    match &operation.outcome {
        Outcome::Approved { amount } => format!("approved with {amount}"),
        Outcome::Declined { decline } => format!("declined with {}", decline.code),
        Outcome::ActionRequired { .. } => "action_required".to_owned(),
        Outcome::Pending => "pending".to_owned(),
        Outcome::Never => "never".to_owned(),
    }
}

/// An answer, in words.
pub(super) fn told(answer: &Answer) -> String {
    match answer {
        Answer::Known(operation) => outcome(operation),
        Answer::Refused(code) => format!("refused with {code}"),
        Answer::Unknown(why) => why.clone(),
    }
}

/// The answer to an inquiry, in words.
pub(super) fn told_of(inquiry: &Inquiry) -> String {
    match inquiry {
        Inquiry::Known(operation) => outcome(operation),
        Inquiry::NeverSeen => "never_seen".to_owned(),
        Inquiry::CantTell(why) => why.clone(),
    }
}
