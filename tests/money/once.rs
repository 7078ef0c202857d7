//! Charging once: how public systems have failed, each as a test. The journal of the processor is the witness.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use support::client::{Answer, http};
use support::system::kill;
use support::{Biller, Client, Sandbox, System, eventually, sandbox};

use super::payments::{create, journal, keyed, types};

/// The product with a processor that is given up on after a second, and a biller.
struct World {
    system: System,
    sandbox: Sandbox,
    biller: Biller,
}

impl World {
    async fn start() -> Self {
        let (system, sandbox) = System::paying_with(&[("CALMONY_PROCESSOR_TIMEOUT", "1s")]).await;
        let environment = [
            ("CALMONY_PROCESSOR_URL", sandbox.url.as_str()),
            ("CALMONY_PROCESSOR_SECRET", sandbox::SECRET),
            ("CALMONY_PROCESSOR_TIMEOUT", "1s"),
        ];
        let biller = Biller::with(&system.database, &environment).await;
        Self { system, sandbox, biller }
    }

    fn client(&self) -> &Client {
        &self.system.client
    }

    /// The intent, once it has that status.
    async fn becomes(&self, id: &str, status: &str) -> Value {
        eventually(status, async || {
            let intent = self.client().get(&format!("/v1/payment_intents/{id}")).await.ok();
            (intent["status"] == status).then_some(intent)
        })
        .await
    }

    /// The kinds of the rows that moved money for an object.
    async fn moved(&self, id: &str) -> Vec<String> {
        let rows = journal(&self.sandbox, id).await.into_iter();
        rows.filter(|(_, outcome, amount)| outcome == "approved" && *amount > 0)
            .map(|(kind, ..)| kind)
            .collect()
    }
}

