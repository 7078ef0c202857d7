//! The kill matrix: every operation, killed at every step, by every process. A gate before the processor says
//! where a call is.

use std::sync::{Arc, Mutex, OnceLock};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header::CONTENT_TYPE};
use axum::http::{Method, StatusCode, Uri, header::AUTHORIZATION};
use serde_json::{Value, json};
use support::client::http;
use support::random::Random;
use support::{Client, PATIENCE};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::payments::{Answers, Victim, World, insist};

/// Where a call is when something dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// On its way to the API: before its attempt is on record, or just after.
    Sent,
    /// The attempt is on record; the processor hasn't been asked.
    Asking,
    /// The processor has done it; nobody knows.
    Done,
    /// Its answer is on its way, and the attempt is being closed.
    Closing,
    /// The client has its answer.
    Answered,
}

/// The client's request.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Pay,
    Challenge,
    Capture,
    Cancel,
    Refund,
    SetUp,
}

const POINTS: [Point; 5] = [Point::Sent, Point::Asking, Point::Done, Point::Closing, Point::Answered];
const WISHES: [Wish; 6] =
    [Wish::Pay, Wish::Challenge, Wish::Capture, Wish::Cancel, Wish::Refund, Wish::SetUp];
const VICTIMS: [Victim; 4] = [Victim::Api, Victim::Biller, Victim::Processor, Victim::Postgres];
/// The cases of a short run.
const SHORT: usize = 12;

/// A stop at the gate: the test is told that a call has come to it, and lets it pass.
struct Stop {
    at: Point,
    reached: oneshot::Sender<()>,
    passes: oneshot::Receiver<()>,
}

/// A gate between the product and its processor, at which the next operation can be stopped.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) url: String,
    state: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    leads_to: OnceLock<String>,
    stop: Mutex<Option<Stop>>,
}

impl Gate {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let gate = Self { url, state: Arc::default() };
        let router = axum::Router::new().fallback(pass).with_state(gate.state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        gate
    }

    pub(super) fn lead_to(&self, url: &str) {
        self.state.leads_to.set(url.to_owned()).unwrap();
    }

    /// Stops the next operation there.
    fn arm(&self, at: Point) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((reached, is_reached), (pass, passes)) = (oneshot::channel(), oneshot::channel());
        *self.state.stop.lock().unwrap() = Some(Stop { at, reached, passes });
        (is_reached, pass)
    }
}

impl Inner {
    /// Waits there, if the gate stops an operation at that point.
    async fn reach(&self, at: Point) {
        let stop = self.stop.lock().unwrap().take_if(|stop| stop.at == at);
        if let Some(Stop { reached, passes, .. }) = stop {
            let _ = reached.send(());
            let _ = passes.await;
        }
    }
}

/// Hands a call on. It goes on by itself when the caller is gone, as calls on the way do.
async fn pass(
    State(gate): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Bytes) {
    let handed = tokio::spawn(async move {
        let is_operation = method == Method::POST && uri.path() == "/v1/operations";
        if is_operation {
            gate.reach(Point::Asking).await;
        }
        let url = format!("{}{uri}", gate.leads_to.get().unwrap());
        let mut call = http().request(method, url).body(body);
        for name in [AUTHORIZATION, CONTENT_TYPE] {
            if let Some(value) = headers.get(&name) {
                call = call.header(name, value);
            }
        }
        let answered = match call.send().await {
            Ok(answer) => (answer.status(), answer.bytes().await.unwrap_or_default()),
            Err(_) => (StatusCode::BAD_GATEWAY, Bytes::new()),
        };
        if is_operation {
            gate.reach(Point::Done).await;
            gate.reach(Point::Closing).await;
        }
        answered
    });
    handed.await.unwrap()
}

/// Does the steps that have to come before, and returns the call.
async fn prepared(client: &Client, wish: Wish, number: usize, answers: &mut Answers) -> (String, Value) {
    let pays = |card: &str, capture: &str| {
        json!({
            "amount": 1_000, "currency": "usd", "payment_method": card, "confirm": true,
            "capture_method": capture,
        })
    };
    let card = match wish {
        Wish::Challenge => "pm_card_authenticationRequired",
        _ => "pm_card_visa",
    };
    let capture = if matches!(wish, Wish::Capture | Wish::Cancel) { "manual" } else { "automatic" };
    let intents = "/v1/payment_intents".to_owned();
    if matches!(wish, Wish::Pay | Wish::Challenge) {
        return (intents, pays(card, capture));
    }
    if matches!(wish, Wish::SetUp) {
        let params = json!({ "payment_method": card, "confirm": true });
        return ("/v1/setup_intents".to_owned(), params);
    }
    let key = format!("before-{number}");
    let (status, intent) = insist(client, (&key, &intents, &pays(card, capture)), answers).await.unwrap();
    assert_eq!(status, 200, "{intent}");
    let id = intent["id"].as_str().unwrap();
    match wish {
        Wish::Capture => (format!("{intents}/{id}/capture"), json!({})),
        Wish::Cancel => (format!("{intents}/{id}/cancel"), json!({})),
        _ => ("/v1/refunds".to_owned(), json!({ "payment_intent": id, "amount": 400 })),
    }
}

/// Kills a process when a call is at a point, and waits for the call's answer.
async fn kill_at(
    (world, gate): (&mut World, &Gate),
    (wish, point, victim): (Wish, Point, Victim),
    number: usize,
    answers: &mut Answers,
) {
    let client = world.system.client.clone();
    let (path, params) = prepared(&client, wish, number, answers).await;
    let (reached, pass) = gate.arm(point);
    let asks = async move {
        let (key, mut answers) = (format!("call-{number}"), Answers::new());
        insist(&client, (&key, &path, &params), &mut answers).await.unwrap();
        answers
    };
    let asking = tokio::spawn(asks);
    match point {
        Point::Sent => world.kill(victim).await,
        Point::Asking | Point::Done => {
            tokio::time::timeout(PATIENCE, reached).await.unwrap().unwrap();
            world.kill(victim).await;
            let _ = pass.send(());
        }
        Point::Closing => {
            tokio::time::timeout(PATIENCE, reached).await.unwrap().unwrap();
            let _ = pass.send(());
            world.kill(victim).await;
        }
        Point::Answered => {
            answers.extend(asking.await.unwrap());
            return world.kill(victim).await;
        }
    }
    answers.extend(asking.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_at_whatever_step_a_card_is_charged_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("CALMONY_SEED").unwrap_or_else(|| calmony_pay::clock::now().millis());
    let mut random = Random::seeded(seed);
    let mut cases = Vec::new();
    for wish in WISHES {
        for point in POINTS {
            cases.extend(VICTIMS.map(|victim| (random.next(), (wish, point, victim))));
        }
    }
    cases.sort_by_key(|(place, _)| *place);
    // All of them in a long run.
    let count = if number("CALMONY_FAULTS").is_some() { cases.len() } else { SHORT };
    eprintln!("seed {seed}, {count} of {} cases; CALMONY_SEED={seed} repeats them", cases.len());
    let gate = Gate::start().await;
    let mut world = World::start(Some(&gate)).await;
    let mut answers = Answers::new();
    for (number, (_, case)) in cases.into_iter().take(count).enumerate() {
        eprintln!("{number}: {case:?}");
        kill_at((&mut world, &gate), case, number, &mut answers).await;
    }
    assert!(world.agrees(&answers).await >= count / 2, "most were answered for good");
}
