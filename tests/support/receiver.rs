//! Webhook receivers with a given behaviour.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

use super::PATIENCE;
use super::contract::wrong_webhook;

/// One request to a receiver.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The request's headers.
    pub headers: HeaderMap,
    /// The exact body.
    pub body: Bytes,
    /// The body as JSON.
    pub event: Value,
}

impl Delivery {
    /// The event's id.
    #[must_use]
    pub fn id(&self) -> String {
        self.event["id"].as_str().unwrap_or_default().to_owned()
    }

    /// The event's type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap_or_default()
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// An answer of a receiver.
#[derive(Debug, Clone)]
pub enum Reply {
    /// That status.
    Status(u16),
    /// That status and body.
    Body(u16, String),
    /// That status and `Retry-After`.
    RetryAfter(u16, String),
    /// A redirect to that place.
    Redirect(String),
    /// A body that doesn't end.
    Endless,
    /// The status 200, once the receiver is told to answer.
    When(Arc<Notify>),
    /// The status 200, after that time.
    After(Duration),
    /// No answer at all.
    Never,
}

type Behaviour = Arc<dyn Fn(&Delivery) -> Reply + Send + Sync>;

/// A receiver on loopback.
#[derive(Debug)]
pub struct Receiver {
    /// Its URL.
    pub url: String,
    arrivals: tokio::sync::Mutex<mpsc::UnboundedReceiver<Delivery>>,
    all: Arc<Mutex<Vec<Delivery>>>,
}

#[derive(Clone)]
struct Shared {
    behaviour: Behaviour,
    arrived: mpsc::UnboundedSender<Delivery>,
    all: Arc<Mutex<Vec<Delivery>>>,
}

impl Receiver {
    /// A receiver that takes everything.
    pub async fn start() -> Self {
        Self::behaving(|_| Reply::Status(200)).await
    }

    /// A receiver that answers 200 while it is switched on and 500 while it is off, and the switch.
    pub async fn switched(on: bool) -> (Self, Arc<AtomicBool>) {
        let works = Arc::new(AtomicBool::new(on));
        let switch = works.clone();
        let behaviour =
            move |_: &Delivery| Reply::Status(if switch.load(Ordering::Relaxed) { 200 } else { 500 });
        (Self::behaving(behaviour).await, works)
    }

    /// A receiver that answers as `behaviour` says. A delivery is on record before it is answered.
    pub async fn behaving(behaviour: impl Fn(&Delivery) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let all = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared { behaviour: Arc::new(behaviour), arrived, all: all.clone() };
        let router = Router::new().fallback(receive).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, arrivals: tokio::sync::Mutex::new(arrivals), all }
    }

    /// The next delivery, in the order of arrival. Panics if none comes, or one that breaks the contract.
    pub async fn next(&self) -> Delivery {
        let mut arrivals = self.arrivals.lock().await;
        let next = tokio::time::timeout(PATIENCE, arrivals.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("no delivery came to {}", self.url));
        let next = next.expect("the receiver runs");
        if let Some(wrong) = wrong_webhook(&next.event) {
            panic!("{wrong}");
        }
        next
    }

    /// Everything that has arrived.
    #[must_use]
    pub fn all(&self) -> Vec<Delivery> {
        self.all.lock().unwrap().clone()
    }
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let event = serde_json::from_slice(&body).unwrap_or_default();
    let delivery = Delivery { headers, body, event };
    shared.all.lock().unwrap().push(delivery.clone());
    let _ = shared.arrived.send(delivery.clone());
    let status = |status| StatusCode::from_u16(status).unwrap();
    match (shared.behaviour)(&delivery) {
        Reply::Status(code) => status(code).into_response(),
        Reply::Body(code, body) => (status(code), body).into_response(),
        Reply::RetryAfter(code, after) => (status(code), [("retry-after", after)]).into_response(),
        Reply::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
        Reply::Endless => {
            let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 4096]));
            Body::from_stream(chunks).into_response()
        }
        Reply::When(told) => {
            told.notified().await;
            status(200).into_response()
        }
        Reply::After(time) => {
            tokio::time::sleep(time).await;
            status(200).into_response()
        }
        Reply::Never => std::future::pending().await,
    }
}
