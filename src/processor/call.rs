//! One call to a processor: its deadline, its bounds, its secret. Nothing of an answer is believed here.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hyper::body::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, ClientBuilder, Method, Response, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::shares::Shares;
use crate::tls;

/// The most calls at once. Money waits for them, so they are few and their wait has an end.
const CALLS_MAX: usize = 32;
/// The longest answer that is read.
pub(super) const ANSWER_MAX: usize = 64 * 1024;
/// Connections without a call that are kept, for so long.
const IDLE: Duration = Duration::from_secs(30);

/// An answer as it came.
pub(super) struct Reply {
    /// The HTTP status.
    pub(super) status: u16,
    /// The body, at most [`ANSWER_MAX`] bytes.
    pub(super) body: Vec<u8>,
}

/// The reason that a call has no answer. It says nothing about the outcome at the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    #[error("it wasn't sent: other calls were under way until near its deadline")]
    Busy,
    #[error("no answer came in time")]
    Late,
    /// No connection to the called address. A proxy may stand between that has passed the request on before
    /// its own connection broke, and a name may lead to several processes. So this is no "no" either.
    #[error("no connection could be made")]
    Unreached,
    #[error("the connection broke off")]
    Broken,
    #[error("the answer has more than {} KiB", ANSWER_MAX / 1024)]
    Large,
}

impl Lost {
    fn of(error: &reqwest::Error) -> Self {
        if error.is_connect() { Self::Unreached } else { Self::Broken }
    }
}

/// The way to a processor.
pub(super) struct Line {
    client: Client,
    base: Url,
    secret: HeaderValue,
    deadline: Duration,
    calls: Shares<i64>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({}, {:?})", self.base, self.deadline)
    }
}

/// The header that proves a secret.
fn bearer(secret: &SecretString) -> anyhow::Result<HeaderValue> {
    let header = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()));
    let mut header = header.ok().context("a processor's secret has characters that a header can't have")?;
    header.set_sensitive(true);
    Ok(header)
}

impl Line {
    pub(super) fn new(base: &Url, secret: &SecretString, deadline: Duration) -> anyhow::Result<Self> {
        ensure!(base.username().is_empty() && base.password().is_none(), "a processor's URL has no password");
        let client = ClientBuilder::new()
            .no_proxy()
            .redirect(redirect::Policy::none())
            // A repeated request is ours to decide: its key may have ended meanwhile.
            .retry(reqwest::retry::never())
            .tls_backend_preconfigured(tls::client("https processors")?)
            .pool_max_idle_per_host(CALLS_MAX)
            .pool_idle_timeout(IDLE)
            .http1_only()
            .user_agent(concat!("Calmony-Pay/", env!("CARGO_PKG_VERSION")));
        let client = client.build().context("can't make the HTTP client")?;
        let calls = Shares::new(CALLS_MAX, 1);
        Ok(Self { client, base: base.clone(), secret: bearer(secret)?, deadline, calls })
    }

    /// The address of a path below the base.
    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The header with the secret.
    pub(super) const fn secret(&self) -> &HeaderValue {
        &self.secret
    }

    /// The time that a call may take.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Makes a call on behalf of an account. Everything is within the deadline: the wait for a turn, the
    /// connection, the answer to its last byte.
    pub(super) async fn call(
        &self,
        account: i64,
        (method, path): (Method, &[&str]),
        body: Option<Bytes>,
    ) -> Result<Reply, Lost> {
        let end = Instant::now() + self.deadline;
        // A request that left at its deadline would do something whose answer nobody hears.
        let patience = self.deadline / 10 * 9;
        let turn = self.calls.enter(&account, 1, patience, patience).await;
        let _turn = turn.map_err(|_| Lost::Busy)?;
        timeout_at(end, self.exchange((method, self.url(path)), Some(&self.secret), body))
            .await
            .map_err(|_| Lost::Late)?
    }

    /// Sends a request and reads its answer, with that secret.
    pub(super) async fn exchange(
        &self,
        (method, url): (Method, Url),
        secret: Option<&HeaderValue>,
        body: Option<Bytes>,
    ) -> Result<Reply, Lost> {
        let mut request = self.client.request(method, url);
        if let Some(secret) = secret {
            request = request.header(AUTHORIZATION, secret);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| Lost::of(&error))?;
        let status = response.status().as_u16();
        Ok(Reply { status, body: read(response).await? })
    }

    /// Sends a request with the secret and reads the beginning of its answer, at least that many bytes if
    /// there are so many. True if that is all of it.
    pub(super) async fn beginning(
        &self,
        (method, url): (Method, Url),
        bytes: usize,
    ) -> Result<(Reply, bool), Lost> {
        let request = self.client.request(method, url).header(AUTHORIZATION, &self.secret);
        let mut response = request.send().await.map_err(|error| Lost::of(&error))?;
        let (status, mut body) = (response.status().as_u16(), Vec::new());
        while body.len() < bytes {
            match response.chunk().await.map_err(|_| Lost::Broken)? {
                Some(part) => body.extend_from_slice(&part),
                None => return Ok((Reply { status, body }, true)),
            }
        }
        Ok((Reply { status, body }, false))
    }
}

/// The body of an answer, as long as it isn't too large.
async fn read(mut response: Response) -> Result<Vec<u8>, Lost> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|_| Lost::Broken)? {
        if body.len() + part.len() > ANSWER_MAX {
            return Err(Lost::Large);
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
