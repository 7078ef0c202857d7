//! The sandbox's faults, its notices, and its end at any moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use calmony_pay::clock;
use calmony_pay::secret::SigningSecret;
use calmony_pay::signature::verify_stripe;
use futures_util::future::join_all;
use serde_json::{Value, json};
use support::sandbox::{Caller, SECRET, authorize, moves, rest, void_key};
use support::system::kill;
use support::{Database, Delivery, Receiver, Reply, Sandbox, eventually};

async fn started() -> (Sandbox, Caller) {
    let sandbox = Sandbox::on(&Database::fresh().await).await;
    let caller = sandbox.caller();
    (sandbox, caller)
}

/// Outcome and amount of an operation, as it is now.
async fn now(caller: &Caller, key: &str) -> (String, Value) {
    let (_, operation) = caller.operation(key).await;
    (operation["outcome"].as_str().unwrap_or("never seen").to_owned(), operation["amount"].clone())
}

#[tokio::test]
async fn a_slow_method_answers_after_three_seconds() {
    let (_sandbox, caller) = started().await;
    let method = caller.method("slow").await;
    let began = Instant::now();
    let held = caller.done(&authorize("pi_1.1", &method, 900, false)).await;
    assert!(began.elapsed() >= Duration::from_secs(3));
    let began = Instant::now();
    caller.done(&moves("capture", "pi_1.2", &held["reference"], 900)).await;
    assert!(began.elapsed() >= Duration::from_secs(3), "for every operation through it");
    let began = Instant::now();
    let attach = json!({ "kind": "attach", "key": "pm_1.1", "method": method, "on_session": false });
    caller.done(&attach).await;
    assert!(began.elapsed() < Duration::from_secs(3), "but for those without money");
}

#[tokio::test]
async fn a_lost_answer_takes_the_money_and_sends_not_a_byte() {
    let (mut sandbox, caller) = started().await;
    let method = caller.method("lostAnswer").await;
    let waiting = caller.raw(&authorize("pi_1.1", &method, 900, false)).await;
    eventually("it is done", async || (now(&caller, "pi_1.1").await.0 == "approved").then_some(())).await;
    let reference = caller.operation("pi_1.1").await.1["reference"].clone();
    let capturing = caller.raw(&moves("capture", "pi_1.2", &reference, 900)).await;
    eventually("it is done", async || (now(&caller, "pi_1.2").await.0 == "approved").then_some(())).await;
    assert_eq!(waiting.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "it is held");
    let refunded = caller.done(&void_key("pi_1.3", "pi_1.1")).await;
    assert_eq!(refunded["amount"], 900, "a void by key is the way out");
    sandbox.process.stop().await;
    assert_eq!((rest(waiting).await, rest(capturing).await), (vec![], vec![]));
}

#[tokio::test]
async fn a_request_that_never_arrives_leaves_nothing_and_gets_nothing() {
    let (_sandbox, caller) = started().await;
    let method = caller.method("neverArrives").await;
    let dropped = caller.raw(&authorize("pi_1.1", &method, 900, true)).await;
    assert_eq!(rest(dropped).await, Vec::<u8>::new());
    assert_eq!(caller.operation("pi_1.1").await.0, 404);
    assert_eq!(caller.journal("").await, Vec::<Value>::new());
    assert_eq!(caller.done(&void_key("pi_1.2", "pi_1.1")).await["outcome"], "never");
}

#[tokio::test]
async fn a_bad_gateway_says_nothing_of_what_was_done() {
    let (_sandbox, caller) = started().await;
    for (card, outcome) in [("badGateway", "never seen"), ("badGatewayDone", "approved")] {
        let method = caller.method(card).await;
        let key = format!("pi_{card}.1");
        for _ in 0..2 {
            let (status, page) = caller.perform(&authorize(&key, &method, 900, true)).await;
            assert_eq!(status, 502);
            assert!(page.as_str().unwrap().starts_with("<html>"), "{page}");
            assert_eq!(now(&caller, &key).await.0, outcome);
        }
    }
    assert_eq!(caller.journal("").await.len(), 2);
}

/// The notices so far. Each is signed by the secret.
fn notices(receiver: &Receiver) -> Vec<Value> {
    let secret = SigningSecret::parse(SECRET).unwrap();
    let checked = |notice: Delivery| {
        let value = notice.header("calmony-signature");
        assert!(verify_stripe(value, &notice.body, &secret, clock::now().seconds(), 60), "{value}");
        notice.event
    };
    receiver.all().into_iter().map(checked).collect()
}

async fn told(receiver: &Receiver, count: usize) -> Vec<Value> {
    eventually("the notices come", async || Some(notices(receiver)).filter(|all| all.len() >= count)).await
}

