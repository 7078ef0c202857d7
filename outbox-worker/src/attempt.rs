//! One attempt: sign, send, read the answer up to a cap, and report the outcome. One deadline covers all of
//! it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use calmony_pay::address::TargetPolicy;
use calmony_pay::clock::{self, Timestamp};
use calmony_pay::contract::AttemptError;
use calmony_pay::outbox::Phases;
use calmony_pay::secret::SigningSecret;
use calmony_pay::signature::{self, Message};
use calmony_pay::trace::{Span, TraceContext};
use calmony_pay::{retry, trace};
use futures_util::FutureExt as _;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response};
use tokio::time::Instant;
use url::Url;

use crate::config::WorkerOptions;
use crate::{failure, phases, target};

/// The most bytes of an answer that are kept.
const RESPONSE_KEPT_MAX: usize = 1024;
/// The most bytes of an answer that are read, so that a short one leaves its connection usable. The rest is
/// dropped.
const RESPONSE_READ_MAX: usize = 16 * 1024;

/// Sends webhooks.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    client: Client,
    policy: Arc<TargetPolicy>,
    timeout: Duration,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    /// The event's id, the same for every attempt.
    pub(crate) event: Arc<str>,
    /// The event as JSON, the same bytes for every endpoint.
    pub(crate) body: Bytes,
    /// The receiver's URL.
    pub(crate) url: String,
    /// The endpoint's live secrets.
    pub(crate) secrets: Arc<[SigningSecret]>,
    /// The place of the event's cause in a distributed trace.
    pub(crate) trace: Option<TraceContext>,
}

/// The outcome of an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) started_at: Timestamp,
    pub(crate) duration: Duration,
    pub(crate) phases: Phases,
    pub(crate) status: Option<u16>,
    /// The class of the failure; `None` if the receiver took it.
    pub(crate) error: Option<&'static str>,
    pub(crate) response: Option<String>,
    pub(crate) truncated: bool,
    /// The time for which the receiver asked to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Report {
    /// An attempt that brought no answer.
    fn failed(started_at: Timestamp, class: AttemptError) -> Self {
        let (duration, error) = (Duration::ZERO, Some(class.as_str()));
        Self {
            started_at,
            duration,
            phases: Phases::default(),
            status: None,
            error,
            response: None,
            truncated: false,
            retry_after: None,
        }
    }
}

impl Sender {
    /// A sender that may have so many requests in flight at once.
    pub(crate) fn new(options: &WorkerOptions, in_flight: usize) -> anyhow::Result<Self> {
        let policy = Arc::new(options.target.policy());
        // The most idle connections to one host are as many as may have been in flight to it: each is used
        // again.
        let client = target::client(&policy, in_flight)?;
        Ok(Self { client, policy, timeout: options.attempt_timeout })
    }

    /// Makes one attempt. A panic would be a defect of ours. It counts as a failure, so that nothing waits
    /// for ever.
    pub(crate) async fn send(&self, webhook: &Webhook) -> Report {
        let (started_at, started) = (clock::now(), Instant::now());
        let attempt =
            AssertUnwindSafe(self.attempt(webhook, started_at, started + self.timeout)).catch_unwind();
        let report = attempt.await.unwrap_or_else(|_| Report::failed(started_at, AttemptError::Internal));
        Report { duration: started.elapsed(), ..report }
    }

    /// The same within a span of its own, if traces are exported; its context goes to the receiver.
    pub(crate) async fn send_traced(&self, webhook: &Webhook, endpoint: &str, number: u32) -> Report {
        let Some(mut span) = Span::begin(|| "webhook attempt".to_owned(), trace::Kind::Client, webhook.trace)
        else {
            return self.send(webhook).await;
        };
        span.say("webhook.event", webhook.event.to_string());
        span.say("webhook.endpoint", endpoint.to_owned());
        span.say("webhook.attempt", i64::from(number));
        let report = self.send(&Webhook { trace: Some(span.context()), ..webhook.clone() }).await;
        if let Some(status) = report.status {
            span.say("http.response.status_code", i64::from(status));
        }
        span.end(report.error);
        report
    }

    async fn attempt(&self, webhook: &Webhook, started_at: Timestamp, deadline: Instant) -> Report {
        let request = tokio::time::timeout_at(deadline, self.request(webhook, started_at));
        let (answer, phases) = phases::measured(deadline - self.timeout, request).await;
        match answer {
            Err(_) => {
                Report { phases: phases.unanswered(), ..Report::failed(started_at, AttemptError::Timeout) }
            }
            Ok(Err(class)) => Report { phases: phases.unanswered(), ..Report::failed(started_at, class) },
            Ok(Ok(response)) => {
                let status = response.status();
                let error = (!status.is_success()).then_some(AttemptError::Status.as_str());
                let retry_after = retry_after(&response, started_at);
                let (kept, truncated) = read(response, deadline).await;
                let response = (!kept.is_empty()).then_some(kept);
                Report {
                    started_at,
                    duration: Duration::ZERO,
                    phases: phases.answered(),
                    status: Some(status.as_u16()),
                    error,
                    response,
                    truncated,
                    retry_after,
                }
            }
        }
    }

    /// Sends the request and waits for the head of the answer.
    async fn request(&self, webhook: &Webhook, now: Timestamp) -> Result<Response, AttemptError> {
        let url = Url::parse(&webhook.url).map_err(|_| AttemptError::Url)?;
        self.policy.check(&url).map_err(failure::of_forbidden)?;
        let timestamp = now.seconds();
        let message = Message { id: &webhook.event, timestamp, body: &webhook.body };
        let stripe = signature::stripe(message, &webhook.secrets);
        let mut request = self.client.post(url);
        if let Some(trace) = webhook.trace {
            request = request.header("traceparent", trace.to_string());
        }
        request
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("stripe-signature", &stripe)
            .header("calmony-signature", &stripe)
            .header("webhook-id", &*webhook.event)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature::standard_webhooks(message, &webhook.secrets))
            .body(webhook.body.clone())
            .send()
            .await
            .map_err(|error| failure::class(&error, phases::handshake_began()))
    }
}

impl Report {
    /// True if the receiver is overloaded or away, so that sending less may help it.
    pub(crate) fn is_overload(&self) -> bool {
        match self.status {
            Some(status) => matches!(status, 429 | 502 | 503 | 504),
            None => true,
        }
    }
}

/// The delay that a receiver asks for while it is overloaded or away.
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    if !matches!(response.status().as_u16(), 429 | 502 | 503 | 504) {
        return None;
    }
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    retry::parse_retry_after(value, now.system_time())
}

/// Reads an answer up to the cap or the deadline. A failure in the body changes nothing: the status has
/// decided.
async fn read(mut response: Response, deadline: Instant) -> (String, bool) {
    let mut bytes = Vec::new();
    let complete = tokio::time::timeout_at(deadline, async {
        while bytes.len() <= RESPONSE_READ_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        false
    });
    let complete = complete.await.unwrap_or(false);
    let truncated = !complete || bytes.len() > RESPONSE_KEPT_MAX;
    bytes.truncate(RESPONSE_KEPT_MAX);
    // PostgreSQL's text has no NUL.
    (String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}"), truncated)
}
