//! Charging once: words of the processor and the buyer that come later, twice, or too late.

use serde_json::{Value, json};
use support::client::http;
use support::sandbox;

use super::ledger::verified;
use super::once::{World, confirm};
use super::payments::{create, keyed, types};

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
    let card = "pm_card_chargeDeclined";
    let params = json!({ "amount": 1000, "currency": "usd", "payment_method": card, "confirm": true });
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

/// A processor that declines, and takes the money all the same: it is posted to suspense and given back.
#[tokio::test]
async fn what_moves_for_a_failed_attempt_is_given_back() {
    let world = World::start().await;
    let client = world.client();
    for (how, capture) in [("automatic", true), ("manual", false)] {
        let with = format!("payment_method=pm_card_chargeDeclined&confirm=true&capture_method={how}");
        let declined = create(client, &with).await;
        let id = declined.json["error"]["payment_intent"]["id"].as_str().unwrap().to_owned();
        let key = format!("{id}.1.{}", account(&world).await);
        let reference = format!("ref_late_{how}");
        let taken = if capture { ", ('capture')" } else { "" };
        let sql = format!(
            "update sandbox.operation set outcome = 'approved', amount = 1000, decline = null, \
                    reference = '{reference}' where key = '{key}'; \
             insert into sandbox.journal (key, kind, outcome, amount, currency, reference) \
             select '{key}', kind, 'approved', 1000, 'usd', '{reference}' \
               from (values ('authorize'){taken}) as k (kind)"
        );
        let admin = world.system.database.admin().await;
        admin.batch_execute(&sql).await.unwrap();
        let before = client.get(&format!("/v1/payment_intents/{id}")).await.ok();
        let told = json!({ "id": "n", "operation": {
            "key": key, "reference": reference, "outcome": "approved", "amount": 1000,
        }});
        for _ in 0..2 {
            assert_eq!(notice(&world, &told.to_string()).await, 200, "told twice");
        }
        let after = client.get(&format!("/v1/payment_intents/{id}")).await.ok();
        assert_eq!(after, before, "nobody paid");
        let told = types(client, &id).await;
        assert_eq!(told.iter().filter(|kind| *kind == "payment_intent.updated").count(), 2, "{told:?}");
        let back = if capture { "refund" } else { "void" };
        assert_eq!(world.moved(&id).await.last().map(String::as_str), Some(back));
        let posted = format!(
            "select coalesce(sum((internal #>> '{{postings,amounts,suspense}}')::bigint), 1)::bigint \
               from calmony.event where stream = '{id}'"
        );
        assert_eq!(world.system.database.number(&posted).await, 0, "noted, and taken back");
        // A buyer that pays then pays.
        let with = "payment_method=pm_card_visa";
        confirm(client, &id, with).await.ok();
    }
    let (said, report) = verified(&world.system, &world.sandbox).await;
    assert_eq!(said.code, Some(0), "{report:#}");
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

/// B12 of a hold, and a late word comes by a notice.
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
