//! `calmony listen` and `calmony trigger`: the tools of a receiver's developer.

use std::process::Stdio;

use calmony_pay::secret::SigningSecret;
use calmony_pay::signature::verify_stripe;
use serde_json::Value;
use support::database::Folder;
use support::system::program;
use support::{Delivery, Receiver, System, eventually};
use tokio::process::{Child, Command};

fn calmony(system: &System, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("calmony"));
    command.args(arguments).env("CALMONY_URL", &system.url).env("CALMONY_API_KEY", system.client.key());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    command
}

fn listen(system: &System, receiver: &Receiver, state: &str, more: &[&str]) -> Child {
    let arguments = ["listen", "--forward-to", &receiver.url, "--state", state, "--stop-with-stdin"];
    calmony(system, &[&arguments[..], more].concat()).spawn().unwrap()
}

/// Stops it as a terminal does.
async fn stop(mut listener: Child) {
    drop(listener.stdin.take());
    assert!(listener.wait().await.unwrap().success());
}

fn name(delivery: &Delivery) -> &Value {
    &delivery.event["data"]["object"]["name"]
}

#[tokio::test]
async fn listen_forwards_signed_events_and_goes_on_where_it_stopped() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let (receiver, folder) = (Receiver::start().await, Folder::new("listen"));
    let state = folder.0.join("state.json").to_string_lossy().into_owned();
    let shown =
        calmony(&system, &["listen", "--forward-to", &receiver.url, "--state", &state, "--print-secret"])
            .stdout(Stdio::piped())
            .output()
            .await
            .unwrap();
    let secret = String::from_utf8(shown.stdout).unwrap().trim().to_owned();

    let listener = listen(&system, &receiver, &state, &[]);
    // It follows from its start on, and the time of that is unknown.
    eventually("the listener follows", async || {
        system.client.customer("first").await;
        (!receiver.all().is_empty()).then_some(())
    })
    .await;
    let first = receiver.next().await;
    assert_eq!(name(&first), "first");
    let signing = SigningSecret::parse(&secret).unwrap();
    let now = calmony_pay::clock::now().seconds();
    assert!(verify_stripe(first.header("stripe-signature"), &first.body, &signing, now, 300));
    let headers =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, first.header(name)));
    let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    standardwebhooks::Webhook::new(&secret).unwrap().verify(&first.body, &map).unwrap();
    system.client.customer("last").await;
    eventually("the last has come", async || {
        receiver.all().iter().any(|got| name(got) == "last").then_some(())
    })
    .await;
    stop(listener).await;

    system.client.customer("missed").await;
    let before = receiver.all().len();
    let listener = listen(&system, &receiver, &state, &[]);
    eventually("what was missed comes", async || (receiver.all().len() > before).then_some(())).await;
    let missed = receiver.all()[before].clone();
    assert_eq!(name(&missed), "missed", "and nothing that it had");

    // A resend reaches it too, whichever endpoint it is for.
    let (endpoint, _) = system.client.endpoint("https://example.com/", &["customer.deleted"]).await;
    let retry = format!("/v1/events/{}/retry", first.id());
    system.client.post(&retry, &format!("webhook_endpoint={endpoint}")).await.ok();
    eventually("the resend comes", async || (receiver.all().len() > before + 1).then_some(())).await;
    assert_eq!(receiver.all()[before + 1].id(), first.id());
    stop(listener).await;

    // From an event on, and of one type only.
    let before = receiver.all().len();
    let more = ["--since", &first.id(), "--events", "customer.deleted"];
    let listener = listen(&system, &receiver, &state, &more);
    let made =
        calmony(&system, &["trigger", "customer.deleted"]).stdout(Stdio::piped()).output().await.unwrap();
    assert!(made.status.success());
    eventually("the deletion comes", async || (receiver.all().len() > before).then_some(())).await;
    let deleted = receiver.all()[before].clone();
    assert_eq!(deleted.kind(), "customer.deleted");
    assert!(String::from_utf8(made.stdout).unwrap().contains(&deleted.id()));
    stop(listener).await;
}

#[tokio::test]
async fn trigger_makes_every_event_that_a_call_makes() {
    let (system, _sandbox) = System::paying().await;
    for event in calmony_pay::contract::EventType::ALL {
        let mut trigger = calmony(&system, &["trigger", event.as_str()]);
        let output = trigger.stderr(Stdio::piped()).output().await.unwrap();
        let count = format!("select count(*) from calmony.event where type = '{}'", event.as_str());
        let (made, said) = (system.database.number(&count).await, String::from_utf8_lossy(&output.stderr));
        let by_worker =
            ["webhook_endpoint.disabled", "replay.completed", "charge.expired"].contains(&event.as_str());
        assert_eq!((output.status.success(), made > 0), (!by_worker, !by_worker), "{event:?}: {said}");
    }
    let unknown = calmony(&system, &["trigger", "unheard.of"]).stderr(Stdio::piped()).output().await.unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}
