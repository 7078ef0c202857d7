//! Processors that contradict themselves, and notices that come while the database is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use support::client::http;
use support::database::own_database;
use support::raw::RawReceiver;
use support::system::kill;
use support::{Biller, Database, Sandbox, System, eventually, sandbox};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::payments::{create, journal, types};

/// The request on a connection: its line and its body. `None` once it ends.
async fn heard(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut seen = Vec::new();
    let mut part = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.to_lowercase().split("content-length: ").nth(1).map_or(0, |rest| {
                    rest.lines().next().and_then(|line| line.trim().parse().ok()).unwrap_or(0)
                });
            if body.len() >= length {
                let line = head.lines().next().unwrap_or_default().to_owned();
                return Some((line, serde_json::from_str(body).unwrap_or_default()));
            }
        }
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => seen.extend_from_slice(&part[..read]),
            _ => return None,
        }
    }
}

/// A processor that takes every operation for a conflict and says that the first one was approved, once it
/// has been asked twice.
async fn conflicting(asked: Arc<AtomicU32>) -> RawReceiver {
    RawReceiver::start(move |mut stream| {
        let asked = asked.clone();
        async move {
            while let Some((line, body)) = heard(&mut stream).await {
                let (status, answer) = if line.starts_with("POST /v1/methods") {
                    let card = json!({
                        "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034,
                        "funding": "credit", "country": "US", "fingerprint": "f", "three_d_secure": false,
                        "cvc_check": null,
                    });
                    ("200 OK", json!({ "token": "card_1", "card": card }))
                } else if line.starts_with("POST") {
                    assert!(body["key"].as_str().is_some_and(|key| !key.contains("undo")), "{body}");
                    ("409 Conflict", json!({ "error": { "code": "key_conflict", "message": "used" } }))
                } else if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                    ("503 Service Unavailable", json!({ "error": { "code": "busy", "message": "later" } }))
                } else {
                    let key = line.split(' ').nth(1).and_then(|path| path.rsplit('/').next()).unwrap();
                    let told = json!({ "key": key, "reference": "r", "outcome": "approved", "amount": 1000 });
                    ("200 OK", told)
                };
                let answer = answer.to_string();
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", answer.len());
                if stream.write_all((head + &answer).as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// B18
#[tokio::test]
async fn a_conflict_proves_that_the_first_one_arrived_and_makes_no_new_key() {
    let asked = Arc::new(AtomicU32::new(0));
    let processor = conflicting(asked.clone()).await;
    let url = format!("http://{}", processor.address);
    let environment = [
        ("CALMONY_PROCESSOR_URL", url.as_str()),
        ("CALMONY_PROCESSOR_SECRET", "secret"),
        ("CALMONY_PROCESSOR_TIMEOUT", "1s"),
    ];
    let system = System::with(Database::fresh().await, &environment).await;
    let _biller = Biller::with(&system.database, &environment).await;
    let client = &system.client;
    let id = create(client, "payment_method=pm_card_visa").await.id();
    let path = format!("/v1/payment_intents/{id}");
    let answer = client.post(&format!("{path}/confirm"), "").await.ok();
    assert_eq!(answer["status"], "processing", "nobody knows yet");
    let paid = eventually("it is asked for, and paid", async || {
        let intent = client.get(&path).await.ok();
        (intent["status"] == "succeeded").then_some(intent)
    })
    .await;
    assert_eq!(paid["amount_received"], 1000);
    assert!(!types(client, &id).await.contains(&"payment_intent.payment_failed".to_owned()));
    assert!(asked.load(Ordering::Relaxed) >= 2);
}

/// B21
#[tokio::test]
async fn a_notice_is_acknowledged_only_once_it_is_in_the_log() {
    let (mut cluster, _folder, direct) = own_database("notices").await;
    // The sandbox has a database of its own, which stays.
    let apart = Database::fresh().await;
    let address = format!("127.0.0.1:{}", calmony_pay::cli::dev::cluster::free_port().unwrap());
    let processor = Sandbox::telling(&apart, &format!("http://{address}/processor/notices")).await;
    let environment = [
        ("CALMONY_PROCESSOR_URL", processor.url.as_str()),
        ("CALMONY_PROCESSOR_SECRET", sandbox::SECRET),
        ("CALMONY_LISTEN", address.as_str()),
    ];
    let system = System::with(direct, &environment).await;
    let client = &system.client;
    let made = create(client, "payment_method=pm_card_authenticationRequired&confirm=true").await.ok();
    let (id, url) =
        (made["id"].as_str().unwrap(), made["next_action"]["redirect_to_url"]["url"].as_str().unwrap());
    kill(cluster.pid().unwrap());
    cluster.ended().await;
    let form = http().request(Method::POST, url).header("content-type", "application/x-www-form-urlencoded");
    form.body("outcome=pass").send().await.unwrap();
    let waiting = "select count(*) from sandbox.notice where copies > 0 and tries > 0";
    eventually("the notice wasn't taken", async || (apart.number(waiting).await > 0).then_some(())).await;
    cluster.start().await.unwrap();
    eventually("it came again", async || {
        let intent = client.get(&format!("/v1/payment_intents/{id}")).await;
        (intent.status == 200 && intent.json["status"] == "succeeded").then_some(())
    })
    .await;
    let kinds: Vec<String> = journal(&processor, id).await.into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["authorize", "authorize", "capture"], "it waited for the buyer first");
    cluster.stop().await.unwrap();
}
