//! `GET /v1/customers/search`, and of payment intents.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Answer, Client, System};
use tokio_postgres::error::SqlState;

async fn search(client: &Client, parameters: &[(&str, &str)]) -> Answer {
    let query: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    client.get(&format!("/v1/customers/search?{}", query.join("&"))).await
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"))
}

/// The names of the customers found, in the order of the answer.
async fn names(client: &Client, query: &str) -> Vec<String> {
    let found = search(client, &[("query", query), ("limit", "100")]).await.ok();
    assert_eq!(found["object"], "search_result");
    assert_eq!(found["url"], "/v1/customers/search");
    let name = |customer: &Value| customer["name"].as_str().unwrap_or("-").to_owned();
    found["data"].as_array().unwrap().iter().map(name).collect()
}

async fn create(client: &Client, customer: Value) -> String {
    client.json(Method::POST, "/v1/customers", &customer).await.id()
}

#[tokio::test]
async fn a_search_finds_what_was_answered_before_it_and_nothing_else() {
    let system = System::start().await;
    let client = &system.client;
    assert_eq!(names(client, "name:'ada'").await, [""; 0]);
    let ada = create(
        client,
        json!({ "name": "Ada Lovelace", "email": "Ada@Example.com", "metadata": { "plan": "Gold" } }),
    )
    .await;
    create(client, json!({ "name": "Bob", "email": "bob@example.com", "phone": "+1 555" })).await;
    create(client, json!({ "email": "nobody@example.org" })).await;
    // A customer of another account, and an object that isn't a customer.
    create(&client.with_key(&system.other_key), json!({ "name": "Ada Other" })).await;
    client.endpoint("https://example.com/", &["*"]).await;

    assert_eq!(names(client, "name~'LOVE'").await, ["Ada Lovelace"]);
    assert_eq!(names(client, "email~'@example.com'").await, ["Bob", "Ada Lovelace"]);
    assert_eq!(names(client, "name:null").await, ["-"]);
    assert_eq!(names(client, "-name:null").await, ["Bob", "Ada Lovelace"]);
    assert_eq!(names(client, "phone~'555' OR metadata['plan']:'gold'").await, ["Bob", "Ada Lovelace"]);
    assert_eq!(names(client, "phone~'555' AND metadata['plan']:'gold'").await, [""; 0]);
    assert_eq!(names(client, "-metadata['plan']:null").await, ["Ada Lovelace"]);
    assert_eq!(names(client, "-email~'example.org' -name:'bob'").await, ["Ada Lovelace"]);
    assert_eq!(names(client, "created>0").await.len(), 3);
    assert_eq!(names(client, "created<1000000000 OR created>99999999999").await, [""; 0]);
    assert_eq!(names(&client.with_key(&system.other_key), "name~'ada'").await, ["Ada Other"]);

    // A changed customer is found in its new state, and a deleted one isn't found.
    client.post(&format!("/v1/customers/{ada}"), "name=Augusta&metadata[plan]=").await.ok();
    assert_eq!(names(client, "name~'ada'").await, [""; 0]);
    assert_eq!(names(client, "metadata['plan']:null AND name:'AUGUSTA'").await, ["Augusta"]);
    client.delete(&format!("/v1/customers/{ada}")).await.ok();
    assert_eq!(names(client, "name:'augusta' OR name:'bob'").await, ["Bob"]);
    let kept = "select count(*) from calmony.search_document where email is not null or terms <> '{}'";
    assert_eq!(system.database.number(kept).await, 3, "nothing is kept of what was deleted");
}

