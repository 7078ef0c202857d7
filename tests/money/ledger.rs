//! The ledger and the proof: balances to the cent, the processor's journal compared both ways, and every
//! kind of planted damage found.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use support::client::http;
use support::sandbox::SECRET;
use support::{Client, Sandbox, System, eventually};

use super::payments::create;
use crate::cli::{Said, run};

/// The objects of the mixed scenario.
struct Made {
    /// A payment that was refunded in part, and its charge.
    paid: String,
    charge: String,
    /// A payment that was declined.
    declined: String,
}

/// The report of `calmony verify` with that processor.
async fn verify(system: &System, processor: Option<(&str, &str)>) -> (Said, Value) {
    let mut environment = vec![("CALMONY_DATABASE_URL", system.database.url.as_str())];
    if let Some((url, secret)) = processor {
        environment.extend([("CALMONY_PROCESSOR_URL", url), ("CALMONY_PROCESSOR_SECRET", secret)]);
    }
    let said = run("calmony", &["verify", "--json"], &environment).await;
    let report = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    (said, report)
}

pub(super) async fn verified(system: &System, sandbox: &Sandbox) -> (Said, Value) {
    verify(system, Some((&sandbox.url, SECRET))).await
}

/// A payment whose buyer passes or fails the challenge.
async fn challenged(client: &Client, outcome: &str) -> String {
    let made = create(client, "payment_method=pm_card_authenticationRequired&confirm=true").await.ok();
    assert_eq!(made["status"], "requires_action", "{made}");
    let url = made["next_action"]["redirect_to_url"]["url"].as_str().unwrap();
    let answer = http().post(url).body(format!("outcome={outcome}")).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let id = made["id"].as_str().unwrap().to_owned();
    eventually("the notice has come", async || {
        let now = client.get(&format!("/v1/payment_intents/{id}")).await.ok();
        (now["status"] != "requires_action").then_some(())
    })
    .await;
    id
}

/// A bit of everything.
async fn mixed() -> (System, Sandbox, Made) {
    let (system, sandbox) = System::paying_with(&[("CALMONY_PROCESSOR_TIMEOUT", "1s")]).await;
    let client = &system.client;
    let paid = create(client, "payment_method=pm_card_visa&confirm=true").await.ok();
    let charge = paid["latest_charge"].as_str().unwrap().to_owned();
    client.post("/v1/refunds", &format!("charge={charge}&amount=400")).await.ok();
    let held = || create(client, "payment_method=pm_card_visa&capture_method=manual&confirm=true");
    let captured = held().await.id();
    client.post(&format!("/v1/payment_intents/{captured}/capture"), "amount_to_capture=300").await.ok();
    let canceled = held().await.id();
    client.post(&format!("/v1/payment_intents/{canceled}/cancel"), "").await.ok();
    held().await.ok();
    let declined = create(client, "payment_method=pm_card_chargeDeclined&confirm=true").await;
    let declined = declined.json["error"]["payment_intent"]["id"].as_str().unwrap().to_owned();
    let customer = client.customer("Ada").await;
    let params = format!("customer={customer}&payment_method=pm_card_visa&confirm=true");
    client.post("/v1/setup_intents", &params).await.ok();
    challenged(client, "pass").await;
    challenged(client, "fail").await;
    let lost = create(client, "payment_method=pm_card_lostAnswer&confirm=true").await.ok();
    assert_eq!(lost["status"], "succeeded", "its answer was asked for");
    assert_eq!(create(client, "payment_method=pm_card_neverArrives&confirm=true").await.status, 402);
    let other = Client::new(&system.url, &system.other_key);
    let params = "amount=500&currency=eur&payment_method=pm_card_visa&confirm=true";
    other.post("/v1/payment_intents", params).await.ok();
    let paid = paid["id"].as_str().unwrap().to_owned();
    (system, sandbox, Made { paid, charge, declined })
}

