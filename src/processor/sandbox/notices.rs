//! Notices: the outcomes of operations that were answered before. Each is signed, and sent again until
//! it is taken.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::Url;

use super::shared::Sandbox;
use crate::database::DatabaseError;
use crate::{clock, signature};

/// The time for a notice to be taken.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after the first time that a notice wasn't taken. It doubles each time.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// The sender of notices.
pub(super) struct Sender {
    client: Client,
    url: Url,
}

impl Sender {
    /// A sender to that address.
    pub(super) fn new(url: Url) -> anyhow::Result<Self> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(Policy::none())
            .timeout(SEND_TIMEOUT)
            .build()?;
        Ok(Self { client, url })
    }

    /// Sends the notices that are due, once each.
    pub(super) async fn send(&self, sandbox: &Sandbox) -> Result<(), DatabaseError> {
        let rows = sandbox.readers.get().await?.query(include_str!("sql/due_notices.sql"), &[]).await?;
        let sent = rows.iter().map(async |row| {
            let (id, operation): (&str, &str) = (row.get("id"), row.get("operation"));
            self.is_taken(sandbox.secret(), format!("{{\"id\":\"{id}\",\"operation\":{operation}}}")).await
        });
        for (row, is_taken) in rows.iter().zip(join_all(sent).await) {
            let (id, client): (&str, _) = (row.get("id"), sandbox.readers.get().await?);
            if is_taken {
                client.execute(include_str!("sql/notice_taken.sql"), &[&id]).await?;
            } else {
                let pause = i64::try_from(pause(row.get("tries")).as_millis()).unwrap_or(i64::MAX);
                client.execute(include_str!("sql/notice_missed.sql"), &[&id, &pause]).await?;
            }
        }
        Ok(())
    }

    /// True if the receiver has taken it.
    async fn is_taken(&self, secret: &str, body: String) -> bool {
        let signed = signature::shared(secret, clock::now().seconds(), body.as_bytes());
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        let answer = request.header("calmony-signature", signed).body(body).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => true,
            Ok(answer) => {
                tracing::warn!(status = answer.status().as_u16(), "a notice wasn't taken");
                false
            }
            Err(error) => {
                tracing::warn!(error = %error.without_url(), "a notice didn't arrive");
                false
            }
        }
    }
}

/// The pause after a notice wasn't taken, by the number of times before.
fn pause(tries: i32) -> Duration {
    let doubled = u32::try_from(tries.clamp(0, 16)).unwrap_or_default();
    (PAUSE * 2_u32.pow(doubled)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        let pauses: Vec<u128> = (0..9).map(|tries| pause(tries).as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!((pause(i32::MAX), pause(-1)), (PAUSE_MAX, PAUSE));
    }
}
