//! Charging once: how public systems have failed, each as a test. The processor's journal is the witness.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use support::client::Answer;
use support::system::kill;
use support::{Biller, Client, Sandbox, System, eventually, sandbox};

use super::payments::{create, journal, keyed, types};

/// The product with a processor that is given up on after a second, and a biller.
pub(super) struct World {
    pub(super) system: System,
    pub(super) sandbox: Sandbox,
    biller: Biller,
}

impl World {
    pub(super) async fn start() -> Self {
        let (system, sandbox) = System::paying_with(&[("CALMONY_PROCESSOR_TIMEOUT", "1s")]).await;
        let environment = [
            ("CALMONY_PROCESSOR_URL", sandbox.url.as_str()),
            ("CALMONY_PROCESSOR_SECRET", sandbox::SECRET),
            ("CALMONY_PROCESSOR_TIMEOUT", "1s"),
        ];
        let biller = Biller::with(&system.database, &environment).await;
        Self { system, sandbox, biller }
    }

    pub(super) fn client(&self) -> &Client {
        &self.system.client
    }

    /// The intent, once it has that status.
    pub(super) async fn becomes(&self, id: &str, status: &str) -> Value {
        eventually(status, async || {
            let intent = self.client().get(&format!("/v1/payment_intents/{id}")).await.ok();
            (intent["status"] == status).then_some(intent)
        })
        .await
    }

    /// The kinds of the rows that moved money for an object.
    pub(super) async fn moved(&self, id: &str) -> Vec<String> {
        let rows = journal(&self.sandbox, id).await.into_iter();
        rows.filter(|(_, outcome, amount)| outcome == "approved" && *amount > 0)
            .map(|(kind, ..)| kind)
            .collect()
    }
}

pub(super) async fn confirm(client: &Client, id: &str, form: &str) -> Answer {
    client.post(&format!("/v1/payment_intents/{id}/confirm"), form).await
}

async fn held(client: &Client, card: &str) -> String {
    create(client, &format!("payment_method={card}&capture_method=manual&confirm=true")).await.id()
}

/// B02
#[tokio::test]
async fn parallel_confirms_of_one_intent_are_one_attempt() {
    let world = World::start().await;
    let client = world.client();
    let id = create(client, "payment_method=pm_card_visa").await.id();
    let path = format!("/v1/payment_intents/{id}/confirm");
    let asked = (0..20).map(|n| {
        let (client, path) = (client.clone(), path.clone());
        async move { keyed(&client, &format!("confirm-{n}"), &path, &json!({})).await }
    });
    let answers = join_all(asked).await;
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(taken, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        let code = answer.json["error"]["code"].as_str().unwrap();
        let is_refused = (answer.status, code) == (400, "payment_intent_unexpected_state")
            || (answer.status, code) == (409, "lock_timeout");
        assert!(is_refused, "{}", answer.text);
    }
    assert_eq!(world.moved(&id).await, ["authorize", "capture"]);
    let succeeded = types(client, &id).await.into_iter().filter(|kind| kind == "payment_intent.succeeded");
    assert_eq!(succeeded.count(), 1);
}

/// B03, B08
#[tokio::test]
async fn a_lost_answer_is_asked_for_by_our_own_key() {
    let world = World::start().await;
    let client = world.client();
    let id = create(client, "payment_method=pm_card_lostAnswer").await.id();
    let answer = confirm(client, &id, "").await.ok();
    assert!(["processing", "succeeded"].contains(&answer["status"].as_str().unwrap()), "{answer}");
    world.becomes(&id, "succeeded").await;
    assert_eq!(world.moved(&id).await, ["authorize", "capture"]);
    assert!(!types(client, &id).await.contains(&"payment_intent.payment_failed".to_owned()));
}

