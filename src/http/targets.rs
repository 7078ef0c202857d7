//! Whether an endpoint's URL may be saved. The worker asks again at every connection, because what a name leads to changes;
//! asking here tells the caller at once, instead of a failed delivery later.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::App;
use super::error::ApiError;
use crate::address::{Forbidden, TargetPolicy};
use crate::domain::{ParameterError, Problem};

/// How long a name may take to be looked up. One that takes longer, or that nobody knows yet, may be saved.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Refuses a URL that leads where webhooks are not sent. A text that is no URL is left to the domain to refuse.
pub(super) async fn check(app: &App, url: Option<&str>) -> Result<(), ApiError> {
    let Some(url) = url.and_then(|text| Url::parse(text).ok()) else { return Ok(()) };
    if !matches!(url.scheme(), "http" | "https") {
        return Ok(());
    }
    match permits(&app.policy, &url).await {
        Ok(()) => Ok(()),
        Err(Forbidden::Address) => refuse("it leads to a private or reserved address"),
        Err(Forbidden::Port) => refuse("ports below 1024 other than 80 and 443 can't be called"),
    }
}

fn refuse(reason: &'static str) -> Result<(), ApiError> {
    Err(ParameterError::new("url", Problem::NotAUrl(reason)).into())
}

async fn permits(policy: &TargetPolicy, url: &Url) -> Result<(), Forbidden> {
    policy.check(url)?;
    let Some(name) = url.domain() else { return Ok(()) };
    let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((name, 0)));
    let Ok(Ok(found)) = lookup.await else { return Ok(()) };
    let known: Vec<_> = found.map(|address: SocketAddr| address.ip()).collect();
    if policy.guard.permits_all(known) { Ok(()) } else { Err(Forbidden::Address) }
}
