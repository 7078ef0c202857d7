//! A small client of the API, for what `calmony dev` does there as any client would.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method};
use serde_json::Value;

/// The API with a key.
#[derive(Debug, Clone)]
pub(super) struct ApiClient {
    client: Client,
    url: String,
    key: String,
}

impl ApiClient {
    pub(super) fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        Ok(Self { client: plain_client()?, url: url.to_owned(), key: key.to_owned() })
    }

    /// Makes a call with a JSON body and returns the answer's.
    pub(super) async fn call(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call_existing(method, path, body).await?.with_context(|| format!("{path} doesn't exist"))
    }

    /// The same for something that may have been deleted: `None` then.
    pub(super) async fn call_existing(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Option<Value>> {
        let response = self
            .client
            .request(method, format!("{}{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {}", self.key))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string())
            .send()
            .await
            .with_context(|| format!("can't call {path}"))?;
        let status = response.status();
        if status.as_u16() == 404 {
            return Ok(None);
        }
        let answer = response.text().await?;
        ensure!(status.is_success(), "{path} answered {status}: {answer}");
        Ok(serde_json::from_str(&answer)?)
    }
}

/// Waits until a process says that it is ready, at most that long.
pub(super) async fn wait_ready(url: &str, at_most: Duration) -> anyhow::Result<()> {
    let client = plain_client()?;
    let ready = async {
        while !client
            .get(format!("{url}/readyz"))
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(at_most, ready).await.with_context(|| format!("{url} did not become ready"))
}

fn plain_client() -> anyhow::Result<Client> {
    // Installed already when this is not the first client.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(30)).build()?)
}
