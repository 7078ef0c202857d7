//! A request that is sent again with its `Idempotency-Key` is done once and gets the first answer again.

use std::collections::HashSet;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use support::client::{Answer, send};
use support::{Client, Database, Receiver, System};

/// A POST of a form with a key.
async fn post(client: &Client, key: &str, path: &str, form: &str) -> Answer {
    let request = client.request(Method::POST, path).header("idempotency-key", key);
    send(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned())).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

async fn customers(system: &System) -> i64 {
    system.database.number("select count(*) from calmony.object where id like 'cus%'").await
}

#[tokio::test]
async fn a_request_sent_again_is_done_once_and_answered_byte_for_byte() {
    let system = System::start().await;
    let first = post(&system.client, "k1", "/v1/customers", "name=Ada&metadata[a]=1").await;
    assert_eq!((header(&first, "idempotent-replayed"), header(&first, "idempotency-key")), ("", "k1"));
    let again = post(&system.client, "k1", "/v1/customers", "metadata%5Ba%5D=1&name=Ada").await;
    let json = system.client.request(Method::POST, "/v1/customers").header("idempotency-key", "k1");
    let json = json.header(CONTENT_TYPE, "application/json").body(r#"{"name":"Ada","metadata":{"a":"1"}}"#);
    for answer in [again, send(json).await] {
        assert_eq!((answer.status, &answer.text), (200, &first.text));
        assert_eq!(header(&answer, "idempotent-replayed"), "true");
        assert_eq!(header(&answer, "original-request"), header(&first, "request-id"));
        assert_ne!(header(&answer, "request-id"), header(&first, "request-id"));
    }
    assert_eq!(customers(&system).await, 1);

    // The stored answer, and not the object as it is now.
    let id = first.clone().id();
    system.client.post(&format!("/v1/customers/{id}"), "name=Grace").await.ok();
    let late = post(&system.client, "k1", "/v1/customers", "name=Ada&metadata[a]=1").await;
    assert_eq!(late.text, first.text);
    system.client.delete(&format!("/v1/customers/{id}")).await.ok();
    let later = post(&system.client, "k1", "/v1/customers", "name=Ada&metadata[a]=1").await;
    assert_eq!(later.text, first.text);
}

#[tokio::test]
async fn a_key_is_for_one_path_and_one_set_of_parameters() {
    let system = System::start().await;
    let id = post(&system.client, "k1", "/v1/customers", "name=Ada").await.id();
    let other = post(&system.client, "k1", "/v1/customers", "name=Grace").await;
    assert_eq!(other.error(), (400, "idempotency_error", "", ""));
    assert!(other.text.contains("with the same parameters"), "{}", other.text);
    assert_eq!(header(&other, "idempotency-key"), "k1");
    let expanded = post(&system.client, "k1", "/v1/customers", "name=Ada&expand[]=default_source").await;
    assert_eq!(expanded.error().1, "idempotency_error");
    let two = system.client.request(Method::POST, "/v1/customers").header("idempotency-key", "d1");
    let two = send(two.header("idempotency-key", "d2").body("name=two")).await;
    assert_eq!(two.error().3, "Idempotency-Key");
    let elsewhere = post(&system.client, "k1", &format!("/v1/customers/{id}"), "name=Ada").await;
    assert_eq!(elsewhere.error(), (400, "idempotency_error", "", ""));
    assert!(elsewhere.text.contains("for the same endpoint"), "{}", elsewhere.text);
    // A bad request with a used key is told about the key first: that is the client's mistake.
    let bad = post(&system.client, "k1", "/v1/customers", "email=nonsense").await;
    assert_eq!(bad.error().1, "idempotency_error");
    // Another account's keys are its own.
    let stranger = system.client.with_key(&system.other_key);
    assert_ne!(post(&stranger, "k1", "/v1/customers", "name=Grace").await.id(), id);
    assert_eq!(customers(&system).await, 2);
}

#[tokio::test]
async fn a_refusal_is_not_stored_and_a_change_of_nothing_is() {
    let system = System::start().await;
    let refused = post(&system.client, "k1", "/v1/customers", "email=nonsense").await;
    assert_eq!(refused.error().2, "email_invalid");
    let path =
        format!("/v1/customers/{}", post(&system.client, "k1", "/v1/customers", "name=Ada").await.id());
    let nothing = post(&system.client, "k2", &path, "name=Ada").await;
    system.client.post(&path, "name=Grace").await.ok();
    let again = post(&system.client, "k2", &path, "name=Ada").await;
    assert_eq!((again.status, &again.text), (200, &nothing.text));
    assert_eq!(system.client.get(&path).await.ok()["name"], "Grace", "it wasn't done again");
    let missing = post(&system.client, "k3", "/v1/customers/cus_01ARZ3NDEKTSV4RRFFQ69G5FAV", "name=x").await;
    assert_eq!(missing.status, 404);
    let key = "x".repeat(256);
    assert_eq!(post(&system.client, &key, "/v1/customers", "").await.error().3, "Idempotency-Key");
    post(&system.client, &key[..255], "/v1/customers", "").await.ok();
}

/// An answer that is the object as it was after an event is stored with the event only.
#[tokio::test]
async fn an_answer_that_an_event_has_is_not_stored_again() {
    let system = System::start().await;
    let stored = async |key: &str| {
        let bytes = format!(
            "select coalesce(sum(octet_length(i::text)), 0)::bigint \
               from calmony.idempotency i where key = '{key}'"
        );
        system.database.number(&bytes).await
    };
    let entry = |n| format!("&metadata[k{n}]={}", "%C3%A4".repeat(500));
    let entries = (0..50).map(entry).collect::<Vec<_>>().concat();
    let large = format!("name=Ada{entries}");
    let created = post(&system.client, "created", "/v1/customers", &large).await;
    let path = format!("/v1/customers/{}", created.clone().id());
    let updated = post(&system.client, "updated", &path, "name=Grace").await;
    let nothing = post(&system.client, "nothing", &path, "name=Grace").await;
    assert_eq!((nothing.status, &nothing.text), (200, &updated.text));
    assert!(nothing.text.len() > 50_000);
    // It is changed and deleted meanwhile, and another process is asked.
    post(&system.client, "later", &path, "name=Alan").await.ok();
    system.client.delete(&path).await.ok();
    let beside = System::on(Database { url: system.database.url.clone() }).await;
    for (key, path, form, first) in [
        ("created", "/v1/customers", large.as_str(), &created),
        ("updated", path.as_str(), "name=Grace", &updated),
        ("nothing", path.as_str(), "name=Grace", &nothing),
    ] {
        for client in [&system.client, &beside.client] {
            let again = post(client, key, path, form).await;
            assert_eq!((again.status, &again.text), (200, &first.text), "{key}");
            assert_eq!(header(&again, "idempotent-replayed"), "true");
        }
        // Two rows near midnight.
        let bytes = stored(key).await;
        assert!((1..1000).contains(&bytes), "{key}: {bytes}");
    }
    let events = "select count(*) from calmony.event where stream like 'cus%'";
    assert_eq!(system.database.number(events).await, 4, "what changes nothing appends nothing");
}

/// Requests that change nothing under one key get one state of the object, however many they are while it
/// changes.
#[tokio::test]
async fn twins_that_change_nothing_have_one_answer() {
    let system = System::start().await;
    let beside = System::on(Database { url: system.database.url.clone() }).await;
    let path = format!("/v1/customers/{}", system.client.customer("Ada").await);
    for round in 0..10 {
        let key = format!("nothing{round}");
        let calls = (0..8).map(|n| {
            let client = if n % 2 == 0 { system.client.clone() } else { beside.client.clone() };
            let (key, path) = (key.clone(), path.clone());
            tokio::spawn(async move { post(&client, &key, &path, "name=Ada").await })
        });
        let calls: Vec<_> = calls.collect();
        system.client.post(&path, &format!("description=d{round}")).await.ok();
        let mut bodies = HashSet::new();
        for call in calls {
            let answer = call.await.unwrap();
            if answer.status == 200 {
                bodies.insert(answer.text);
            } else {
                assert_eq!(answer.error(), (409, "idempotency_error", "idempotency_key_in_use", ""));
            }
        }
        bodies.insert(post(&beside.client, &key, &path, "name=Ada").await.text);
        assert_eq!(bodies.len(), 1, "one answer");
    }
}

#[tokio::test]
async fn twins_at_two_processes_make_one_object() {
    let system = System::start().await;
    let beside = System::on(Database { url: system.database.url.clone() }).await;
    for round in 0..20 {
        let key = format!("twin{round}");
        let calls = (0..8).map(|n| {
            let client = if n % 2 == 0 { system.client.clone() } else { beside.client.clone() };
            let key = key.clone();
            tokio::spawn(async move { post(&client, &key, "/v1/customers", "name=twin").await })
        });
        let mut bodies = HashSet::new();
        for call in calls.collect::<Vec<_>>() {
            let answer = call.await.unwrap();
            if answer.status == 200 {
                bodies.insert(answer.text);
                continue;
            }
            assert_eq!(answer.error(), (409, "idempotency_error", "idempotency_key_in_use", ""));
            assert_eq!(header(&answer, "stripe-should-retry"), "true");
        }
        assert_eq!(bodies.len(), 1, "one answer");
        assert_eq!(customers(&system).await, round + 1);
    }
}

#[tokio::test]
async fn an_answer_that_shows_a_secret_is_stored_sealed() {
    let system = System::start().await;
    let form = "url=http://127.0.0.1:9999/hook&enabled_events[]=*";
    let first = post(&system.client, "k1", "/v1/webhook_endpoints", form).await;
    let again = post(&system.client, "k1", "/v1/webhook_endpoints", form).await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    let secret = first.json["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));
    let path = format!("/v1/webhook_endpoints/{}/roll_secret", first.id());
    let rolled = post(&system.client, "k2", &path, "").await;
    assert_eq!(post(&system.client, "k2", &path, "").await.text, rolled.text);
    assert_ne!(rolled.ok()["secret"], json!(secret));
    let shown = "select count(*) from calmony.idempotency i where i::text like '%whsec_%'";
    assert_eq!(system.database.number(shown).await, 0);
    assert_eq!(system.database.number("select count(*) from calmony.endpoint_secret").await, 2);
}

#[tokio::test]
async fn a_resend_with_a_key_is_one_resend() {
    let system = System::start().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    let events = system.client.get("/v1/events?type=customer.created").await.ok();
    let path = format!("/v1/events/{}/retry", events["data"][0]["id"].as_str().unwrap());
    let form = format!("webhook_endpoint={endpoint}");
    let first = post(&system.client, "k1", &path, &form).await;
    let again = post(&system.client, "k1", &path, &form).await;
    assert_eq!((first.status, &first.text), (200, &again.text));
    assert_eq!(first.json["object"], "event");
    assert_eq!(system.database.number("select count(*) from calmony.replay").await, 1);
}

#[tokio::test]
async fn keys_are_forgotten_by_the_slot_and_not_before_a_day_has_gone() {
    let system = System::start().await;
    let admin = system.database.admin().await;
    let days = "insert into calmony.idempotency (account, slot, key, fingerprint, answer, created_at) \
                select 1, (div(extract(epoch from at), 86400) % 4)::smallint, 'days' || d, \
                       decode(repeat('00', 32), 'hex'), 'x', at \
                  from generate_series(0, 3) d, lateral (select now() - d * interval '1 day' as at) a";
    admin.batch_execute(days).await.unwrap();
    let worker = system.database.login_in("calmony_worker").await;
    let forget = "select calmony.forget_idempotency_keys()";
    assert!(worker.query_one(forget, &[]).await.unwrap().get::<_, bool>(0));
    assert!(!worker.query_one(forget, &[]).await.unwrap().get::<_, bool>(0), "nothing is left to forget");
    let left = "select array_agg(key order by key) from calmony.idempotency";
    let left: Vec<String> = admin.query_one(left, &[]).await.unwrap().get(0);
    // A worker would have emptied the slot of three days ago yesterday.
    assert_eq!(left, ["days0", "days1", "days3"]);
    // Near midnight a key takes the slots of both days.
    let slots = "select array_agg(s) from calmony.idempotency_slots($1::text::timestamptz) s";
    let of = async |at: &str| -> Vec<i16> { admin.query_one(slots, &[&at]).await.unwrap().get(0) };
    assert_eq!(of("1970-01-04 12:00:00Z").await, [3]);
    assert_eq!(of("1970-01-04 23:59:45Z").await, [0, 3]);
    assert_eq!(of("1970-01-05 00:00:15Z").await, [0, 3]);
}

/// Statements of two processes that use the same keys in another order must not wait for each other.
#[tokio::test]
async fn crossed_keys_of_two_processes_do_not_deadlock() {
    let system = System::start().await;
    let beside = System::on(Database { url: system.database.url.clone() }).await;
    for round in 0..5 {
        let keys: Vec<String> = (0..40).map(|n| format!("{round} {n}")).collect();
        let calls = keys.iter().map(|key| (&system, key)).chain(keys.iter().rev().map(|key| (&beside, key)));
        let calls: Vec<_> = calls
            .map(|(at, key)| {
                let (client, key) = (at.client.clone(), key.clone());
                tokio::spawn(async move { post(&client, &key, "/v1/customers", "name=crossed").await.status })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), 200, "nobody is refused: the twin is at the other process");
        }
        assert_eq!(customers(&system).await, (round + 1) * 40);
    }
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(system.database.number(deadlocks).await, 0);
}
