//! The check of an endpoint's URL before it is saved. The worker checks again at every connection,
//! because the addresses of a name change; a check here tells the caller at once, instead of a failed
//! delivery later. A name that nobody knows may be saved: it may be one of tomorrow.

use std::io;
use std::net::{IpAddr, SocketAddr};

use url::Url;

use super::app::App;
use super::error::ApiError;
use crate::address::Forbidden;
use crate::domain::{ParameterError, Problem};

/// Refuses a URL, which the domain has taken, that leads where webhooks are not sent.
pub(super) async fn check(app: &App, account: i64, url: &str) -> Result<(), ApiError> {
    let Ok(url) = Url::parse(url) else { return Err(refused("it can't be read as an absolute URL")) };
    app.policy.check(&url).map_err(forbidden)?;
    let Some(name) = url.domain().map(str::to_owned) else { return Ok(()) };
    let lookup = async move {
        let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
        Ok::<Vec<IpAddr>, io::Error>(found.map(|address: SocketAddr| address.ip()).collect())
    };
    let known = app.lookups.run(account, lookup).await?;
    if known.is_none_or(|known| app.policy.guard.permits_all(known)) {
        Ok(())
    } else {
        Err(forbidden(Forbidden::Address))
    }
}

fn forbidden(what: Forbidden) -> ApiError {
    refused(match what {
        Forbidden::Address => "it leads to a private or reserved address",
        Forbidden::Port => "ports below 1024 other than 80 and 443 can't be called",
    })
}

fn refused(reason: &'static str) -> ApiError {
    ParameterError::new("url", Problem::NotAUrl(reason)).into()
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use proptest::prelude::*;

    use crate::domain::types::webhook_url;

    proptest! {
        /// The HTTP client calls the URL as this type has it.
        #[test]
        fn what_is_stored_is_what_the_client_calls(
            host in "[a-z0-9_-]{1,8}(\\.\\PC{1,3})?(:[0-9]{1,5})?",
            rest in "[/?]?[!-~]{0,24}\\PC{0,4}",
        ) {
            if let Ok(stored) = webhook_url::check(&format!("https://{host}{rest}")) {
                let called: Uri = stored.parse().expect("the client can call it");
                prop_assert_eq!(called.to_string(), stored);
            }
        }
    }
}