async fn confirm(client: &Client, id: &str, form: &str) -> Answer {
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

async fn answer_challenge(intent: &Value, outcome: &str) -> u16 {
    let url = intent["next_action"]["redirect_to_url"]["url"].as_str().unwrap();
    let form = format!("outcome={outcome}");
    let request = http().post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
    request.send().await.unwrap().status().as_u16()
}

/// B15
#[tokio::test]
async fn a_challenge_that_is_left_open_moves_nothing_and_can_be_replaced() {
    let world = World::start().await;
    let client = world.client();
    let challenged = || async {
        let made = create(client, "payment_method=pm_card_authenticationRequired&confirm=true").await.ok();
        assert_eq!(made["status"], "requires_action");
        assert!(made["latest_charge"].is_null());
        (made["id"].as_str().unwrap().to_owned(), made)
    };
    let (id, first) = challenged().await;
    assert!(world.moved(&id).await.is_empty());
    let paid = confirm(client, &id, "payment_method=pm_card_visa").await.ok();
    assert_eq!(paid["status"], "succeeded");
    answer_challenge(&first, "pass").await;
    assert_eq!(world.moved(&id).await, ["authorize", "capture"], "the old challenge can't complete");
    let (id, second) = challenged().await;
    let canceled = client.post(&format!("/v1/payment_intents/{id}/cancel"), "").await.ok();
    assert_eq!(canceled["status"], "canceled");
    answer_challenge(&second, "pass").await;
    assert!(world.moved(&id).await.is_empty());
    let (id, third) = challenged().await;
    answer_challenge(&third, "pass").await;
    world.becomes(&id, "succeeded").await;
    let (id, fourth) = challenged().await;
    answer_challenge(&fourth, "fail").await;
    let failed = world.becomes(&id, "requires_payment_method").await;
    assert_eq!(failed["last_payment_error"]["code"], "payment_intent_authentication_failure");
}

/// A retry of the call that led to a challenge is answered as before, and the challenge can still be passed.
#[tokio::test]
async fn a_call_that_is_sent_again_does_not_end_the_challenge_that_it_led_to() {
    let world = World::start().await;
    let client = world.client();
    let id = create(client, "payment_method=pm_card_authenticationRequired").await.id();
    let path = format!("/v1/payment_intents/{id}/confirm");
    let first = keyed(client, "challenged", &path, &json!({})).await.ok();
    assert_eq!(first["status"], "requires_action");
    for _ in 0..3 {
        let again = keyed(client, "challenged", &path, &json!({})).await;
        assert_eq!((again.status, &again.json), (200, &first));
        assert!(again.headers.contains_key("idempotent-replayed"));
    }
    let refused = client.post(&path, "payment_method=pm_00000000000000000000000000").await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    answer_challenge(&first, "pass").await;
    world.becomes(&id, "succeeded").await;
    assert_eq!(world.moved(&id).await, ["authorize", "capture"]);
}

/// The first answer of a decline isn't one that was given before.
#[tokio::test]
async fn a_first_decline_is_no_replay() {
    let world = World::start().await;
    let params = json!({ "amount": 1000, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": true });
    for is_again in [false, true] {
        let answer = keyed(world.client(), "declined", "/v1/payment_intents", &params).await;
        assert_eq!((answer.status, answer.headers.contains_key("idempotent-replayed")), (402, is_again));
    }
}

/// A key whose call changed nothing while another's attempt was open keeps the answer that it got.
#[tokio::test]
async fn a_key_of_a_change_meanwhile_is_not_answered_by_the_end_of_anothers_attempt() {
    let world = World::start().await;
    let client = world.client();
    let id = create(client, "payment_method=pm_card_noticeLate&confirm=true").await.id();
    let path = format!("/v1/payment_intents/{id}");
    let params = json!({ "metadata": {} });
    let first = keyed(client, "nothing", &path, &params).await.ok();
    assert_eq!(first["status"], "processing");
    assert_eq!(keyed(client, "nothing", &path, &params).await.ok(), first);
    world.becomes(&id, "succeeded").await;
    assert_eq!(keyed(client, "nothing", &path, &params).await.ok(), first);
}

/// A notice of the processor of one mode changes nothing of the other.
#[tokio::test]
async fn a_notice_of_one_mode_is_about_that_mode_alone() {
    let world = World::start().await;
    let id = create(world.client(), "payment_method=pm_card_slow").await.id();
    let before = types(world.client(), &id).await;
    for account in [account(&world).await + 1_000, -1] {
        let told = json!({ "id": "n", "operation": {
            "key": format!("{id}.1.{account}"), "reference": "r", "outcome": "approved", "amount": 1000,
        }});
        assert_eq!(notice(&world, &told.to_string()).await, 200);
    }
    assert_eq!(types(world.client(), &id).await, before);
}

/// B19
#[tokio::test]
async fn a_late_notice_of_an_old_attempt_changes_nothing() {
    let world = World::start().await;
    let client = world.client();
    let id = create(client, "payment_method=pm_card_chargeDeclined&confirm=true").await.json["error"]
        ["payment_intent"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(confirm(client, &id, "payment_method=pm_card_visa").await.ok()["status"], "succeeded");
    let before = types(client, &id).await;
    let told = json!({ "id": "n", "operation": {
        "key": format!("{id}.1.{}", account(&world).await), "reference": null, "outcome": "declined",
        "decline": { "code": "card_declined" },
    }});
    assert_eq!(notice(&world, &told.to_string()).await, 200);
    assert_eq!(types(client, &id).await, before);
}

async fn account(world: &World) -> i64 {
    world.system.database.number("select min(account) from calmony.event").await
}

/// The status of a notice that the processor's secret signs.
async fn notice(world: &World, body: &str) -> u16 {
    let signed =
        calmony_pay::signature::shared(sandbox::SECRET, calmony_pay::clock::now().seconds(), body.as_bytes());
    let request = http().post(format!("{}/processor/notices", world.system.url)).body(body.to_owned());
    request.header("calmony-signature", signed).send().await.unwrap().status().as_u16()
}

/// B20
#[tokio::test]
async fn one_fact_told_twice_is_one_event() {
    let world = World::start().await;
    let client = world.client();
    for _ in 0..5 {
        let id = create(client, "payment_method=pm_card_noticeTwice").await.id();
        confirm(client, &id, "").await.ok();
        world.becomes(&id, "succeeded").await;
        // A notice more, and one that nobody signed.
        let told = json!({ "id": "n", "operation": {
            "key": format!("{id}.1.{}", account(&world).await), "reference": "r", "outcome": "approved",
            "amount": 1000,
        }});
        assert_eq!(notice(&world, &told.to_string()).await, 200);
        let succeeded =
            types(client, &id).await.into_iter().filter(|kind| kind == "payment_intent.succeeded");
        assert_eq!(succeeded.count(), 1);
        assert_eq!(world.moved(&id).await, ["authorize", "capture"]);
    }
    let unsigned = http().post(format!("{}/processor/notices", world.system.url)).body("{}");
    assert_eq!(unsigned.send().await.unwrap().status().as_u16(), 401);
    assert_eq!(notice(&world, "{}").await, 400);
}

/// B12 of a hold, and what is said late comes by a notice.
#[tokio::test]
async fn what_is_done_late_is_told_by_a_notice() {
    let world = World::start().await;
    let client = world.client();
    let id = create(client, "payment_method=pm_card_noticeLate").await.id();
    let answer = confirm(client, &id, "").await.ok();
    assert_eq!(answer["status"], "processing");
    let twice = confirm(client, &id, "").await;
    assert_eq!(
        (twice.status, &twice.json["error"]["code"]),
        (400, &json!("payment_intent_unexpected_state"))
    );
    world.becomes(&id, "succeeded").await;
    assert_eq!(world.moved(&id).await, ["authorize", "capture"]);
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
