//! The load generator, a process of its own: a number of connections, each with its next request when the
//! last is answered, or at a pace that doesn't wait for answers.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::process::{Helper, micros, plan, say};

/// The requests of a plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Ask {
    /// Create a customer, named by a number from that one on.
    Create(u64),
    /// The same, with an idempotency key that begins with this text.
    CreateWithKey(String),
    /// Change one of these customers.
    Update(Vec<String>),
    /// Retrieve one of these customers.
    Read(Vec<String>),
    /// List the ten newest customers.
    List,
    /// Charge one of these methods of these customers at once.
    Pay(Vec<(String, String)>),
    /// Hold an amount on one of them, and capture it by a second request.
    HoldAndCapture(Vec<(String, String)>),
}

/// The plan of a generator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    /// The addresses of the API; connections take turns.
    pub(super) to: Vec<SocketAddr>,
    pub(super) key: String,
    pub(super) connections: u64,
    pub(super) ask: Ask,
    /// The time before it counts, and the time that counts.
    pub(super) warm_up: Duration,
    pub(super) slice: Duration,
    /// Requests a second, regardless of their outcomes. `None`: as fast as they are answered.
    pub(super) pace: Option<f64>,
    /// The most requests. `None`: as many as there is time for.
    pub(super) count: Option<u64>,
    /// Sends the next one only when the customer has arrived at that many endpoints of this sink.
    pub(super) until_arrived: Option<(SocketAddr, usize)>,
    /// Reports the times of each request and of its answer.
    pub(super) marks: bool,
}

/// The measurements.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Answers 200 within the slice, and over all of the time.
    pub(super) done: u64,
    pub(super) done_in_all: u64,
    /// 429 and 503, and anything else.
    pub(super) refused: u64,
    pub(super) other: u64,
    pub(super) seconds: f64,
    /// The time of the first request, in microseconds since the epoch.
    pub(super) began: u64,
    /// Milliseconds until those answers, sorted.
    pub(super) waits: Vec<f32>,
    /// Number, sent, answered.
    pub(super) marks: Vec<(u64, u64, u64)>,
    /// CPU seconds that this process has used.
    pub(super) cpu: f64,
}

impl Seen {
    /// The times of the requests, by number. Only for a plan that marks them.
    pub(super) fn sent(&self) -> HashMap<u64, u64> {
        self.marks.iter().map(|(number, sent, _)| (*number, *sent)).collect()
    }

    /// The times at which their answers had been read.
    pub(super) fn answered(&self) -> HashMap<u64, u64> {
        self.marks.iter().map(|(number, _, answered)| (*number, *answered)).collect()
    }
}

impl Plan {
    /// Runs it in a process of its own.
    pub(super) async fn run(&self) -> Seen {
        Helper::start("generator", self).await.says().await
    }
}

/// The state that all connections of a generator share.
struct Shared {
    plan: Plan,
    next: Cell<u64>,
    started: Instant,
    seen: RefCell<Seen>,
}

/// The role of the process: runs the plan, reports the measurements, ends.
pub(super) async fn run() {
    let plan: Plan = plan();
    let shared = Rc::new(Shared {
        started: Instant::now(),
        next: Cell::new(0),
        seen: RefCell::new(Seen { began: micros(), seconds: plan.slice.as_secs_f64(), ..Seen::default() }),
        plan,
    });
    let connections: Vec<_> =
        (0..shared.plan.connections).map(|n| tokio::task::spawn_local(client(shared.clone(), n))).collect();
    for connection in connections {
        connection.await.unwrap();
    }
    let mut seen = shared.seen.take();
    seen.waits.sort_by(f32::total_cmp);
    seen.cpu = super::usage::cpu_of_this();
    say(&seen);
}

