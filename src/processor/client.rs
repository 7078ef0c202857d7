//! The client of a processor: every question has an answer by its deadline, and never an error.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use prometheus_client::registry::Registry;
use reqwest::Method;
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;

use super::call::{Line, Lost, Reply};
use super::metrics::{CallMetrics, class_of, class_of_inquiry, class_of_method, kind_of};
use super::wire::{Capabilities, NewMethod, Request};
use super::{Answer, Inquiry, Tokenized};
use crate::shares::{Place, Shares};

/// A processor. A clone is the same one: they share connections and the bound of calls at once.
#[derive(Debug, Clone)]
pub struct Processor {
    line: Arc<Line>,
    account: i64,
    metrics: CallMetrics,
    payments: Shares<i64>,
}

/// The most payments at once that requests wait for. They hold places of requests for as long as the
/// processor takes, and others need some, too.
const PAYMENTS_MAX: usize = 128;

/// The path of operations.
const OPERATIONS: &[&str] = &["v1", "operations"];

impl Processor {
    /// The processor at that address. A call ends after `deadline` in any case.
    pub fn new(url: &Url, secret: &SecretString, deadline: Duration) -> anyhow::Result<Self> {
        let line = Arc::new(Line::new(url, secret, deadline)?);
        let payments = Shares::new(PAYMENTS_MAX, 3);
        Ok(Self { line, account: 0, metrics: CallMetrics::default(), payments })
    }

    /// The same processor on behalf of an account, which has its share of the calls at once.
    #[must_use]
    pub fn on_behalf_of(&self, account: i64) -> Self {
        Self { account, ..self.clone() }
    }

    /// A place for a payment that a request waits for; `None` if there is none at this moment.
    #[must_use]
    pub fn place(&self) -> Option<Place<i64>> {
        self.payments.try_enter(&self.account, 1).ok()
    }

    /// Counts money that moved for an attempt that was over without it.
    pub fn count_suspense(&self) {
        self.metrics.suspended();
    }

    /// Registers the metrics of its calls.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// The time that a call may take.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.line.deadline()
    }

    /// Asks for an operation.
    pub async fn perform(&self, request: &Request) -> Answer {
        let body = match serde_json::to_vec(request) {
            Ok(body) => Bytes::from(body),
            Err(_) => return Answer::Unknown("the request can't be written as JSON".to_owned()),
        };
        let began = Instant::now();
        let answer = match self.call(Method::POST, OPERATIONS, Some(body)).await {
            Ok(reply) => reply.answer(request),
            Err(lost) => Answer::Unknown(lost.to_string()),
        };
        self.metrics.called(kind_of(request), class_of(&answer), began.elapsed());
        answer
    }

    /// Asks for the outcome of a key.
    pub async fn inquire(&self, key: &str) -> Inquiry {
        let began = Instant::now();
        let answer = match self.call(Method::GET, &[OPERATIONS, &[key]].concat(), None).await {
            Ok(reply) => reply.inquiry(key),
            Err(lost) => Inquiry::CantTell(lost.to_string()),
        };
        self.metrics.called("inquire", class_of_inquiry(&answer), began.elapsed());
        answer
    }

    /// Asks for a token that stands for a card.
    pub async fn tokenize(&self, method: NewMethod) -> Tokenized {
        // The bytes are overwritten once they are sent.
        let body = Bytes::from_owner(method.into_body());
        let began = Instant::now();
        let answer = match self.call(Method::POST, &["v1", "methods"], Some(body)).await {
            Ok(reply) => reply.tokenized(),
            Err(lost) => Tokenized::Unavailable(lost.to_string()),
        };
        self.metrics.called("tokenize", class_of_method(&answer), began.elapsed());
        answer
    }

    /// Asks for the processor's capabilities. The error is a reason for people.
    pub async fn capabilities(&self) -> Result<Capabilities, String> {
        let said = |lost: Lost| lost.to_string();
        self.call(Method::GET, &["v1", "capabilities"], None).await.map_err(said)?.capabilities()
    }

    async fn call(&self, method: Method, path: &[&str], body: Option<Bytes>) -> Result<Reply, Lost> {
        let answered = self.line.call(self.account, (method, path), body).await;
        if let Err(lost) = &answered {
            let lost: &dyn Display = lost;
            tracing::warn!(reason = %lost, "a call to the processor has no answer");
        }
        answered
    }

    /// The way to the processor, for requests that a client would never send.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }
}
