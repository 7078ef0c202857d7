//! The one HTTP client, which can't be made to call where it must not.
//!
//! A subscriber chooses the URL, and the addresses of its name can change between a check and a call. So
//! the check is in the resolver of the client itself, at the moment of connecting: there is no window for
//! rebinding, and connections can be kept alive. Literal addresses, which no resolver sees, are checked
//! before the request. Redirects are not followed, and no proxy is taken from the environment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use calmony_pay::address::{Forbidden, TargetPolicy};
use calmony_pay::shares::Shares;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect};
use rustls::ClientConfig;
use rustls::client::Resumption;
use tower_layer::Layer;
use tower_service::Service;

use crate::phases::{self, NotingSessions};

/// The most name look-ups at once. One can't be cancelled and holds a thread; a name server that never
/// answers must not take them all.
const LOOKUPS_MAX: usize = 128;

/// The longest wait for a turn: the longest deadline of an attempt.
const LOOKUP_PATIENCE: Duration = Duration::from_mins(2);

tokio::task_local! {
    static ACCOUNT: i64;
}

/// Runs an attempt of that account, which has its share of the look-ups.
pub(crate) async fn on_behalf_of<T>(account: i64, attempt: impl Future<Output = T>) -> T {
    ACCOUNT.scope(account, attempt).await
}

/// Looks names up and refuses the addresses that the guard refuses.
#[derive(Debug, Clone)]
struct GuardedResolver {
    policy: Arc<TargetPolicy>,
    lookups: Shares<i64>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookups) = (self.policy.clone(), self.lookups.clone());
        Box::pin(async move {
            phases::looking_up();
            let account = ACCOUNT.try_with(|account| *account).unwrap_or_default();
            let Ok(turn) = lookups.enter(&account, 1, LOOKUP_PATIENCE, LOOKUP_PATIENCE).await else {
                return Err("no turn to look the name up".into());
            };
            // A task of its own keeps the turn until the look-up has ended, even if the attempt is over
            // before.
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0))
                    .await
                    .map(Iterator::collect::<Vec<SocketAddr>>);
                drop(turn);
                found
            });
            let found = lookup.await?;
            let is_permitted =
                |found: &Vec<SocketAddr>| policy.guard.permits_all(found.iter().map(SocketAddr::ip));
            let leads_somewhere = found.as_ref().is_ok_and(is_permitted);
            phases::looked_up(leads_somewhere);
            let found = found?;
            if leads_somewhere {
                let found: Addrs = Box::new(found.into_iter());
                Ok(found)
            } else {
                Err(Forbidden::Address.into())
            }
        })
    }
}

/// Notes the duration of connecting.
#[derive(Debug, Clone, Copy)]
struct Noting;

impl<S> Layer<S> for Noting {
    type Service = NotingConnector<S>;

    fn layer(&self, inner: S) -> NotingConnector<S> {
        NotingConnector(inner)
    }
}

#[derive(Debug, Clone)]
struct NotingConnector<S>(S);

impl<S, R> Service<R> for NotingConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.0.call(request);
        Box::pin(async move {
            phases::connecting();
            let connection = connecting.await;
            phases::connected();
            connection
        })
    }
}

/// TLS, whose handshakes are noted.
fn tls() -> anyhow::Result<ClientConfig> {
    let mut config = calmony_pay::tls::client("https receivers")?;
    config.resumption = Resumption::store(NotingSessions::shared());
    Ok(config)
}

/// The client, shared by all deliveries so that connections are kept alive.
pub(crate) fn client(policy: &Arc<TargetPolicy>, idle_max: usize) -> anyhow::Result<Client> {
    let lookups = Shares::new(LOOKUPS_MAX, 1);
    let client = ClientBuilder::new()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .dns_resolver(GuardedResolver { policy: policy.clone(), lookups })
        .connector_layer(Noting)
        .tls_backend_preconfigured(tls()?)
        .pool_max_idle_per_host(idle_max)
        .pool_idle_timeout(Duration::from_secs(30))
        .http1_only()
        .user_agent(concat!("Calmony-Pay/", env!("CARGO_PKG_VERSION")));
    client.build().context("can't make the HTTP client")
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
