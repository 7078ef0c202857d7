//! The one HTTP client, which can't be made to call where it must not.
//!
//! A URL is a subscriber's choice, and what its name resolves to can change between a check and a call. So the check is in
//! the resolver of the client itself, at the moment of connecting: there is no window for rebinding, and connections can
//! be kept alive. Literal addresses, which no resolver sees, are checked before the request. Redirects are not followed,
//! and no proxy is taken from the environment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use calmony_pay::address::{Forbidden, TargetPolicy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect};
use tokio::sync::Semaphore;

/// The most name look-ups at once. One can't be cancelled and holds a thread; a name server that never answers must not
/// take them all.
const LOOKUPS_MAX: usize = 128;

/// Looks names up and refuses what the guard refuses.
#[derive(Debug, Clone)]
struct GuardedResolver {
    policy: Arc<TargetPolicy>,
    lookups: Arc<Semaphore>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookups) = (self.policy.clone(), self.lookups.clone());
        Box::pin(async move {
            let turn = lookups.acquire_owned().await?;
            // A task of its own keeps the turn until the look-up has ended, even if the attempt is over before.
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0))
                    .await
                    .map(Iterator::collect::<Vec<SocketAddr>>);
                drop(turn);
                found
            });
            let found = lookup.await??;
            if policy.guard.permits_all(found.iter().map(SocketAddr::ip)) {
                let found: Addrs = Box::new(found.into_iter());
                Ok(found)
            } else {
                Err(Forbidden::Address.into())
            }
        })
    }
}

/// The client, shared by all deliveries so that connections are kept alive.
pub(crate) fn client(policy: &Arc<TargetPolicy>, idle_max: usize) -> anyhow::Result<Client> {
    let lookups = Arc::new(Semaphore::new(LOOKUPS_MAX));
    let builder = || {
        ClientBuilder::new()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .dns_resolver(GuardedResolver { policy: policy.clone(), lookups: lookups.clone() })
            .pool_max_idle_per_host(idle_max)
            .pool_idle_timeout(Duration::from_secs(30))
            .http1_only()
            .user_agent(concat!("Calmony-Pay/", env!("CARGO_PKG_VERSION")))
    };
    // Installed already when something else of this process needed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder().build().or_else(|error| {
        tracing::warn!(%error, "no certificate authorities on this machine: https receivers can't be reached");
        builder().tls_certs_only([]).build().context("can't make the HTTP client")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_at_the_moment_of_connecting() {
        let client = client(&Arc::new(TargetPolicy::default()), 1).expect("a client");
        let error = client.get("http://localhost:1/").send().await.expect_err("refused");
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        assert!(cause.is::<Forbidden>(), "{error:?}");
    }
}
