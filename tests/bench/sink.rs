//! The receiver, a process of its own that does as little as it can: it counts, notes the arrivals of
//! numbered customers on request, and answers in a given mode. It takes commands by requests, too, at an
//! address of their own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use support::client::http;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::process::{Helper, micros, orphaned, say};

/// Its hosts, from 127.0.0.1 on, and the endpoints that share one: a worker bounds the requests in flight
/// to a host.
const HOSTS: usize = 30;
const OF_HOST: usize = 10;

/// The mode of its answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Mode {
    /// With 200.
    #[default]
    Takes,
    /// With 500.
    Fails,
    /// Not at all.
    Hangs,
    /// With 200, after this time.
    Late(Duration),
}

/// Its counts, since the last reset.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Requests.
    pub(super) requests: u64,
    /// The time of the last one, in microseconds since the epoch.
    pub(super) last: u64,
    /// Connections that were opened for webhooks.
    pub(super) connections: u64,
}

/// An arrival: endpoint, number of the customer, microseconds since the epoch.
pub(super) type Arrival = (usize, u64, u64);

/// The times from marks to arrivals.
#[derive(Debug)]
pub(super) struct Waits {
    /// Milliseconds until the first arrival of each, at each endpoint; sorted.
    pub(super) sorted: Vec<f32>,
    /// Arrivals after the first.
    pub(super) duplicates: usize,
}

/// The time from the marks of numbered customers to their arrivals.
pub(super) fn waits(marks: &HashMap<u64, u64>, arrivals: &[Arrival]) -> Waits {
    let (mut first, mut duplicates) = (HashMap::new(), 0);
    for (endpoint, number, at) in arrivals {
        let Some(mark) = marks.get(number) else { continue };
        let wait = (*at as f64 - *mark as f64) as f32 / 1000.0;
        match first.entry((endpoint, number)) {
            Entry::Vacant(place) => {
                place.insert(wait);
            }
            Entry::Occupied(_) => duplicates += 1,
        }
    }
    let mut sorted: Vec<f32> = first.into_values().collect();
    sorted.sort_by(f32::total_cmp);
    Waits { sorted, duplicates }
}

/// The receiver, seen from the process that has started it. The last part of a webhook's path is the number
/// of its endpoint.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) helper: Helper,
    /// The address for commands.
    pub(super) address: SocketAddr,
    /// The URL for webhooks, on its first host.
    pub(super) url: String,
    port: u16,
}

impl Sink {
    pub(super) async fn start() -> Self {
        let mut helper = Helper::start("sink", &()).await;
        let (address, port): (SocketAddr, u16) = helper.says().await;
        Self { helper, address, url: format!("http://{}:{port}", host(0)), port }
    }

    /// The URL for webhooks of that endpoint.
    pub(super) fn url_of(&self, endpoint: usize) -> String {
        format!("http://{}:{}/{endpoint}", host(endpoint / OF_HOST), self.port)
    }

    /// Sets the mode of answers to requests to that endpoint.
    pub(super) async fn set(&self, endpoint: usize, mode: Mode) {
        self.set_each(endpoint..endpoint + 1, mode).await;
    }

    /// The same of several.
    pub(super) async fn set_each(&self, endpoints: Range<usize>, mode: Mode) {
        self.tell("mode", &(endpoints, mode)).await;
    }

    /// Counts from nothing, and notes arrivals if that is wanted.
    pub(super) async fn reset(&self, notes: bool) {
        self.tell("reset", &notes).await;
    }

    pub(super) async fn counts(&self) -> Counts {
        serde_json::from_str(&self.tell("counts", &()).await).unwrap()
    }

    /// The arrivals since the last time.
    pub(super) async fn arrivals(&self) -> Vec<Arrival> {
        serde_json::from_str(&self.tell("arrivals", &()).await).unwrap()
    }

    /// Waits until it has counted `requests` requests.
    pub(super) async fn has(&self, requests: u64) -> Counts {
        let counted = self.tell("has", &requests);
        let counted = tokio::time::timeout(Duration::from_mins(3), counted).await;
        serde_json::from_str(&counted.unwrap_or_else(|_| panic!("{requests} have not come"))).unwrap()
    }

    async fn tell(&self, what: &str, body: &impl Serialize) -> String {
        let request = http().put(format!("http://{}/{what}", self.address));
        let request = request.body(serde_json::to_string(body).unwrap());
        request.send().await.unwrap().text().await.unwrap()
    }
}

#[derive(Debug, Default)]
struct State {
    modes: HashMap<usize, Mode>,
    counts: Counts,
    notes: bool,
    arrivals: Vec<Arrival>,
    /// Those that wait for a number of requests.
    waiting: Vec<(u64, oneshot::Sender<()>)>,
    /// The number of endpoints at which each customer has arrived, and those that wait for a number.
    arrived: HashMap<u64, usize>,
    watching: HashMap<u64, (usize, oneshot::Sender<()>)>,
}

