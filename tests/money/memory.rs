//! A small processor in memory, which keeps every rule. A fault can be planted: it has the name of the rule
//! that it breaks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use calmony_pay::processor::{Decline, NewMethod, Operation, Outcome, Request, Voided};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The secret of every processor here.
pub(crate) const SECRET: &str = "the-secret-of-a-processor-in-memory";

/// A processor that listens on loopback.
pub(crate) struct Memory {
    pub(crate) url: String,
}

/// The properties of a processor, and its fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// The rule that it breaks.
    pub(crate) fault: &'static str,
    /// True if no money moves at it.
    pub(crate) sandbox: bool,
    /// False if it has neither a journal nor methods that decline or ask for a challenge.
    pub(crate) extras: bool,
}

/// A processor that keeps every rule.
pub(crate) const SOUND: Kind = Kind { fault: "", sandbox: true, extras: true };

/// An operation that was asked for, or a key that was voided before.
struct Kept {
    request: Option<Request>,
    operation: Operation,
    asked: usize,
    heard: bool,
}

#[derive(Default)]
struct Hold {
    currency: String,
    held: i64,
    taken: i64,
    given_back: i64,
    last_given_back: i64,
    captured: bool,
}

#[derive(Default)]
struct Books {
    kept: BTreeMap<String, Kept>,
    holds: BTreeMap<String, Hold>,
    journal: Vec<Value>,
}

#[derive(Clone)]
struct Shared {
    kind: Kind,
    books: Arc<Mutex<Books>>,
}

impl Memory {
    /// Starts a processor.
    pub(crate) async fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared { kind, books: Arc::default() };
        let router = Router::new()
            .route("/v1/capabilities", get(capabilities))
            .route("/v1/methods", post(methods))
            .route("/v1/operations", post(operations))
            .route("/v1/operations/{key}", get(inquiry))
            .route("/journal", get(journal))
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url }
    }
}

fn error(status: u16, code: &str, message: &str) -> Response {
    answer(status, &json!({ "error": { "code": code, "message": message } }))
}

fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

impl Shared {
    fn breaks(&self, rule: &str) -> bool {
        self.kind.fault == rule
    }

    /// The refusal of a wrong secret.
    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let said = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let right = format!("Bearer {SECRET}");
        // Its comparison stops at the end of the shorter text.
        let is_right = said == right || self.breaks("secret") && !said.is_empty() && right.starts_with(said);
        (!is_right).then(|| error(401, "unauthorized", "Wrong secret."))
    }
}

async fn capabilities(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let protocol = if shared.breaks("capabilities") { 2 } else { 1 };
    let found = json!({
        "protocol": protocol, "name": "memory", "sandbox": shared.kind.sandbox,
        "key_seconds": 86_400, "hold_seconds": 604_800,
    });
    shared.refusal(&headers).unwrap_or_else(|| answer(200, &found))
}

async fn methods(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = shared.refusal(&headers) {
        return refusal;
    }
    let source = match serde_json::from_slice(&body) {
        Ok(NewMethod::Source(source)) => source,
        Ok(NewMethod::Card(card)) => {
            let shown = if shared.breaks("echo") { card.number.as_str() } else { "This" };
            return error(400, "invalid", &format!("{shown} is not a test number."));
        }
        Err(_) => return error(400, "invalid", "This is no method."),
    };
    let is_known = source == "pm_card_visa"
        || shared.kind.extras
            && ["pm_card_visa_chargeDeclined", "pm_card_authenticationRequired"].contains(&source.as_str());
    if !is_known && !shared.breaks("methods") {
        return error(404, "no_such_source", "There is no such source.");
    }
    let card = json!({
        "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "funding": "credit",
        "country": "US", "fingerprint": "f4242", "three_d_secure": true, "cvc_check": null,
    });
    answer(200, &json!({ "token": format!("token_{source}"), "card": card }))
}

async fn operations(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = shared.refusal(&headers) {
        return refusal;
    }
    let mut request = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    if shared.breaks("malformed")
        && let Some(fields) = request.as_object_mut()
    {
        fields.remove("check_unknown");
    }
    let Ok(request) = serde_json::from_value::<Request>(request) else {
        return error(400, "invalid", "This is no request.");
    };
    let heard = headers.get("connection").is_none();
    let mut books = shared.books.lock().unwrap();
    if let Some(kept) = books.kept.get_mut(request.key()) {
        return again(&shared, kept, &request);
    }
    match books.perform(&shared, &request) {
        Ok(operation) => {
            let said = json!(operation);
            let kept = Kept { request: Some(request), operation, asked: 1, heard };
            books.kept.insert(kept.operation.key.clone(), kept);
            answer(200, &said)
        }
        Err((status, code)) => error(status, code, "That can't be done."),
    }
}

