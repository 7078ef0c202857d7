//! A small client of the API, for commands that make the calls that any client would.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use url::form_urlencoded;

/// The longest life of a stream. It is no real bound: heartbeats tell that the stream lives.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// The most entries of a page.
const PAGE: usize = 100;

/// The address of the API, and the key.
#[derive(Debug, clap::Args)]
pub(crate) struct ApiOptions {
    /// Address of the API
    #[arg(long, env = "CALMONY_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The API key
    #[arg(long, env = "CALMONY_API_KEY", value_name = "KEY", hide_env_values = true)]
    api_key: String,
}

impl ApiOptions {
    pub(crate) fn client(&self) -> anyhow::Result<ApiClient> {
        ApiClient::new(self.url.trim_end_matches('/'), &self.api_key)
    }
}

/// The API with a key.
#[derive(Debug, Clone)]
pub(crate) struct ApiClient {
    client: Client,
    url: String,
    key: String,
}

impl ApiClient {
    pub(crate) fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        Ok(Self { client: plain_client()?, url: url.to_owned(), key: key.to_owned() })
    }

    /// Makes a call with a JSON body and returns the answer's.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call_existing(method, path, body).await?.with_context(|| format!("{path} doesn't exist"))
    }

    /// The same for something that may have been deleted; `None` if it isn't there.
    pub(crate) async fn call_existing(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Option<Value>> {
        let response = self
            .request(method, path)
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

    /// The answer of a call, also where it is an error in the API's envelope.
    pub(crate) async fn answer(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        idempotency_key: Option<&str>,
    ) -> anyhow::Result<Value> {
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.with_context(|| format!("can't call {path}"))?;
        let status = response.status();
        let text = response.text().await?;
        serde_json::from_str(&text).with_context(|| format!("{path} answered {status}: {text}"))
    }
}

impl ApiClient {
    /// The answer at that path; `None` if there is no such thing.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        Ok(self.text(Method::GET, path).await?.map(|(_, value)| value))
    }

    /// The first entries of a list, page by page.
    pub(crate) async fn list(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
        at_most: usize,
    ) -> anyhow::Result<Vec<Value>> {
        let mut entries: Vec<Value> = Vec::new();
        while entries.len() < at_most {
            let mut parameters = form_urlencoded::Serializer::new(String::new());
            for (name, value) in query {
                value.map(|value| parameters.append_pair(name, value));
            }
            parameters.append_pair("limit", &(at_most - entries.len()).min(PAGE).to_string());
            if let Some(last) = entries.last() {
                parameters.append_pair("starting_after", &cursor(last));
            }
            let page = self.get(&format!("{path}?{}", parameters.finish())).await?;
            let page = page.with_context(|| format!("{path} doesn't exist"))?;
            let more = page.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            let is_last = more.is_empty() || page.get("has_more") != Some(&Value::Bool(true));
            entries.extend(more);
            if is_last {
                break;
            }
        }
        Ok(entries)
    }

    /// An answer as it came, and as JSON; `None` if there is no such thing.
    pub(crate) async fn text(&self, method: Method, path: &str) -> anyhow::Result<Option<(String, Value)>> {
        let response =
            self.request(method, path).send().await.with_context(|| format!("can't call {path}"))?;
        let status = response.status();
        if status.as_u16() == 404 {
            return Ok(None);
        }
        let text = response.text().await?;
        ensure!(status.is_success(), "{path} answered {status}: {text}");
        let value = serde_json::from_str(&text)?;
        Ok(Some((text, value)))
    }

    /// An answer that goes on: the events after that one.
    pub(crate) async fn stream(&self, path: &str, after: Option<&str>) -> anyhow::Result<Response> {
        let mut request = self.request(Method::GET, path).timeout(FOREVER);
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = request.send().await.with_context(|| format!("can't call {path}"))?;
        let status = response.status();
        if !status.is_success() {
            bail!("{path} answered {status}: {}", response.text().await.unwrap_or_default());
        }
        Ok(response)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        request.header(AUTHORIZATION, format!("Bearer {}", self.key))
    }
}

/// The cursor of the page after an entry: its id, or for a delivery its event's id.
fn cursor(entry: &Value) -> String {
    let id = entry.get("id").or_else(|| entry.get("event")).and_then(Value::as_str);
    id.unwrap_or_default().to_owned()
}

/// Waits until a process says that it is ready, for at most that time.
pub(crate) async fn wait_ready(url: &str, at_most: Duration) -> anyhow::Result<()> {
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

/// A client for plain HTTP, to a server of one's own.
pub(crate) fn plain_client() -> anyhow::Result<Client> {
    // Installed already when this is not the first client.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(30)).build()?)
}
