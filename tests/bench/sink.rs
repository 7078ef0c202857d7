//! A receiver that is cheap: it counts, notes when numbered customers arrive, and answers as it is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// With 200.
    #[default]
    Takes,
    /// With 500.
    Fails,
    /// Not at all.
    Hangs,
}

/// The receiver. The last part of a request's path is the number of its endpoint.
#[derive(Debug, Clone)]
pub(super) struct Sink {
    pub(super) url: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    modes: Mutex<HashMap<usize, Mode>>,
    requests: AtomicU64,
    /// Endpoint, number of the customer and time, of what was taken.
    arrivals: Mutex<Vec<(usize, u64, Instant)>>,
    /// Who waits for a customer to arrive at so many more endpoints.
    waiting: Mutex<HashMap<u64, (usize, oneshot::Sender<()>)>>,
}

impl Sink {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let router =
            Router::new().route("/{endpoint}", axum::routing::post(receive)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// How requests to that endpoint are answered from now on.
    pub(super) fn set(&self, endpoint: usize, mode: Mode) {
        self.shared.modes.lock().unwrap().insert(endpoint, mode);
    }

    /// Requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Resolves when that customer has arrived at so many endpoints from now on.
    pub(super) fn arrived_at(&self, number: u64, endpoints: usize) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        self.shared.waiting.lock().unwrap().insert(number, (endpoints, tell));
        told
    }

    /// What was taken since the last time.
    pub(super) fn take_arrivals(&self) -> Vec<(usize, u64, Instant)> {
        std::mem::take(&mut self.shared.arrivals.lock().unwrap())
    }
}

impl Shared {
    fn arrived(&self, number: u64) {
        let mut waiting = self.waiting.lock().unwrap();
        if let Some((left, _)) = waiting.get_mut(&number) {
            *left -= 1;
            if *left == 0
                && let Some((_, tell)) = waiting.remove(&number)
            {
                // Nobody may wait for it.
                let _ = tell.send(());
            }
        }
    }
}

async fn receive(State(shared): State<Arc<Shared>>, Path(endpoint): Path<usize>, body: Bytes) -> StatusCode {
    let now = Instant::now();
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let mode = shared.modes.lock().unwrap().get(&endpoint).copied().unwrap_or_default();
    match mode {
        Mode::Takes => {}
        Mode::Fails => return StatusCode::INTERNAL_SERVER_ERROR,
        Mode::Hangs => std::future::pending().await,
    }
    if let Some(number) = number(&body) {
        shared.arrivals.lock().unwrap().push((endpoint, number, now));
        shared.arrived(number);
    }
    StatusCode::OK
}

/// The number in `"name":"n123"`.
fn number(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("\"name\":\"n")?;
    rest.split_once('"')?.0.parse().ok()
}
