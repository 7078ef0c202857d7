//! A trace goes from the API call through the event to the receiver, and is exported if the environment
//! asks for that.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use support::{Database, Receiver, System, eventually};

/// The trace and the span of the caller.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// The bodies that came to a collector.
pub(crate) type Collected = Arc<Mutex<Vec<Bytes>>>;

/// A collector of traces, and its URL.
pub(crate) async fn collector() -> (String, Collected) {
    let collected = Collected::default();
    let take = async |State(collected): State<Collected>, body: Bytes| collected.lock().unwrap().push(body);
    let router = Router::new().route("/v1/traces", post(take)).with_state(collected.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, collected)
}

/// Creates a customer within a trace. Returns the `traceparent` that the receiver gets.
async fn delivered(system: &System, receiver: &Receiver, traceparent: &str) -> String {
    let request = system.client.request(axum::http::Method::POST, "/v1/customers").body("name=Ada");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    support::client::send(request.header("traceparent", traceparent)).await.ok();
    let delivery = receiver.next().await;
    delivery.headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_traceparent_goes_through_to_the_receiver_where_nothing_is_exported() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let given = format!("00-{TRACE}-{SPAN}-01");
    assert_eq!(delivered(&system, &receiver, &given).await, given);
    for wrong in ["", "00-zz", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        assert_eq!(delivered(&system, &receiver, wrong).await, "", "{wrong}");
    }
}

#[tokio::test]
async fn spans_of_the_call_and_of_the_attempt_are_exported_in_one_trace() {
    let (url, collected) = collector().await;
    let otel = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let system = System::with(Database::fresh().await, &otel).await;
    let _worker = system.worker_with(&otel).await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let told = delivered(&system, &receiver, &format!("00-{TRACE}-{SPAN}-01")).await;
    let parts: Vec<&str> = told.split('-').collect();
    assert_eq!((parts[1], parts[3]), (TRACE, "01"), "{told}");
    assert_ne!(parts[2], SPAN, "the attempt has a span of its own");
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    let (trace, attempt) = (bytes(TRACE), bytes(parts[2]));
    // Protocol buffers hold bytes and texts as they are.
    let has = |body: &Bytes, part: &[u8]| body.windows(part.len()).any(|window| window == part);
    eventually("both have exported their spans of the trace", async || {
        let collected = collected.lock().unwrap();
        let of = |service: &str, parts: &[&[u8]]| {
            collected.iter().any(|body| {
                has(body, service.as_bytes()) && has(body, &trace) && parts.iter().all(|part| has(body, part))
            })
        };
        let api = of("calmony-api", &[b"POST /v1/customers", &bytes(SPAN)]);
        let worker = of("calmony-outbox-worker", &[b"webhook attempt", &attempt, b"evt_"]);
        (api && worker).then_some(())
    })
    .await;
    let collected = collected.lock().unwrap();
    for private in [system.client.key(), "Ada"] {
        assert!(!collected.iter().any(|body| has(body, private.as_bytes())), "{private}");
    }
}