/// B05, B17
#[tokio::test]
async fn a_key_whose_request_died_is_answered_once_the_attempt_is_decided() {
    let mut world = World::start().await;
    let client = world.client().clone();
    let id = create(&client, "payment_method=pm_card_slow").await.id();
    let path = format!("/v1/payment_intents/{id}/confirm");
    let (asking, at) = (client.clone(), path.clone());
    let asked = tokio::spawn(async move {
        let request = asking.request(Method::POST, &at).header("idempotency-key", "dies");
        let _ = request.header("content-type", "application/json").body("{}").send().await;
    });
    eventually("it is processing", async || {
        let sql = "select count(*) from calmony.event where type = 'payment_intent.processing'";
        (world.system.database.number(sql).await == 1).then_some(())
    })
    .await;
    kill(world.system.api.pid());
    world.system.api.ended().await;
    asked.await.unwrap();
    world.system.api.restart().unwrap();
    let answer = eventually("the key is answered", async || {
        let request = client.request(Method::POST, &path).header("idempotency-key", "dies");
        let answer = request.header("content-type", "application/json").body("{}").send().await.ok()?;
        match answer.status().as_u16() {
            409 | 503 => None,
            200 | 402 => Some(serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap()),
            other => panic!("{other}: {}", answer.text().await.unwrap()),
        }
    })
    .await;
    let again = keyed(&client, "dies", &path, &json!({})).await;
    assert_eq!(again.json, answer, "the same answer for ever");
    let moved = world.moved(&id).await;
    match answer["status"].as_str() {
        Some("succeeded") => assert_eq!(moved, ["authorize", "capture"]),
        _ => assert!(moved.is_empty() || moved == ["authorize", "capture", "refund"], "{moved:?}"),
    }
}

/// B06
#[tokio::test]
async fn a_page_of_html_is_neither_yes_nor_no() {
    let world = World::start().await;
    let client = world.client();
    for (card, expected) in [("pm_card_badGateway", 402), ("pm_card_badGatewayDone", 200)] {
        let id = create(client, &format!("payment_method={card}")).await.id();
        let answer = keyed(client, card, &format!("/v1/payment_intents/{id}/confirm"), &json!({})).await;
        assert!(!answer.text.contains("<html") && !answer.text.contains("<body"), "{}", answer.text);
        let decided = if expected == 200 { "succeeded" } else { "requires_payment_method" };
        let intent = world.becomes(&id, decided).await;
        let again = keyed(client, card, &format!("/v1/payment_intents/{id}/confirm"), &json!({})).await;
        assert_eq!(again.status, expected, "{}", again.text);
        if expected == 402 {
            assert_eq!(intent["last_payment_error"]["code"], "processing_error");
            assert!(world.moved(&id).await.is_empty());
        } else {
            assert_eq!(world.moved(&id).await, ["authorize", "capture"]);
        }
    }
    // Captures and releases through a gateway that breaks are asked for, too.
    let taken = held(client, "pm_card_badGatewayDone").await;
    world.becomes(&taken, "requires_capture").await;
    client.post(&format!("/v1/payment_intents/{taken}/capture"), "").await;
    world.becomes(&taken, "succeeded").await;
    let freed = held(client, "pm_card_badGatewayDone").await;
    world.becomes(&freed, "requires_capture").await;
    client.post(&format!("/v1/payment_intents/{freed}/cancel"), "").await;
    world.becomes(&freed, "canceled").await;
    assert_eq!(world.moved(&taken).await, ["authorize", "capture"]);
    assert_eq!(world.moved(&freed).await, ["authorize", "void"]);
}

/// B07
#[tokio::test]
async fn what_never_arrived_is_closed_as_failed_after_its_key_was_voided() {
    let world = World::start().await;
    let client = world.client();
    let id = create(client, "payment_method=pm_card_neverArrives").await.id();
    let path = format!("/v1/payment_intents/{id}/confirm");
    keyed(client, "never", &path, &json!({})).await;
    let intent = world.becomes(&id, "requires_payment_method").await;
    assert_eq!(intent["last_payment_error"]["code"], "processing_error");
    let rows = journal(&world.sandbox, &id).await;
    assert_eq!(rows, [("void".to_owned(), "never".to_owned(), 0)], "its key can't be performed any more");
    let again = keyed(client, "never", &path, &json!({})).await;
    assert_eq!((again.status, &again.json["error"]["code"]), (402, &json!("processing_error")));
    assert_eq!(again.json["error"]["type"], "card_error");
}