async fn client(shared: Rc<Shared>, n: u64) {
    let plan = &shared.plan;
    let to = plan.to.get(usize::try_from(n).unwrap() % plan.to.len()).unwrap();
    let mut connection = Connection::open(*to).await;
    let mut watch = match &plan.until_arrived {
        Some((sink, endpoints)) => Some((Connection::open(*sink).await, *endpoints)),
        None => None,
    };
    let end = plan.warm_up + plan.slice;
    loop {
        let number = shared.next.replace(shared.next.get() + 1);
        if let Some(pace) = plan.pace {
            let at = Duration::from_secs_f64(number as f64 / pace);
            tokio::time::sleep_until((shared.started + at).into()).await;
        }
        if shared.started.elapsed() >= end || plan.count.is_some_and(|count| number >= count) {
            return;
        }
        let request = request(plan, *to, number);
        let (sent, began) = (micros(), Instant::now());
        let (mut status, body) = connection.send(request).await;
        if let (Ask::HoldAndCapture(_), 200) = (&plan.ask, status.as_u16()) {
            let intent: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let path = format!(
                "/v1/payment_intents/{}/capture",
                intent.get("id").and_then(serde_json::Value::as_str).unwrap()
            );
            (status, _) = connection.send(dressed(plan, *to, Request::post(path))).await;
        }
        shared.note(number, sent, began, status.as_u16());
        if let Some((sink, endpoints)) = &mut watch {
            let asked = serde_json::to_string(&(number_of(plan, number), *endpoints)).unwrap();
            sink.send(Request::put("/arrived").body(Full::from(asked)).unwrap()).await;
        }
    }
}

impl Shared {
    fn note(&self, number: u64, sent: u64, began: Instant, status: u16) {
        let mut seen = self.seen.borrow_mut();
        let counts = began.duration_since(self.started) >= self.plan.warm_up;
        match status {
            200 => {
                seen.done_in_all += 1;
                if counts {
                    seen.done += 1;
                    seen.waits.push(began.elapsed().as_secs_f32() * 1000.0);
                }
                if self.plan.marks && counts {
                    seen.marks.push((number_of(&self.plan, number), sent, micros()));
                }
            }
            429 | 503 => seen.refused += u64::from(counts),
            _ => seen.other += 1,
        }
    }
}

/// The number in the customer's name.
fn number_of(plan: &Plan, number: u64) -> u64 {
    if let Ask::Create(first) = plan.ask { first + number } else { number }
}

fn request(plan: &Plan, to: SocketAddr, number: u64) -> Request<Full<Bytes>> {
    let one_of = |ids: &[String]| {
        // A stride that is prime to any number of ids spreads them.
        let index = usize::try_from(number.wrapping_mul(7_919)).unwrap() % ids.len();
        format!("/v1/customers/{}", ids.get(index).unwrap())
    };
    let form = |path: String, body: String| {
        Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Full::from(body))
    };
    let create = |number: u64| format!("name=n{number}&metadata[plan]=pro");
    let pay = |methods: &[(String, String)], capture: &str| {
        let (customer, method) = methods.get(usize::try_from(number).unwrap() % methods.len()).unwrap();
        format!(
            "amount=1000&currency=usd&customer={customer}&payment_method={method}&confirm=true\
             &capture_method={capture}"
        )
    };
    let request = match &plan.ask {
        Ask::Create(first) => form("/v1/customers".to_owned(), create(first + number)),
        Ask::CreateWithKey(_) => form("/v1/customers".to_owned(), create(number)),
        Ask::Update(ids) => form(one_of(ids), format!("metadata[plan]=p{number}")),
        Ask::Read(ids) => Request::get(one_of(ids)).body(Full::default()),
        Ask::List => Request::get("/v1/customers").body(Full::default()),
        Ask::Pay(methods) => form("/v1/payment_intents".to_owned(), pay(methods, "automatic")),
        Ask::HoldAndCapture(methods) => form("/v1/payment_intents".to_owned(), pay(methods, "manual")),
    };
    let mut request = request.unwrap();
    dress(plan, to, request.headers_mut());
    if let Ask::CreateWithKey(prefix) = &plan.ask {
        let key = format!("{prefix} {number}").parse().unwrap();
        request.headers_mut().insert("idempotency-key", key);
    }
    request
}

/// A request without a body.
fn dressed(plan: &Plan, to: SocketAddr, request: hyper::http::request::Builder) -> Request<Full<Bytes>> {
    let mut request = request.body(Full::default()).unwrap();
    dress(plan, to, request.headers_mut());
    request
}

fn dress(plan: &Plan, to: SocketAddr, headers: &mut hyper::HeaderMap) {
    headers.insert(HOST, to.to_string().parse().unwrap());
    headers.insert(AUTHORIZATION, format!("Bearer {}", plan.key).parse().unwrap());
}
