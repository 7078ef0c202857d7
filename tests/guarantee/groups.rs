//! Groups: the facts of one decision are appended all or none, and the objects that it read are as it
//! read them.

use calmony_pay::database::Databases;
use calmony_pay::log::idempotency::{Answer, Fingerprint, FirstAnswer};
use calmony_pay::log::{AppendError, Cause, Log};
use reqwest::Method;
use serde_json::json;
use support::groups::{CustomerId, Give, Keep, StepDown, StepUp};
use support::{Client, Database, PATIENCE, Receiver, System};
use tokio::time::timeout;

use crate::api::dashboard::Browser;
use crate::cli::run;

fn log(database: &Database) -> Log {
    Log::open(&Databases::only(database.url.parse().unwrap())).unwrap()
}

/// The account of the first client.
async fn account(system: &System) -> i64 {
    system.database.number("select min(account) from calmony.event").await
}

async fn customers(client: &Client, count: usize) -> Vec<CustomerId> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(client.customer(&format!("c{n}")).await.parse().unwrap());
    }
    ids
}

pub(super) async fn verified(system: &System) {
    let said = run("calmony", &["verify"], &[("CALMONY_DATABASE_URL", &system.database.url)]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
}

#[tokio::test]
async fn facts_of_several_objects_are_one_statement_in_the_order_in_which_they_were_put() {
    let system = System::start().await;
    let mut ids = customers(&system.client, 3).await;
    // The one with the highest id comes first: the order is the decision's and not that of the locks.
    ids.sort_by_key(|id| std::cmp::Reverse(id.to_string()));
    let account = account(&system).await;
    let call = format!("req_{}", &ids[0].to_string()[4..]);
    let cause = Cause { request_id: Some(call.clone()), ..Cause::service(account) };
    let give = Give { from: ids[0], to: vec![ids[1], ids[2]], amount: 5 };
    let answered = log(&system.database).append(&cause, &give).await.unwrap();
    assert_eq!(answered.version, 2);
    let admin = system.database.admin().await;
    let rows = format!(
        "select e.stream::text, e.group_place::integer, e.group_size::integer, \
                       e.group_id = first_value(e.id) over (order by e.position), \
                       e.xmin = first_value(e.xmin) over (order by e.position), \
                       o.version = e.version and o.data::text = e.data::text, x.position is not null \
                  from calmony.event e join calmony.object o on o.account = e.account and o.id = e.stream \
                  left join calmony.outbox x on x.account = e.account and x.position = e.position \
                 where e.request_id = '{call}' order by e.position"
    );
    let rows = admin.query(&rows, &[]).await.unwrap();
    let streams: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(streams, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    for (row, place) in rows.iter().zip(1..) {
        assert_eq!((row.get::<_, i32>(1), row.get::<_, i32>(2)), (place, 3));
        assert!((3..7).all(|column| row.get::<_, bool>(column)), "{row:?}");
    }
    let seen = system.client.get(&format!("/v1/customers/{}", ids[0])).await.ok();
    assert_eq!(seen["balance"], -10);
    // The call leads to all of them.
    let listed = system.client.get(&format!("/v1/events?request={call}")).await.ok();
    let listed = listed["data"].as_array().unwrap();
    let of: Vec<_> = listed.iter().map(|event| event["data"]["object"]["id"].as_str().unwrap()).collect();
    assert_eq!(of, streams);
    let environment = [("CALMONY_URL", system.url.as_str()), ("CALMONY_API_KEY", system.client.key())];
    let said = run("calmony", &["lookup", &call], &environment).await;
    let page = system.client.get(&format!("/v1/events/{}", listed[2]["id"].as_str().unwrap())).await.ok();
    assert!(said.stdout.contains(page["id"].as_str().unwrap()), "{}{}", said.stdout, said.stderr);
    verified(&system).await;
}

#[tokio::test]
async fn several_facts_of_one_object_move_it_on_by_all_of_them() {
    let system = System::start().await;
    let ids = customers(&system.client, 1).await;
    // It gives to itself: two facts, of which the second is as if nothing had been.
    let give = Give { from: ids[0], to: vec![ids[0]], amount: 5 };
    let cause = Cause::service(account(&system).await);
    assert_eq!(log(&system.database).append(&cause, &give).await.unwrap().version, 3);
    let seen = system.client.get(&format!("/v1/customers/{}", ids[0])).await.ok();
    assert_eq!(seen["balance"], 0);
    verified(&system).await;
}

#[tokio::test]
async fn a_group_of_which_one_fact_is_refused_leaves_nothing() {
    let system = System::start().await;
    let ids = customers(&system.client, 2).await;
    let cause = Cause::service(account(&system).await);
    system.client.delete(&format!("/v1/customers/{}", ids[1])).await.ok();
    let before = system.database.number("select count(*) from calmony.event").await;
    let give = Give { from: ids[0], to: vec![ids[1]], amount: 5 };
    let refused = log(&system.database).append(&cause, &give).await;
    assert!(matches!(refused, Err(AppendError::Rejected(_))), "{refused:?}");
    // As if the decision had been made before.
    let admin = system.database.login_in("calmony_api").await;
    for (guards, versions, constraint) in [
        (r#"{"ID": 7}"#, [2_i64, 3], "group_rests_on_what_it_read"),
        ("{}", [3, 4], "group_rests_on_what_it_read"),
        ("{}", [1, 2], "event_versions_are_unique_in_a_stream"),
    ] {
        let streams = [ids[0].to_string(), ids[0].to_string()];
        let guards = guards.replace("ID", &ids[1].to_string());
        let events: [String; 2] = std::array::from_fn(|_| {
            calmony_pay::id::Id::<calmony_pay::contract::Event>::generate(calmony_pay::clock::now())
                .to_string()
        });
        let sql = format!(
            "select calmony.append_group({}, array['{}', '{}'], array['{}', '{}'], array[{}, {}]::bigint[], \
             array['customer.updated', 'customer.updated'], array[false, false], array['{{}}', '{{}}'], \
             array['{{}}', '{{}}'], array[null, null], null, null, statement_timestamp(), null, '{guards}', \
             null, null, null, null)",
            cause.account, events[0], events[1], streams[0], streams[1], versions[0], versions[1]
        );
        let error = admin.batch_execute(&sql).await.expect_err("it is refused");
        let refusal = error.as_db_error().unwrap_or_else(|| panic!("{error}"));
        assert_eq!(refusal.constraint(), Some(constraint), "{refusal:?}");
    }
    assert_eq!(system.database.number("select count(*) from calmony.event").await, before);
    verified(&system).await;
}

#[tokio::test]
async fn one_idempotency_key_answers_for_a_group() {
    let system = System::start().await;
    let ids = customers(&system.client, 2).await;
    let (log, account) = (log(&system.database), account(&system).await);
    let cause = Cause {
        idempotency_key: Some("k".to_owned()),
        fingerprint: Some(Fingerprint { path: [1; 16], parameters: [2; 16] }),
        ..Cause::service(account)
    };
    let give = Give { from: ids[0], to: vec![ids[1]], amount: 5 };
    let answered = log.append(&cause, &give).await.unwrap();
    let again = log.append(&cause, &give).await;
    assert!(matches!(again, Err(AppendError::KeyUsed)), "{again:?}");
    let known = log.recall(account, "k").await.unwrap().unwrap();
    let answer = FirstAnswer::Done(Answer::Plain(answered.data));
    assert_eq!(known.answer, answer, "the answer is its event's");
    let stored = "select count(*) from calmony.idempotency where key = 'k' and answer is null";
    assert_eq!(system.database.number(stored).await, 1);
    let seen = system.client.get(&format!("/v1/customers/{}", ids[1])).await.ok();
    assert_eq!(seen["balance"], 5, "it was done once");
}

/// Two that read each other and go: without guards both would.
#[tokio::test]
async fn a_decision_that_rests_on_what_has_changed_is_made_anew() {
    let system = System::start().await;
    let ids = customers(&system.client, 2).await;
    let cause = Cause::service(account(&system).await);
    let (one, other) = (log(&system.database), log(&system.database));
    for round in 0..50 {
        for id in &ids {
            one.append(&cause, &StepUp(*id)).await.unwrap();
        }
        let (first, second) =
            (StepDown { who: ids[0], other: ids[1] }, StepDown { who: ids[1], other: ids[0] });
        let (a, b) = tokio::join!(one.append(&cause, &first), other.append(&cause, &second));
        a.unwrap();
        b.unwrap();
        let on_duty = "select count(*) from calmony.object where data -> 'metadata' ->> 'duty' = 'on'";
        assert_eq!(system.database.number(on_duty).await, 1, "round {round}");
    }
    verified(&system).await;
}

/// The text of an object's stream after its first event, up to a word.
async fn streamed(system: &System, object: &str, word: &str) -> String {
    let events = system.client.get(&format!("/v1/events?object={object}")).await.ok();
    let first = events["data"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/events/stream?object={object}&last_event_id={first}");
    let mut stream = system.client.request(Method::GET, &path).send().await.unwrap();
    let mut text = String::new();
    while !text.contains(word) {
        let chunk = timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap().expect("it goes on");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

/// An object's `internal` is in no answer, webhook, page, search, stream or export.
#[tokio::test]
async fn nobody_sees_what_an_object_keeps_to_itself() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.updated"]).await;
    let id = customers(&system.client, 1).await[0];
    let cause = Cause::service(account(&system).await);
    let kept = json!({ "due": 4_102_444_800_i64, "note": "unspeakable" });
    log(&system.database).append(&cause, &Keep(id, kept)).await.unwrap();
    system.client.post(&format!("/v1/customers/{id}"), "name=named").await.ok();
    for _ in 0..2 {
        assert!(!String::from_utf8_lossy(&receiver.next().await.body).contains("unspeakable"));
    }
    let due = "select count(*) from calmony.object where extract(epoch from due) = 4102444800";
    assert_eq!(system.database.number(due).await, 1, "a change of something else leaves it");
    let event =
        system.client.get("/v1/events?limit=1").await.ok()["data"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        format!("/v1/customers/{id}"),
        format!("/v1/customers/{id}?as_of=4102444800"),
        "/v1/customers".to_owned(),
        "/v1/customers/search?query=name:%22named%22".to_owned(),
        "/v1/events".to_owned(),
        format!("/v1/events/{event}"),
        format!("/v1/events?object={id}"),
    ] {
        let answer = system.client.get(&path).await.ok().to_string();
        assert!(answer.contains(&id.to_string()) && !answer.contains("unspeakable"), "{path}: {answer}");
    }
    let id = id.to_string();
    let browser = Browser::signed_in(&system, system.client.key()).await;
    for path in ["customers", &format!("customers/{id}"), &format!("events/{event}"), "events"] {
        let (status, page) = browser.get(&format!("/dashboard/{path}")).await;
        assert!(status == 200 && page.contains("named") || path == "events", "{path}: {page}");
        assert!(!page.contains("unspeakable"), "{path}: {page}");
    }
    let streamed = streamed(&system, &id, "named").await;
    assert!(!streamed.contains("unspeakable"), "{streamed}");
    let environment = [("CALMONY_URL", system.url.as_str()), ("CALMONY_API_KEY", system.client.key())];
    for arguments in [
        &["lookup", &id][..],
        &["events", "list", "--json"],
        &["objects", "show", &id, "--history", "--json"],
    ] {
        let said = run("calmony", arguments, &environment).await;
        assert!(said.stdout.contains(&id) && said.code == Some(0), "{arguments:?}: {said:?}");
        assert!(!said.stdout.contains("unspeakable"), "{arguments:?}: {}", said.stdout);
    }
    verified(&system).await;
    // Damage is found, and mended from the log.
    let admin = system.database.admin().await;
    admin
        .batch_execute("update calmony.object set internal = null, due = null where due is not null")
        .await
        .unwrap();
    let environment = [("CALMONY_DATABASE_URL", system.database.url.as_str())];
    let said = run("calmony", &["verify"], &environment).await;
    assert_eq!(said.code, Some(1), "{}{}", said.stdout, said.stderr);
    let said = run("calmony", &["rebuild"], &environment).await;
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert_eq!(system.database.number(due).await, 1);
    verified(&system).await;
}

/// A group that isn't whole is found.
#[tokio::test]
async fn a_hole_in_a_group_is_found() {
    let system = System::start().await;
    let ids = customers(&system.client, 2).await;
    let cause = Cause::service(account(&system).await);
    let give = Give { from: ids[0], to: vec![ids[1]], amount: 5 };
    log(&system.database).append(&cause, &give).await.unwrap();
    let admin = system.database.admin().await;
    let damage = "alter table calmony.event disable trigger event_is_append_only; \
                  update calmony.event set group_size = 3 where group_place = 2; \
                  alter table calmony.event enable always trigger event_is_append_only";
    support::database::past_triggers(&admin, damage).await;
    let said = run("calmony", &["verify"], &[("CALMONY_DATABASE_URL", &system.database.url)]).await;
    assert!(said.code == Some(1) && said.stdout.contains("group evt_"), "{}{}", said.stdout, said.stderr);
}
