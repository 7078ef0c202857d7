//! The commands of an operator: events, their deliveries, and sending them again.

use std::process::Stdio;

use serde_json::Value;
use support::system::program;
use support::{Receiver, System, eventually};

use super::{Said, run};

/// Runs `calmony` with a key of the system's account.
async fn calmony(system: &System, arguments: &[&str]) -> Said {
    run("calmony", arguments, &[("CALMONY_URL", &system.url), ("CALMONY_API_KEY", system.client.key())]).await
}

/// The output of a command, which must succeed.
async fn printed(system: &System, arguments: &[&str]) -> String {
    let said = calmony(system, arguments).await;
    assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.stderr);
    said.stdout
}

/// The same with `--json`, as JSON.
async fn json(system: &System, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(system, &[arguments, &["--json"]].concat()).await).unwrap()
}

/// A customer that was created and changed, and the endpoint that got the events.
async fn changed_customer(system: &System, receiver: &Receiver) -> (String, String) {
    let (endpoint, _) =
        system.client.endpoint(&receiver.url, &["customer.created", "customer.updated"]).await;
    let customer = system.client.customer("Ada").await;
    receiver.next().await;
    system.client.post(&format!("/v1/customers/{customer}"), "name=Grace&metadata[plan]=pro").await.ok();
    receiver.next().await;
    system.drained().await;
    (customer, endpoint)
}

#[tokio::test]
async fn events_are_listed_shown_and_followed() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    let (customer, endpoint) = changed_customer(&system, &receiver).await;

    let listed = json(&system, &["events", "list", "--object", &customer]).await;
    let types: Vec<&str> =
        listed.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["customer.updated", "customer.created"]);
    let (updated, created) = (listed[0]["id"].as_str().unwrap(), listed[1]["id"].as_str().unwrap());
    let table = printed(&system, &["events", "list", "--type", "customer.created"]).await;
    assert!(table.contains(created) && !table.contains(updated), "{table}");
    assert_eq!(json(&system, &["events", "list", "--limit", "1"]).await.as_array().unwrap().len(), 1);

    let shown = printed(&system, &["events", "show", updated]).await;
    for part in
        [r#"name: "Ada" -> "Grace""#, r#"metadata.plan: null -> "pro""#, &endpoint, "delivered", "attempt 1"]
    {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert_eq!(json(&system, &["events", "show", updated]).await["deliveries"][0]["state"], "delivered");

    let followed = printed(&system, &["events", "tail", "--since", created, "--count", "1"]).await;
    assert!(followed.contains(updated) && followed.contains(&customer), "{followed}");
    let followed = json(&system, &["events", "tail", "--since", created, "--count", "1"]).await;
    assert_eq!(followed["id"], updated);
}

/// The reader of the output goes away, as in `calmony events tail | head -1`.
#[tokio::test]
async fn following_ends_when_nobody_listens() {
    let system = System::start().await;
    let mut tail = tokio::process::Command::new(program("calmony"))
        .args(["events", "tail"])
        .env("CALMONY_URL", &system.url)
        .env("CALMONY_API_KEY", system.client.key())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    drop(tail.stdout.take());
    let ended = eventually("it ends", async || {
        system.client.customer("unheard").await;
        tail.try_wait().unwrap()
    })
    .await;
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn lists_go_on_past_a_page() {
    let system = System::start().await;
    for n in 0..103 {
        system.client.customer(&format!("c{n}")).await;
    }
    let listed = json(&system, &["events", "list", "--limit", "102"]).await;
    let ids: std::collections::HashSet<&str> =
        listed.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 102);
}

#[tokio::test]
async fn any_id_has_its_story() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    let (customer, endpoint) = changed_customer(&system, &receiver).await;
    let event = json(&system, &["events", "list", "--object", &customer]).await[0]["id"].clone();
    let event = event.as_str().unwrap();

    let history = printed(&system, &["objects", "show", &customer, "--history"]).await;
    let (first, last) = (history.find("customer.created"), history.find(r#"name: "Ada" -> "Grace""#));
    assert!(first.is_some() && first < last, "the oldest first: {history}");
    assert_eq!(json(&system, &["objects", "show", &customer]).await["name"], "Grace");

    let of_customer = printed(&system, &["lookup", &customer]).await;
    for part in [r#""name": "Grace""#, event, &endpoint, "attempt 1", "   200   "] {
        assert!(of_customer.contains(part), "{part}\n{of_customer}");
    }
    let of_event = json(&system, &["lookup", event]).await;
    assert_eq!(of_event["object"]["id"], event);
    assert_eq!(of_event["deliveries"][0]["webhook_endpoint"], endpoint.as_str());
    let request = of_event["object"]["request"]["id"].as_str().unwrap();
    assert_eq!(json(&system, &["lookup", request]).await, of_event, "a call by its id");
    let of_endpoint = printed(&system, &["lookup", &endpoint]).await;
    assert!(of_endpoint.contains("HEALTH   failing: no") && of_endpoint.contains("95th"), "{of_endpoint}");
    assert!(of_endpoint.contains("webhook_endpoint.created") && of_endpoint.contains(event), "{of_endpoint}");
    assert!(!of_endpoint.contains("whsec_"), "secrets stay where they are");

    system.client.delete(&format!("/v1/customers/{customer}")).await.ok();
    let deleted = printed(&system, &["lookup", &customer]).await;
    assert!(deleted.contains("customer.deleted") && deleted.contains(r#""deleted": true"#), "{deleted}");
}

#[tokio::test]
async fn endpoints_are_paused_resumed_disabled_enabled_and_rolled() {
    let system = System::start().await;
    let (endpoint, secret) = system.client.endpoint("http://127.0.0.1:3009/", &["*"]).await;
    let state = async |command: &str| {
        let now = json(&system, &["endpoints", command, &endpoint]).await;
        (now["status"].as_str().unwrap().to_owned(), now["paused"].as_bool().unwrap())
    };
    assert_eq!(state("pause").await, ("enabled".to_owned(), true));
    assert!(printed(&system, &["endpoints", "list"]).await.contains("paused"));
    assert_eq!(state("resume").await, ("enabled".to_owned(), false));
    assert_eq!(state("disable").await, ("disabled".to_owned(), false));
    assert_eq!(state("enable").await, ("enabled".to_owned(), false));
    assert_eq!(state("show").await, ("enabled".to_owned(), false));
    let rolled = printed(&system, &["endpoints", "roll-secret", &endpoint, "--overlap", "1h"]).await;
    assert!(rolled.trim().starts_with("whsec_") && rolled.trim() != secret);
}

#[tokio::test]
async fn what_was_given_up_is_sent_again_by_a_replay_or_one_by_one() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "100ms")]).await;
    let (receiver, works) = Receiver::switched(false).await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    let given_up = ["deliveries", "list", &endpoint, "--state", "exhausted"];
    let exhausted = eventually("it is given up", async || {
        let listed = json(&system, &given_up).await;
        listed.as_array().unwrap().first().cloned()
    })
    .await;
    let event = exhausted["event"].as_str().unwrap();
    works.store(true, std::sync::atomic::Ordering::Relaxed);

    let preview = printed(&system, &["replay", "start", &endpoint, "--only-failed", "--dry-run"]).await;
    assert!(preview.starts_with("1 events would"), "{preview}");
    let replayed = printed(&system, &["replay", "start", &endpoint, "--only-failed"]).await;
    assert!(replayed.contains("completed"), "{replayed}");
    eventually("it is delivered", async || {
        printed(&system, &["lookup", event]).await.contains("delivered").then_some(())
    })
    .await;
    let listed = json(&system, &["replay", "list"]).await;
    let id = listed[0]["id"].as_str().unwrap();
    assert!(printed(&system, &["replay", "show", id]).await.contains("completed"));
    let canceled = calmony(&system, &["replay", "cancel", id]).await;
    assert!(canceled.code == Some(0) && canceled.stdout.contains("completed"), "it was over: {canceled:?}");

    let before = receiver.all().len();
    printed(&system, &["deliveries", "retry", event, &endpoint]).await;
    eventually("it is sent again", async || (receiver.all().len() > before).then_some(())).await;
}

