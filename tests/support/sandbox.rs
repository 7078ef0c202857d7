//! The sandbox processor, running, and a client of its protocol.

use std::path::Path;
use std::time::Duration;

use calmony_pay::cli::dev::cluster::free_port;
use calmony_pay::cli::dev::{Program, Running};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::http;
use super::system::{Started, program, start};
use super::{Database, eventually};

/// The secret of every sandbox in the tests. In this form other code of ours can check its signatures.
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

/// A running sandbox.
pub struct Sandbox {
    /// Its process.
    pub process: Running,
    /// Its address.
    pub url: String,
}

impl Sandbox {
    /// A sandbox on that database that sends no notices.
    pub async fn on(database: &Database) -> Self {
        Self::with(database, &[]).await
    }

    /// A sandbox on that database that tells that address.
    pub async fn telling(database: &Database, notice_url: &str) -> Self {
        Self::with(database, &[("CALMONY_PROCESSOR_NOTICE_URL", notice_url)]).await
    }

    /// The same with more or other environment variables.
    pub async fn with(database: &Database, more: &[(&'static str, &str)]) -> Self {
        let mut environment = vec![
            ("CALMONY_DATABASE_URL", database.url.clone()),
            ("CALMONY_PROCESSOR_SECRET", SECRET.to_owned()),
        ];
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let Started { process, url, .. } =
            start("calmony", &["sandbox-processor"], "CALMONY_SANDBOX_LISTEN", environment).await;
        Self { process, url }
    }

    /// A sandbox by a login that can do nothing else, which writes everything that it can log into a file.
    pub async fn logging(database: &Database, log: &Path) -> Self {
        drop(database.login_in("calmony_sandbox").await);
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let run = format!("exec {} sandbox-processor 2>{}", program("calmony").display(), log.display());
        let environment = vec![
            ("CALMONY_DATABASE_URL", database.url.replacen("calmony:", "login_calmony_sandbox:", 1)),
            ("CALMONY_PROCESSOR_SECRET", SECRET.to_owned()),
            ("CALMONY_SANDBOX_LISTEN", address.clone()),
            ("CALMONY_LOG", "trace".to_owned()),
        ];
        let arguments = vec!["-c".to_owned(), run];
        let started = Program { name: "calmony", path: "/bin/sh".into(), arguments, environment }.start();
        let sandbox = Self { process: started.unwrap(), url: format!("http://{address}") };
        let ready = async || http().get(format!("{}/readyz", sandbox.url)).send().await.ok();
        eventually("it is ready", ready).await;
        sandbox
    }

    /// A client of it.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller { url: self.url.clone() }
    }
}

/// A client of a sandbox.
#[derive(Debug, Clone)]
pub struct Caller {
    url: String,
}

impl Caller {
    /// The status and the body of an answer; `None` if none came.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let mut request = http().request(method, format!("{}{path}", self.url)).bearer_auth(SECRET);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// The answer to a GET.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await.expect("an answer")
    }

    /// The answer to an operation.
    pub async fn perform(&self, request: &Value) -> (u16, Value) {
        self.call(Method::POST, "/v1/operations", Some(request)).await.expect("an answer")
    }

    /// The answer to an operation that must be one of the protocol.
    pub async fn done(&self, request: &Value) -> Value {
        let (status, operation) = self.perform(request).await;
        assert_eq!(status, 200, "{operation}");
        operation
    }

    /// Asks for an operation again and again, until there is an answer of the protocol.
    pub async fn insist(&self, request: &Value) -> Value {
        let answered = async {
            loop {
                match self.call(Method::POST, "/v1/operations", Some(request)).await {
                    Some((200, operation)) => return operation,
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(super::PATIENCE, answered).await.expect("an answer comes")
    }

    /// A method of that test card's name.
    pub async fn method(&self, card: &str) -> String {
        let source = json!({ "source": format!("pm_card_{card}") });
        let (status, method) =
            self.call(Method::POST, "/v1/methods", Some(&source)).await.expect("an answer");
        assert_eq!(status, 200, "{method}");
        method["token"].as_str().unwrap().to_owned()
    }

    /// An operation, as it is now.
    pub async fn operation(&self, key: &str) -> (u16, Value) {
        self.get(&format!("/v1/operations/{key}")).await
    }

    /// The rows of the journal that the query asks for.
    pub async fn journal(&self, query: &str) -> Vec<Value> {
        let (status, lines) = self.get(&format!("/journal{query}")).await;
        assert_eq!(status, 200, "{lines}");
        match lines {
            // One line is JSON by itself.
            Value::Object(_) => vec![lines],
            Value::String(lines) => lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            other => panic!("{other}"),
        }
    }

    /// A connection on which that operation was asked for.
    pub async fn raw(&self, request: &Value) -> TcpStream {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let body = request.to_string();
        let head = format!(
            "POST /v1/operations HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {SECRET}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }
}

/// Everything that comes until the connection ends.
pub async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(super::PATIENCE, stream.read_to_end(&mut rest)).await.expect("it ends");
    rest
}

/// An authorisation.
#[must_use]
pub fn authorize(key: &str, method: &str, amount: i64, capture: bool) -> Value {
    json!({
        "kind": "authorize", "key": key, "method": method, "amount": amount, "currency": "eur",
        "capture": capture, "off_session": false,
    })
}

/// A capture or a refund.
#[must_use]
pub fn moves(kind: &str, key: &str, reference: &Value, amount: i64) -> Value {
    json!({ "kind": kind, "key": key, "reference": reference, "amount": amount })
}

/// A void by key.
#[must_use]
pub fn void_key(key: &str, of_key: &str) -> Value {
    json!({ "kind": "void", "key": key, "of_key": of_key })
}
