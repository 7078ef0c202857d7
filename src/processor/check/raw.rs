//! Requests that a client would never send.

use hyper::body::Bytes;
use reqwest::Method;
use reqwest::header::HeaderValue;
use tokio::time::timeout;
use url::Url;

use super::finding::{Verdict, fail, hold};
use super::subject::Subject;
use crate::processor::Failure;
use crate::processor::call::Reply;
use crate::processor::reading::is_word;

/// The secret that a request comes with.
#[derive(Debug, Clone)]
pub(super) enum Secret {
    /// The right one.
    Right,
    /// Another one, or none.
    Other(Option<HeaderValue>),
}

impl Subject {
    /// Sends a body as it is.
    pub(super) async fn send(
        &self,
        (method, path): (Method, &[&str]),
        secret: &Secret,
        body: Option<String>,
    ) -> Verdict<Reply> {
        self.send_to((method, self.processor.line().url(path)), secret, body).await
    }

    /// Sends a body as it is to that address.
    pub(super) async fn send_to(
        &self,
        (method, url): (Method, Url),
        secret: &Secret,
        body: Option<String>,
    ) -> Verdict<Reply> {
        let line = self.processor.line();
        let secret = match secret {
            Secret::Right => Some(line.secret()),
            Secret::Other(header) => header.as_ref(),
        };
        let exchange = line.exchange((method, url), secret, body.map(Bytes::from));
        match timeout(line.deadline(), exchange).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(lost)) => fail(lost.to_string()),
            Err(_) => fail("no answer came in time"),
        }
    }
}

impl Reply {
    /// Holds that it is an error of the protocol, with one of those statuses.
    pub(super) fn is_error(&self, statuses: &[u16], about: &str) -> Verdict<Failure> {
        hold(statuses.contains(&self.status), || {
            format!("{about} should be answered {statuses:?}, not {}", self.status)
        })?;
        let failure = serde_json::from_slice::<Failure>(&self.body).ok();
        match failure.filter(|failure| is_word(&failure.error.code) && !failure.error.message.is_empty()) {
            Some(failure) => Ok(failure),
            None => fail(format!("{about}: the answer {} isn't the protocol's error", self.status)),
        }
    }
}