#[tokio::test]
async fn what_is_not_there_or_makes_no_sense_is_said_plainly() {
    let system = System::start().await;
    let nobody = "cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX";
    let said = calmony(&system, &["lookup", nobody]).await;
    assert_eq!((said.code, said.stderr.contains(nobody)), (Some(1), true), "{}", said.stderr);
    let call = "req_01J9ZW6QAPZK9N3FBJ0WB5K7TX";
    let said = calmony(&system, &["lookup", call]).await;
    assert_eq!((said.code, said.stderr.contains("no event came of")), (Some(1), true), "{}", said.stderr);
    let said = calmony(&system, &["lookup", "nonsense"]).await;
    assert_eq!((said.code, said.stderr.contains("cus_")), (Some(2), true), "{}", said.stderr);
    let past = format!("{nobody}/../../events?limit=1");
    assert_eq!(calmony(&system, &["objects", "show", &past]).await.code, Some(2));
    assert_eq!(calmony(&system, &["events", "show", "nonsense"]).await.code, Some(2));
    assert_eq!(calmony(&system, &["endpoints", "pause", nobody]).await.code, Some(2), "no endpoint's id");
    let said = run(
        "calmony",
        &["lookup", nobody],
        &[("CALMONY_URL", &system.url), ("CALMONY_API_KEY", "sk_test_x")],
    )
    .await;
    assert_eq!((said.code, said.stderr.contains("401")), (Some(1), true), "{}", said.stderr);
}