type Shared = Rc<RefCell<State>>;

/// A host, by its number.
fn host(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, u8::try_from(number + 1).unwrap())
}

/// The role of the process: serves until the process that has started it is gone.
pub(super) async fn run() {
    let own = TcpListener::bind((host(0), 0)).await.unwrap();
    let mut receiving = vec![TcpListener::bind((host(0), 0)).await.unwrap()];
    let port = receiving.first().unwrap().local_addr().unwrap().port();
    for number in 1..HOSTS {
        receiving.push(TcpListener::bind((host(number), port)).await.unwrap());
    }
    say(&(own.local_addr().unwrap(), port));
    let shared = Shared::default();
    let receiving = receiving.into_iter().map(|listener| {
        let shared = shared.clone();
        serve(listener, shared.clone(), move || shared.borrow_mut().counts.connections += 1)
    });
    tokio::select! {
        () = serve(own, shared.clone(), || ()) => {}
        _ = join_all(receiving) => {}
        () = orphaned() => {}
    }
}

/// Serves every connection, and reports it.
async fn serve(listener: TcpListener, shared: Shared, connected: impl Fn()) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        connected();
        let shared = shared.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| answer(shared.clone(), request));
            // A client that goes away is its own affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(shared: Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().trim_start_matches('/').to_owned());
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if method == Method::POST {
        let endpoint = path.parse().unwrap_or(0);
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = match note(&shared, endpoint, &body) {
            Mode::Takes => StatusCode::OK,
            Mode::Fails => StatusCode::INTERNAL_SERVER_ERROR,
            Mode::Hangs => std::future::pending().await,
            Mode::Late(delay) => {
                tokio::time::sleep(delay).await;
                StatusCode::OK
            }
        };
        return Ok(answer);
    }
    Ok(Response::new(Full::from(told(&shared, &path, &body).await)))
}

/// Notes a webhook.
fn note(shared: &Shared, endpoint: usize, body: &[u8]) -> Mode {
    let mut state = shared.borrow_mut();
    let state = &mut *state;
    state.counts.requests += 1;
    state.counts.last = micros();
    let requests = state.counts.requests;
    for (_, tell) in state.waiting.extract_if(.., |(wanted, _)| *wanted <= requests) {
        let _ = tell.send(());
    }
    let mode = state.modes.get(&endpoint).copied().unwrap_or_default();
    if mode == Mode::Takes
        && state.notes
        && let Some(number) = number(body)
    {
        state.arrivals.push((endpoint, number, state.counts.last));
        let arrived = state.arrived.entry(number).or_default();
        *arrived += 1;
        if state.watching.get(&number).is_some_and(|(wanted, _)| *wanted <= *arrived)
            && let Some((_, tell)) = state.watching.remove(&number)
        {
            let _ = tell.send(());
        }
    }
    mode
}

/// The number in `"name":"n123"`.
fn number(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("\"name\":\"n")?;
    rest.split_once('"')?.0.parse().ok()
}

/// A command to the sink itself.
async fn told(shared: &Shared, what: &str, body: &[u8]) -> String {
    match what {
        "mode" => {
            let (endpoints, mode): (Range<usize>, Mode) = serde_json::from_slice(body).unwrap();
            shared.borrow_mut().modes.extend(endpoints.map(|endpoint| (endpoint, mode)));
        }
        "reset" => {
            let (notes, modes) =
                (serde_json::from_slice(body).unwrap(), std::mem::take(&mut shared.borrow_mut().modes));
            *shared.borrow_mut() = State { modes, notes, ..State::default() };
        }
        "arrivals" => {
            return serde_json::to_string(&std::mem::take(&mut shared.borrow_mut().arrivals)).unwrap();
        }
        "has" => wait_for(shared, serde_json::from_slice(body).unwrap()).await,
        "arrived" => watch(shared, serde_json::from_slice(body).unwrap()).await,
        _ => {}
    }
    serde_json::to_string(&shared.borrow().counts).unwrap()
}

async fn wait_for(shared: &Shared, wanted: u64) {
    let told = {
        let mut state = shared.borrow_mut();
        if state.counts.requests >= wanted {
            return;
        }
        let (tell, told) = oneshot::channel();
        state.waiting.push((wanted, tell));
        told
    };
    let _ = told.await;
}

/// Waits until that customer has arrived at that many endpoints.
async fn watch(shared: &Shared, (number, wanted): (u64, usize)) {
    let told = {
        let mut state = shared.borrow_mut();
        if state.arrived.get(&number).is_some_and(|arrived| *arrived >= wanted) {
            return;
        }
        let (tell, told) = oneshot::channel();
        state.watching.insert(number, (wanted, tell));
        told
    };
    let _ = told.await;
}