/// B10
#[tokio::test]
async fn canceling_what_is_authorised_is_a_void_and_no_refund() {
    let world = World::start().await;
    let client = world.client();
    let id = held(client, "pm_card_visa").await;
    let charge = client.get(&format!("/v1/payment_intents/{id}")).await.ok();
    let charge = charge["latest_charge"].as_str().unwrap();
    let refused = client.post("/v1/refunds", &format!("charge={charge}")).await;
    assert_eq!(refused.status, 400, "nothing was taken: {}", refused.text);
    let canceled = client.post(&format!("/v1/payment_intents/{id}/cancel"), "").await.ok();
    assert_eq!((&canceled["status"], &canceled["amount_capturable"]), (&json!("canceled"), &json!(0)));
    assert_eq!(world.moved(&id).await, ["authorize", "void"]);
    assert_eq!(client.post(&format!("/v1/payment_intents/{id}/cancel"), "").await.status, 400);
    let released = client.get(&format!("/v1/charges/{charge}")).await.ok();
    assert_eq!((&released["captured"], &released["amount_refunded"]), (&json!(false), &json!(1000)));
}

/// B13
#[tokio::test]
async fn parallel_refunds_never_give_back_more_than_was_taken() {
    let world = World::start().await;
    let client = world.client();
    let paid = client
        .post("/v1/payment_intents", "amount=10000&currency=usd&payment_method=pm_card_visa&confirm=true");
    let id = paid.await.id();
    let form = format!("payment_intent={id}&amount=6000");
    let (one, other) = tokio::join!(client.post("/v1/refunds", &form), client.post("/v1/refunds", &form));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{} {}", one.text, other.text);
    let negative = client.post("/v1/refunds", &format!("payment_intent={id}&amount=-1")).await;
    assert_eq!((negative.status, &negative.json["error"]["param"]), (400, &json!("amount")));
}

/// B14
#[tokio::test]
async fn an_authorisation_that_ran_out_says_so_and_cannot_be_captured() {
    let world = World::start().await;
    let client = world.client();
    let id = held(client, "pm_card_visa").await;
    // Seven days are over.
    let sql = "update calmony.object set due = now() - interval '1 second', \
               internal = (internal::jsonb || '{\"held_until\": 1000, \"due\": 1000}')::json where id = $1";
    world.system.database.admin().await.execute(sql, &[&id]).await.unwrap();
    let lapsed = world.becomes(&id, "canceled").await;
    assert_eq!(lapsed["cancellation_reason"], "automatic");
    let charge = lapsed["latest_charge"].as_str().unwrap();
    assert_eq!(types(client, charge).await, ["charge.succeeded", "charge.expired"]);
    let refused = client.post(&format!("/v1/payment_intents/{id}/capture"), "").await;
    let code = &refused.json["error"]["code"];
    assert_eq!((refused.status, code), (400, &json!("payment_intent_unexpected_state")));
    assert_eq!(world.moved(&id).await, ["authorize", "void"]);
    drop(world.biller);
}

/// 200 races of confirming, canceling and capturing.
#[tokio::test]
async fn races_of_confirm_cancel_and_capture_end_in_one_of_them() {
    let (system, sandbox) = System::paying().await;
    let client = &system.client;
    for round in 0..200 {
        let manual = round % 2 == 0;
        let more = if manual { "&capture_method=manual" } else { "" };
        let id = create(client, &format!("payment_method=pm_card_visa{more}")).await.id();
        if manual {
            confirm(client, &id, "").await.ok();
        }
        let (path, cancel) =
            (format!("/v1/payment_intents/{id}"), format!("/v1/payment_intents/{id}/cancel"));
        let other = if manual { format!("{path}/capture") } else { format!("{path}/confirm") };
        let (one, two, three) =
            tokio::join!(client.post(&other, ""), client.post(&cancel, ""), client.post(&other, ""));
        for answer in [&one, &two, &three] {
            assert!([200, 400, 409].contains(&answer.status), "{}", answer.text);
        }
        let intent = client.get(&path).await.ok();
        let status = intent["status"].as_str().unwrap();
        let kinds: Vec<String> = journal(&sandbox, &id).await.into_iter().map(|(kind, ..)| kind).collect();
        match status {
            "succeeded" => assert_eq!(kinds, ["authorize", "capture"]),
            "canceled" if manual => assert_eq!(kinds, ["authorize", "void"]),
            "canceled" => assert!(kinds.is_empty(), "{kinds:?}"),
            other => panic!(
                "{other}: {one:?} {two:?} {three:?}",
                one = one.text,
                two = two.text,
                three = three.text
            ),
        }
    }
}