/// The answer to a key that is known.
fn again(shared: &Shared, kept: &mut Kept, request: &Request) -> Response {
    kept.asked += 1;
    let is_same = kept.request.as_ref().is_none_or(|kept| kept == request);
    if !is_same && !shared.breaks("conflict") {
        return error(409, "key_conflict", "The key was used for something else.");
    }
    let mut said = kept.operation.clone();
    let forgets = shared.breaks("repeat") || shared.breaks("at_once") && kept.asked > 3;
    if forgets && kept.request.is_some() {
        said.reference = Some(format!("other_{}", kept.asked));
    }
    answer(200, &json!(said))
}

async fn inquiry(State(shared): State<Shared>, headers: HeaderMap, Path(key): Path<String>) -> Response {
    if let Some(refusal) = shared.refusal(&headers) {
        return refusal;
    }
    let books = shared.books.lock().unwrap();
    let Some(kept) = books.kept.get(&key) else {
        let code = if shared.breaks("never_seen") { "not_found" } else { "never_seen" };
        return error(404, code, "Nobody has used that key.");
    };
    let mut said = kept.operation.clone();
    if shared.breaks("inquiry") {
        said.reference = None;
    }
    answer(200, &json!(said))
}

async fn journal(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    if let Some(refusal) = shared.refusal(&headers) {
        return refusal;
    }
    if !shared.kind.extras {
        return error(404, "no_such_route", "There is no journal.");
    }
    let books = shared.books.lock().unwrap();
    let rows = books.journal.iter().filter(|row| query.get("key").is_none_or(|key| row["key"] == **key));
    rows.map(|row| format!("{row}\n")).collect::<Vec<_>>().concat().into_response()
}