#[tokio::test]
async fn a_late_operation_is_pending_then_done_then_told() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::telling(&Database::fresh().await, &receiver.url).await;
    let caller = sandbox.caller();
    let method = caller.method("noticeLate").await;
    let began = Instant::now();
    let first = caller.done(&authorize("pi_1.1", &method, 900, false)).await;
    assert_eq!(first["outcome"], "pending");
    assert_eq!(now(&caller, "pi_1.1").await.0, "pending");
    assert_eq!(caller.journal("").await, Vec::<Value>::new());
    let told_of = told(&receiver, 1).await;
    assert!(began.elapsed() >= Duration::from_secs(5));
    assert_eq!(told_of[0]["operation"], caller.operation("pi_1.1").await.1);
    assert_eq!(told_of[0]["operation"]["amount"], 900);
    let capture = caller.done(&moves("capture", "pi_1.2", &first["reference"], 900)).await;
    assert_eq!(capture["outcome"], "pending");
    let told_of = told(&receiver, 2).await;
    assert_eq!(
        (&told_of[1]["operation"]["key"], &told_of[1]["operation"]["outcome"]),
        (&json!("pi_1.2"), &json!("approved"))
    );
    assert_eq!(caller.journal("").await.len(), 2);
}

#[tokio::test]
async fn a_notice_is_sent_until_it_is_taken_and_twice_where_that_is_asked_for() {
    let tries = AtomicU32::new(0);
    let receiver = Receiver::behaving(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Status(500),
        1 => Reply::Redirect("/elsewhere".to_owned()),
        _ => Reply::Status(204),
    })
    .await;
    let sandbox = Sandbox::telling(&Database::fresh().await, &receiver.url).await;
    let caller = sandbox.caller();
    let method = caller.method("noticeTwice").await;
    assert_eq!(caller.done(&authorize("pi_1.1", &method, 900, true)).await["outcome"], "pending");
    assert_eq!(now(&caller, "pi_1.1").await.0, "approved", "it is done at once");
    let all = told(&receiver, 4).await;
    assert!(all.iter().all(|notice| *notice == all[0]), "one notice: {all:?}");
    // The next one is of something else, so that no fifth copy was under way.
    let passing = caller.method("authenticationRequired").await;
    let waits = caller.done(&authorize("pi_2.1", &passing, 900, true)).await;
    caller.done(&void_key("pi_2.2", "pi_2.1")).await;
    let all = told(&receiver, 5).await;
    assert_ne!(all[4]["id"], all[0]["id"]);
    assert_eq!(
        (&all[4]["operation"]["key"], &all[4]["operation"]["outcome"]),
        (&waits["key"], &json!("declined"))
    );
}

#[tokio::test]
async fn a_notice_that_waits_survives_the_end_of_the_process() {
    let (receiver, works) = Receiver::switched(false).await;
    let mut sandbox = Sandbox::telling(&Database::fresh().await, &receiver.url).await;
    let caller = sandbox.caller();
    let method = caller.method("noticeTwice").await;
    caller.done(&authorize("pi_1.1", &method, 900, true)).await;
    told(&receiver, 1).await;
    kill(sandbox.process.pid());
    sandbox.process.ended().await;
    works.store(true, Ordering::Relaxed);
    let before = receiver.all().len();
    sandbox.process.restart().unwrap();
    let all = told(&receiver, before + 2).await;
    assert!(all.iter().all(|notice| *notice == all[0]), "{all:?}");
}

/// Twenty clients, each with an operation under way, and the processor dies three times. A client
/// without an answer asks again by the same key.
#[tokio::test]
async fn a_processor_that_is_killed_does_each_key_once_and_its_journal_agrees() {
    const CLIENTS: usize = 20;
    const EACH: usize = 15;
    let database = Database::fresh().await;
    let mut sandbox = Sandbox::on(&database).await;
    let caller = sandbox.caller();
    let method = caller.method("visa").await;
    let clients = (0..CLIENTS).map(|client| {
        let (caller, method) = (caller.clone(), method.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                let request = authorize(&format!("pi_{client}_{number}.1"), &method, 100, number % 2 == 0);
                caller.insist(&request).await;
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    for rows in [50, 150, 250] {
        let count = "select count(*) from sandbox.journal";
        eventually("they are at it", async || (database.number(count).await >= rows).then_some(())).await;
        kill(sandbox.process.pid());
        assert!(sandbox.process.ended().await.contains("signal: 9"));
        sandbox.process.restart().unwrap();
    }
    for client in join_all(clients).await {
        client.unwrap();
    }
    let rows = caller.journal("").await;
    let numbers: Vec<i64> = rows.iter().map(|row| row["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..).take(rows.len()).collect::<Vec<_>>());
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &rows {
        assert_eq!((&row["outcome"], &row["amount"]), (&json!("approved"), &json!(100)));
        kinds.entry(row["key"].as_str().unwrap()).or_default().push(row["kind"].as_str().unwrap());
    }
    for client in 0..CLIENTS {
        for number in 0..EACH {
            let expected: &[&str] = if number % 2 == 0 { &["authorize", "capture"] } else { &["authorize"] };
            assert_eq!(kinds.remove(format!("pi_{client}_{number}.1").as_str()).unwrap(), expected);
        }
    }
    assert!(kinds.is_empty(), "{kinds:?}");
    let operations = "select count(*) from sandbox.operation where outcome = 'approved' and amount = 100";
    assert_eq!(database.number(operations).await, i64::try_from(CLIENTS * EACH).unwrap());
    assert_eq!(database.number("select count(*) from sandbox.operation").await, 300);
}