async fn balances(system: &System, more: &[&str]) -> Vec<Value> {
    let environment = [("CALMONY_DATABASE_URL", system.database.url.as_str())];
    let said = run("calmony", &[&["ledger", "--json"], more].concat(), &environment).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

#[tokio::test]
async fn every_cent_is_accounted_for() {
    let (system, sandbox, _) = mixed().await;
    let (said, report) = verified(&system, &sandbox).await;
    assert_eq!((said.code, &report["problems"]), (Some(0), &json!(0)), "{report:#}");
    let journal = &report["journals"][0];
    assert_eq!((&journal["mode"], &journal["compared"]), (&json!("test"), &json!(true)), "{report:#}");
    assert_eq!(report["attempts"]["open"], 0);
    let found = balances(&system, &[]).await;
    let of = |tenant: &str, currency: &str| {
        let rows = found.iter().filter(|row| row["tenant"] == tenant && row["currency"] == currency);
        rows.map(|row| (row["account"].as_str().unwrap(), row["balance"].as_i64().unwrap()))
            .collect::<Vec<_>>()
    };
    let all = |processor, revenue, holds| {
        let (credit, receivable) = (("customer_credit", 0), ("invoice_receivable", 0));
        let money = [("revenue", revenue), ("holds", holds), ("suspense", 0)];
        [vec![("processor", processor), credit, receivable], money.to_vec()].concat()
    };
    assert_eq!(of("first", "usd"), all(3_900, -2_900, -1_000));
    assert_eq!(of("second", "eur"), all(500, -500, 0));
    assert_eq!(found.len(), 12, "{found:?}");
    assert_eq!(balances(&system, &["--tenant", "second"]).await.len(), 6);
    let environment = [("CALMONY_DATABASE_URL", system.database.url.as_str())];
    let table = run("calmony", &["ledger"], &environment).await;
    assert!(table.stdout.contains("CURRENCY") && table.stdout.contains("3900"), "{table:?}");
    let nobody = run("calmony", &["ledger", "--tenant", "nobody"], &environment).await;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
}

#[tokio::test]
async fn verify_says_what_it_has_not_compared() {
    let (system, sandbox) = System::paying().await;
    create(&system.client, "payment_method=pm_card_visa&confirm=true").await.ok();
    let (said, report) = verify(&system, None).await;
    assert_eq!((said.code, &report["journals"][0]["compared"]), (Some(0), &json!(false)), "{report:#}");
    for (url, secret) in [("http://127.0.0.1:9", SECRET), (sandbox.url.as_str(), "another")] {
        let (said, report) = verify(&system, Some((url, secret))).await;
        assert_eq!((said.code, &report["money"][0]["kind"]), (Some(1), &json!("unread")), "{report:#}");
    }
}

/// Damage of each kind, and the finding: its kind and its words. PAID, CHARGE and DECLINED stand for ids.
const DAMAGE: &[(&str, &str, &str)] = &[
    (
        "update calmony.event set internal = \
           jsonb_set(internal::jsonb, '{closed,movements,0,amount}', '999')::json \
          where stream = 'PAID' and internal -> 'closed' is not null",
        "movement",
        "of 1000 usd in the journal, and of 999 usd in the log",
    ),
    (
        "update calmony.event set internal = (internal::jsonb #- '{closed,movements,0}')::json \
          where stream = 'PAID' and internal -> 'closed' is not null",
        "movement",
        "no event accounts for it",
    ),
    (
        "update calmony.event set internal = (internal::jsonb - 'closed')::json \
          where stream = 'PAID' and internal -> 'closed' is not null",
        "attempt",
        "no event closes it",
    ),
    (
        "update calmony.event set internal = (internal::jsonb - 'opened')::json \
          where stream = 'PAID' and internal -> 'opened' is not null",
        "attempt",
        "never opened",
    ),
    (
        "insert into sandbox.journal \
           select * from sandbox.journal where key like 'PAID%' and kind = 'capture'",
        "movement",
        "is 2 times in the journal as capture of 1000 usd, and is once in the log",
    ),
    (
        "insert into sandbox.journal select seq, key, 'void', outcome, 5, currency, at, \
           reference from sandbox.journal where key like 'PAID%' and kind = 'capture'",
        "movement",
        "is void of 5 usd in the journal, and no event accounts for it",
    ),
    (
        "insert into sandbox.journal \
           select seq, 'pi_none.1.1', kind, outcome, amount, currency, at, reference \
           from sandbox.journal where key like 'PAID%' and kind = 'capture'",
        "unknown",
        "No log knows it",
    ),
    (
        "insert into sandbox.journal select seq, 'till-7', kind, outcome, amount, currency, at, reference \
           from sandbox.journal where key like 'PAID%' and kind = 'capture'",
        "unknown",
        "No log knows it",
    ),
    (
        "delete from sandbox.journal where key like 'PAID%' and kind = 'capture'",
        "movement",
        "isn't in the journal as capture of 1000 usd, and is once in the log",
    ),
    (
        "update sandbox.journal set currency = 'eur' where key like 'PAID%' and kind = 'capture'",
        "movement",
        "of 1000 eur in the journal, and of 1000 usd in the log",
    ),
    (
        "update calmony.object set data = jsonb_set(data::jsonb, '{amount_captured}', '7')::json \
          where id = 'CHARGE'",
        "amount",
        "stands for 7 usd in all that was taken, and its postings say 1000",
    ),
    (
        "update calmony.object set data = jsonb_set(data::jsonb, '{amount_received}', '7')::json \
          where id = 'PAID'",
        "amount",
        "shows amount_received 7",
    ),
    (
        "update calmony.object set internal = jsonb_set(internal::jsonb, '{refunding}', '5')::json \
          where id = 'CHARGE'",
        "refunding",
        "reserves 5 for refunds, and 0 are pending",
    ),
    (
        "with opening as (select internal from calmony.event \
                           where stream = 'DECLINED' and internal -> 'opened' is not null), \
              left_open as (select jsonb_set(internal::jsonb - 'opened', '{attempt,opening,deadline}', '9') \
                              as internal from opening) \
         update calmony.event e set internal = l.internal::json from left_open l \
          where e.stream = 'DECLINED' and e.internal -> 'closed' is not null",
        "overdue",
        "past its deadline",
    ),
    (
        "update calmony.event set internal = \
           jsonb_set(internal::jsonb, '{postings,amounts,processor}', '999')::json \
          where stream = 'CHARGE' and version = 1",
        "postings",
        "don't sum to zero",
    ),
    (
        "update calmony.event set internal = jsonb_set(internal::jsonb, '{postings,amounts}', \
           '{\"processor\": 999, \"revenue\": -999}')::json \
          where stream = 'CHARGE' and version = 1",
        "amount",
        "stands for 600 usd in processor, and its postings say 599",
    ),
];

const BACKUP: &str = "create table public.b_event as select * from calmony.event; \
    create table public.b_object as select account, version, created_at, updated_at, deleted, id, data, \
      internal, due, owner from calmony.object; \
    create table public.b_journal as select * from sandbox.journal";
const RESTORE: &str = "alter table sandbox.journal disable trigger user; \
    delete from calmony.event; delete from calmony.object; delete from sandbox.journal; \
    insert into calmony.event overriding system value select * from public.b_event; \
    insert into calmony.object (account, version, created_at, updated_at, deleted, id, data, internal, due, \
      owner) \
      select * from public.b_object; \
    insert into sandbox.journal select * from public.b_journal; \
    drop table public.b_event, public.b_object, public.b_journal";

#[tokio::test]
async fn planted_damage_to_money_is_found_by_its_name() {
    let (system, sandbox, made) = mixed().await;
    let admin = system.database.admin().await;
    admin.batch_execute("alter table calmony.event disable trigger user").await.unwrap();
    for (damage, kind, words) in DAMAGE {
        let damage = damage.replace("PAID", &made.paid).replace("CHARGE", &made.charge);
        let damage = damage.replace("DECLINED", &made.declined);
        admin.batch_execute(BACKUP).await.unwrap();
        // A new row gets its number; nothing else is ever done to them.
        let numbers = if damage.starts_with("insert") { "enable always" } else { "disable" };
        let triggers = format!("alter table sandbox.journal {numbers} trigger journal_is_numbered");
        admin.batch_execute("alter table sandbox.journal disable trigger user").await.unwrap();
        admin.batch_execute(&triggers).await.unwrap();
        let changed = admin.execute(damage.as_str(), &[]).await.unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(changed, 1, "{damage}");
        let (said, report) = verified(&system, &sandbox).await;
        assert_eq!(said.code, Some(1), "{damage}");
        let findings = report["money"].as_array().unwrap();
        let is = |found: &&Value| found["kind"] == *kind && found["what"].as_str().unwrap().contains(words);
        let found = findings.iter().filter(is).count();
        assert_eq!(found, 1, "{damage}: {report:#}");
        let named =
            findings.iter().all(|found| found["kind"] == "unknown" || found["tenant"] == "first (test)");
        assert!(named, "{damage}: {report:#}");
        admin.batch_execute(RESTORE).await.unwrap();
    }
    let (_, report) = verified(&system, &sandbox).await;
    assert_eq!(report["problems"], 0, "all is as it was: {report:#}");
}

#[tokio::test]
async fn verify_finds_nothing_beside_running_payments() {
    let (system, sandbox) = System::paying().await;
    let is_over = AtomicBool::new(false);
    let pay = async |n: usize| {
        let cards = ["visa", "chargeDeclined", "slow", "noticeLate", "authenticationRequired"];
        for card in cards.iter().cycle().skip(n) {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            let how = if n.is_multiple_of(2) { "automatic" } else { "manual" };
            let params = format!("payment_method=pm_card_{card}&capture_method={how}&confirm=true");
            let made = create(&system.client, &params).await;
            if made.status == 200 && made.json["status"] == "succeeded" {
                let refund = format!("payment_intent={}&amount=10", made.json["id"].as_str().unwrap());
                system.client.post("/v1/refunds", &refund).await.ok();
            }
        }
    };
    let proof = async {
        let mut open = 0;
        for _ in 0..8 {
            let (said, report) = verified(&system, &sandbox).await;
            assert_eq!((said.code, &report["problems"]), (Some(0), &json!(0)), "{report:#}");
            open += report["attempts"]["open"].as_u64().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        open
    };
    let payers = futures_util::future::join_all((0..8).map(pay));
    let (open, _) = tokio::join!(proof, payers);
    assert!(open > 0, "attempts were under way");
}

#[tokio::test]
async fn an_attempt_that_nobody_knows_the_outcome_of_is_told_by_metric_and_doctor() {
    let (system, sandbox) = System::paying().await;
    drop(sandbox);
    let made = create(&system.client, "payment_method=pm_card_visa").await;
    assert_ne!(made.status, 200, "there is no processor to ask: {}", made.text);
    let customer = system.client.customer("Ada").await;
    let admin = system.database.admin().await;
    let plant = "update calmony.object set due = now() - interval '2 minutes', \
                        internal = '{\"attempt\": {\"key\": \"pi_1.1.1\"}}' where id = $1";
    let planted = admin.execute(&format!("{plant}::text"), &[&customer]).await.unwrap();
    assert_eq!(planted, 1);
    let text = http().get(format!("{}/metrics", system.metrics_url)).send().await.unwrap();
    let text = text.text().await.unwrap();
    assert!(text.contains("calmony_payment_attempts_open{age=\"overdue\"} 1\n"), "{text}");
    assert!(text.contains("calmony_payment_attempts_open{age=\"young\"} 0\n"), "{text}");
    let environment = [("CALMONY_DATABASE_URL", system.database.url.as_str())];
    let said = run("calmony", &["doctor", "--json"], &environment).await;
    let found: Value = serde_json::from_str(&said.stdout).unwrap();
    let is = |finding: &&Value| finding["about"] == "payments" && finding["level"] == "bad";
    assert!(found["findings"].as_array().unwrap().iter().any(|finding| is(&finding)), "{found:#}");
}