type Performed = Result<Operation, (u16, &'static str)>;

fn declined(key: &str, code: &str) -> Operation {
    let decline = Decline { code: code.to_owned(), decline_code: None, advice_code: None, param: None };
    Operation { key: key.to_owned(), reference: None, outcome: Outcome::Declined { decline } }
}

fn approved(key: &str, reference: &str, amount: i64) -> Operation {
    let outcome = Outcome::Approved { amount };
    Operation { key: key.to_owned(), reference: Some(reference.to_owned()), outcome }
}

impl Books {
    fn row(&mut self, (key, kind, outcome): (&str, &str, &str), amount: i64, reference: Option<&str>) {
        let currency = reference.and_then(|reference| self.holds.get(reference));
        let currency = currency.map_or("usd", |hold| hold.currency.as_str());
        let row = json!({
            "seq": self.journal.len() + 1, "key": key, "kind": kind, "outcome": outcome, "amount": amount,
            "currency": currency, "at": "2026-11-28T06:00:00Z", "reference": reference,
        });
        self.journal.push(row);
    }

    fn perform(&mut self, shared: &Shared, request: &Request) -> Performed {
        let amount = match request {
            Request::Authorize(asked) => asked.amount,
            Request::Capture(asked) => asked.amount,
            Request::Refund(asked) => asked.amount,
            Request::Void(_) | Request::Attach(_) => 1,
        };
        if amount < 0 || amount == 0 && !shared.breaks("amounts") {
            return Err((400, "invalid"));
        }
        match request {
            Request::Authorize(_) => self.authorize(shared, request),
            Request::Capture(asked) => self.capture(shared, (&asked.key, &asked.reference), amount),
            Request::Refund(asked) => self.refund(shared, (&asked.key, &asked.reference), amount),
            Request::Void(asked) => match &asked.of {
                Voided::Reference(reference) => {
                    self.release(&asked.key, reference, shared.breaks("void_reference"))
                }
                Voided::OfKey(of) => self.void(shared, &asked.key, of),
            },
            Request::Attach(asked) => {
                let amount = if shared.breaks("attach") { 100 } else { 0 };
                let outcome = Outcome::Approved { amount };
                Ok(Operation { key: asked.key.clone(), reference: None, outcome })
            }
        }
    }

    fn authorize(&mut self, shared: &Shared, request: &Request) -> Performed {
        let Request::Authorize(asked) = request else { return Err((400, "invalid")) };
        let key = asked.key.as_str();
        let source = asked.method.strip_prefix("token_");
        let source = if shared.breaks("unknown") { source.or(Some("")) } else { source };
        let reference = format!("ref_{}", self.holds.len());
        match source.ok_or((404, "no_such_method"))? {
            "pm_card_visa_chargeDeclined" => {
                let code = if shared.breaks("declined") { "do_not_honor" } else { "card_declined" };
                return Ok(declined(key, code));
            }
            "pm_card_authenticationRequired" if asked.off_session && !shared.breaks("off_session") => {
                return Ok(declined(key, "authentication_required"));
            }
            "pm_card_authenticationRequired" => {
                let outcome = Outcome::ActionRequired { url: "https://p.example/challenge/1".to_owned() };
                return Ok(Operation { key: key.to_owned(), reference: Some(reference), outcome });
            }
            _ => {}
        }
        let mut hold = Hold { currency: asked.currency.clone(), held: asked.amount, ..Hold::default() };
        if asked.capture {
            hold = Hold { held: 0, taken: asked.amount, captured: true, ..hold };
        }
        self.holds.insert(reference.clone(), hold);
        self.row((key, "authorize", "approved"), asked.amount, Some(&reference));
        if asked.capture {
            self.row((key, "capture", "approved"), asked.amount, Some(&reference));
        }
        Ok(approved(key, &reference, asked.amount))
    }

    fn capture(&mut self, shared: &Shared, (key, reference): (&str, &str), amount: i64) -> Performed {
        let hold = self.holds.get_mut(reference).ok_or((404, "no_such_reference"))?;
        if hold.captured && !shared.breaks("capture_once") {
            return Ok(declined(key, "charge_already_captured"));
        }
        if amount > hold.held && !hold.captured && !shared.breaks("capture_bound") {
            let code = if hold.held == 0 { "charge_expired_for_capture" } else { "amount_too_large" };
            return Ok(declined(key, code));
        }
        hold.taken += amount;
        hold.held -= amount;
        hold.captured = true;
        if shared.breaks("capture_part") && hold.held > 0 {
            hold.captured = false;
        }
        self.row((key, "capture", "approved"), amount, Some(reference));
        Ok(approved(key, reference, amount))
    }

    fn refund(&mut self, shared: &Shared, (key, reference): (&str, &str), amount: i64) -> Performed {
        let hold = self.holds.get_mut(reference).ok_or((404, "no_such_reference"))?;
        let mut before = hold.given_back;
        if shared.breaks("refund_once") {
            before -= hold.last_given_back;
        }
        if shared.breaks("refund_parts") {
            before = 0;
        }
        if before + amount > hold.taken {
            return Ok(declined(key, "charge_already_refunded"));
        }
        hold.given_back += amount;
        hold.last_given_back = amount;
        if shared.breaks("journal") {
            self.row((key, "refund", "approved"), amount, Some(reference));
        }
        self.row((key, "refund", "approved"), amount, Some(reference));
        Ok(approved(key, reference, amount))
    }

    /// Releases the held amount. One that only says so leaves it.
    fn release(&mut self, key: &str, reference: &str, only_says_so: bool) -> Performed {
        let hold = self.holds.get_mut(reference).ok_or((404, "no_such_reference"))?;
        let amount = hold.held;
        if !only_says_so {
            hold.held = 0;
        }
        self.row((key, "void", "approved"), amount, Some(reference));
        Ok(approved(key, reference, amount))
    }

    fn void(&mut self, shared: &Shared, key: &str, of: &str) -> Performed {
        let never = |key: &str| Operation { key: key.to_owned(), reference: None, outcome: Outcome::Never };
        let Some(kept) = self.kept.get_mut(of) else {
            if !shared.breaks("void_unseen") {
                let kept = Kept { request: None, operation: never(of), asked: 0, heard: true };
                self.kept.insert(of.to_owned(), kept);
            }
            self.row((of, "void", "never"), 0, None);
            return Ok(never(key));
        };
        if kept.request.is_none() || shared.breaks("lost_answer") && !kept.heard {
            return Ok(never(key));
        }
        if matches!(kept.operation.outcome, Outcome::ActionRequired { .. }) {
            if !shared.breaks("challenge") {
                kept.operation = declined(of, "payment_intent_authentication_failure");
            }
            return Ok(approved(key, "ref_challenge", 0));
        }
        let reference = kept.operation.reference.clone().unwrap_or_default();
        let Some(hold) = self.holds.get_mut(&reference) else { return Ok(never(key)) };
        if hold.taken == 0 {
            return self.release(key, &reference, shared.breaks("void_held"));
        }
        let amount = hold.taken - hold.given_back;
        if !shared.breaks("void_taken") {
            hold.given_back = hold.taken;
        }
        self.row((key, "refund", "approved"), amount, Some(&reference));
        Ok(approved(key, &reference, amount))
    }
}
