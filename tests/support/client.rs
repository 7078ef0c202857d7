//! A client of the API over a real socket.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};

use super::contract;

/// A client with a key.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null if it is no JSON.
    pub json: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body of an answer that must be a success.
    #[expect(clippy::must_use_candidate, reason = "often it only has to be a success")]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json
    }

    /// The id in an answer that must be a success.
    #[must_use]
    pub fn id(self) -> String {
        self.ok()["id"].as_str().expect("an id").to_owned()
    }

    /// Status, type, code and param of an answer that must be an error.
    #[must_use]
    pub fn error(&self) -> (u16, &str, &str, &str) {
        let text = |name: &str| self.json["error"][name].as_str().unwrap_or_default();
        assert!(!text("message").is_empty(), "an error says something: {}", self.text);
        (self.status, text("type"), text("code"), text("param"))
    }
}

/// A client for plain HTTP on loopback.
#[must_use]
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(40)).build().unwrap()
}

impl Client {
    /// A client of the API at `url` with that key.
    #[must_use]
    pub fn new(url: &str, key: &str) -> Self {
        Self { http: http(), url: url.to_owned(), key: key.to_owned() }
    }

    /// The same API with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// The same key at another API.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A request that can be shaped further.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if self.key.is_empty() {
            request
        } else {
            request.header(AUTHORIZATION, format!("Bearer {}", self.key))
        }
    }

    /// Sends GET.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Sends DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// Sends POST with a form, as the SDKs do it.
    pub async fn post(&self, path: &str, form: &str) -> Answer {
        let request =
            self.request(Method::POST, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        send(request.body(form.to_owned())).await
    }

    /// Sends a method with a JSON body.
    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header(CONTENT_TYPE, "application/json");
        send(request.body(body.to_string())).await
    }

    /// Creates a customer of that name. Returns its id.
    pub async fn customer(&self, name: &str) -> String {
        self.json(Method::POST, "/v1/customers", &json!({ "name": name })).await.id()
    }

    /// Creates an endpoint for these types. Returns its id and its secret.
    pub async fn endpoint(&self, url: &str, events: &[&str]) -> (String, String) {
        let params = json!({ "url": url, "enabled_events": events });
        let made = self.json(Method::POST, "/v1/webhook_endpoints", &params).await.ok();
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }
}

/// Sends a request and reads the answer, which must be as the contract says.
pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.expect("a request");
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let response = client.execute(request).await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a whole answer");
    if path.starts_with("/v1")
        && let Some(wrong) = contract::wrong_answer(method.as_str(), &path, status, &text)
    {
        panic!("{wrong}");
    }
    Answer { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
}