#[tokio::test]
async fn pages_of_a_search_follow_each_other_and_new_customers_shift_none() {
    let system = System::start().await;
    let client = &system.client;
    for n in 0..25 {
        create(
            client,
            json!({ "name": format!("customer {n}"), "phone": if n % 2 == 0 { "even" } else { "odd" } }),
        )
        .await;
    }
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let mut parameters = vec![("query", "name~'customer' OR phone:'odd'"), ("limit", "10")];
        parameters.extend(page.as_deref().map(|page| ("page", page)));
        let answer = search(client, &parameters).await.ok();
        found.extend(
            answer["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()),
        );
        assert_eq!(answer["has_more"], answer["next_page"].is_string());
        let Some(next) = answer["next_page"].as_str() else { break };
        page = Some(next.to_owned());
        create(client, json!({ "name": "customer late" })).await;
    }
    let expected: Vec<String> = (0..25).rev().map(|n| format!("customer {n}")).collect();
    assert_eq!(found, expected);
    assert_eq!(names(client, "phone:'even'").await.len(), 13);
    // A page cursor belongs to its query.
    let first = search(client, &[("query", "phone:'even'"), ("limit", "3")]).await.ok();
    let next = first["next_page"].as_str().unwrap();
    for (client, query, status) in [
        (client, "phone:'even'", 200),
        (client, "phone:'odd'", 400),
        (&client.with_key(&system.other_key), "phone:'even'", 400),
    ] {
        let answer = search(client, &[("query", query), ("limit", "3"), ("page", next)]).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_bad_search_is_refused_by_name() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    for (parameters, code, param) in [
        (vec![], "parameter_missing", "query"),
        (vec![("query", "")], "parameter_invalid_empty", "query"),
        (vec![("query", "plan:'gold'")], "parameter_invalid", "query"),
        (vec![("query", "name~'ad'")], "parameter_invalid", "query"),
        (vec![("query", "name:'a\0'")], "invalid_characters", "query"),
        (vec![("query", "name:'a'"), ("limit", "0")], "parameter_invalid_integer", "limit"),
        (vec![("query", "name:'a'"), ("limit", "101")], "parameter_invalid_integer", "limit"),
        (vec![("query", "name:'a'"), ("page", "2")], "parameter_invalid", "page"),
        (vec![("query", "name:'a'"), ("page", &id)], "parameter_invalid", "page"),
        (vec![("query", "name:'a'"), ("starting_after", &id)], "parameter_unknown", "starting_after"),
        (vec![("query", "name:'a'"), ("expand[]", "total_count")], "parameter_invalid", "expand"),
    ] {
        let answer = search(&system.client, &parameters).await;
        let (status, kind, found, named) = answer.error();
        let expected = (400, "invalid_request_error", code, param);
        assert_eq!((status, kind, found, named), expected, "{parameters:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn payment_intents_are_searched_by_what_they_are_and_will_cost() {
    let system = System::start().await;
    let client = &system.client;
    let ada = client.customer("Ada").await;
    let intent = async |params: Value| client.json(Method::POST, "/v1/payment_intents", &params).await.id();
    let small = json!({ "amount": 1000, "currency": "usd", "metadata": { "plan": "Gold" } });
    let small = intent(small).await;
    let large = intent(json!({ "amount": 250_000, "currency": "eur", "customer": ada })).await;
    create(client, json!({ "name": "Bob", "metadata": { "plan": "Gold" } })).await;
    let found = async |query: &str| {
        let path = format!("/v1/payment_intents/search?query={}", encoded(query));
        let found = client.get(&path).await.ok();
        assert_eq!(
            (&found["object"], &found["url"]),
            (&json!("search_result"), &json!("/v1/payment_intents/search"))
        );
        let id = |intent: &Value| intent["id"].as_str().unwrap().to_owned();
        found["data"].as_array().unwrap().iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(found("amount>0").await, [large.clone(), small.clone()]);
    assert_eq!(found("amount>1000").await, [large.as_str()]);
    assert_eq!(found("-amount>1000").await, [small.as_str()]);
    assert_eq!(found("amount:1000 AND currency:'usd'").await, [small.as_str()]);
    assert_eq!(found(&format!("customer:'{ada}'")).await, [large.as_str()]);
    assert_eq!(found("customer:null metadata['plan']:'gold'").await, [small.as_str()]);
    assert_eq!(names(client, "metadata['plan']:'gold'").await, ["Bob"], "no intent is a customer");
    assert_eq!(found("status:'requires_payment_method' created>0").await.len(), 2);
    client.post(&format!("/v1/payment_intents/{small}"), "amount=2000&metadata[plan]=").await.ok();
    assert_eq!(found("amount:1000 OR metadata['plan']:'gold'").await, [""; 0]);
    assert_eq!(found("amount<=2000").await, [small.as_str()]);
    let other = client.with_key(&system.other_key);
    let nothing = other.get("/v1/payment_intents/search?query=amount%3e0").await.ok();
    assert_eq!(nothing["data"], json!([]));
    let refused = client.get(&format!("/v1/payment_intents/search?query={}", encoded("email:'a'"))).await;
    assert_eq!((refused.status, &refused.json["error"]["param"]), (400, &json!("query")));
}

/// All that searches find is in the log, so losing the search tables costs nothing but time.
#[tokio::test]
async fn what_is_searched_is_made_anew_from_the_log_by_two_processes_at_once() {
    let system = System::start().await;
    let beside = System::on(system.database.clone()).await;
    // More than fits into one portion.
    let metadata: serde_json::Map<_, _> =
        (0..40).map(|n| (format!("k{n}"), json!(format!("{n}").repeat(200)))).collect();
    for n in 0..60 {
        create(&system.client, json!({ "name": format!("customer {n}"), "metadata": metadata })).await;
    }
    let admin = system.database.admin().await;
    for _ in 0..5 {
        empty_search(&admin).await;
        let searches = [&system, &beside, &system, &beside].map(|system| {
            let client = system.client.clone();
            tokio::spawn(async move { names(&client, "name~'customer 1'").await.len() })
        });
        for found in searches {
            assert_eq!(found.await.unwrap(), 11);
        }
    }
    // The tables are emptied while they are being filled: the process that fills them must notice.
    let stop = Arc::new(AtomicBool::new(false));
    let (client, stopped) = (beside.client.clone(), stop.clone());
    let searching = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            search(&client, &[("query", "name:null")]).await.ok();
        }
    });
    for n in 0..30 {
        system.client.customer(&format!("late {n}")).await;
        empty_search(&admin).await;
    }
    stop.store(true, Ordering::Relaxed);
    searching.await.unwrap();
    assert_eq!(names(&system.client, "name~'customer' OR name~'late'").await.len(), 90);
}

/// Empties the tables of searches, as an operator does to have them made anew: again when PostgreSQL
/// chose this session to end a deadlock with one that fills the tables.
async fn empty_search(admin: &tokio_postgres::Client) {
    while let Err(refusal) =
        admin.batch_execute("truncate calmony.search_document, calmony.search_reached").await
    {
        assert_eq!(refusal.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_search_waits_for_an_append_that_commits_late() {
    let system = System::start().await;
    system.client.customer("first").await;
    assert_eq!(names(&system.client, "-name:null").await, ["first"]);
    let api = system.database.login_in("calmony_api").await;
    let late = "begin; insert into calmony.event (account, id, stream, version, type, data, created_at) \
        select account, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, \
               'customer.created', replace(data::text, 'first', 'late')::json, now() from calmony.object";
    api.batch_execute(late).await.unwrap();
    system.client.customer("after").await;
    // The transaction stays open for longer than any search waits. The answer is then 503, and not one that
    // leaves the customer out.
    let answer = search(&system.client, &[("query", "-name:null")]).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    let client = system.client.clone();
    let waits = tokio::spawn(async move { names(&client, "-name:null").await });
    tokio::time::timeout(Duration::from_millis(300), async {
        while !waits.is_finished() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect_err("the search waits for the one that isn't decided");
    api.batch_execute("commit").await.unwrap();
    assert_eq!(waits.await.unwrap(), ["after", "first", "late"]);
}
