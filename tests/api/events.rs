//! The log, as clients read it.

use serde_json::{Value, json};
use support::System;

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_event_has_the_whole_envelope() {
    let system = System::start().await;
    let customer = system.client.post("/v1/customers", "name=Ada").await.ok();
    let event = system.client.get("/v1/events").await.ok()["data"][0].clone();
    assert_eq!(
        event,
        json!({
            "id": event["id"], "object": "event", "api_version": "2026-10-28.endive",
            "created": customer["created"], "data": { "object": customer }, "livemode": false,
            "pending_webhooks": 0, "request": { "id": event["request"]["id"], "idempotency_key": null },
            "type": "customer.created", "version": 1,
        })
    );
    let id = event["id"].as_str().unwrap();
    assert!(id.starts_with("evt_"));
    assert_eq!(system.client.get(&format!("/v1/events/{id}")).await.ok(), event);
}

#[tokio::test]
async fn pending_webhooks_counts_who_has_not_got_it() {
    let system = System::start().await;
    for events in [&["*"][..], &["customer.created"], &["customer.deleted"]] {
        system.client.endpoint("http://127.0.0.1:9999/", events).await;
    }
    system.client.customer("Ada").await;
    let list = system.client.get("/v1/events?type=customer.created").await.ok();
    assert_eq!(list["data"][0]["pending_webhooks"], 2);
}

#[tokio::test]
async fn events_are_filtered_by_type_and_time() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    system.client.post(&format!("/v1/customers/{id}"), "name=Bob").await.ok();
    system.client.endpoint("https://example.com/", &["*"]).await;
    let count = async |query: &str| ids(&system.client.get(&format!("/v1/events?{query}")).await.ok()).len();
    assert_eq!(count("").await, 3);
    assert_eq!(count("type=customer.created").await, 1);
    assert_eq!(count("type=customer.*").await, 2);
    assert_eq!(count("type=*").await, 3);
    assert_eq!(count("type=no.such").await, 0);
    assert_eq!(count("types[]=customer.created&types[]=webhook_endpoint.created").await, 2);
    assert_eq!(count("types%5B0%5D=customer.created").await, 1);
    assert_eq!(count("created[gte]=1000000000").await, 3);
    assert_eq!(count("created[lt]=1000000000").await, 0);
    let both = system.client.get("/v1/events?type=customer.created&types[]=customer.created").await;
    assert_eq!(both.error(), (400, "invalid_request_error", "parameters_exclusive", "type"));
}

#[tokio::test]
async fn pages_of_events_join_without_a_seam_in_both_directions() {
    let system = System::start().await;
    for n in 0..7 {
        system.client.customer(&format!("c{n}")).await;
    }
    let all = ids(&system.client.get("/v1/events?limit=100").await.ok());
    let mut older = Vec::new();
    let mut query = "limit=3".to_owned();
    loop {
        let page = system.client.get(&format!("/v1/events?{query}")).await.ok();
        older.extend(ids(&page));
        if page["has_more"] == json!(false) {
            break;
        }
        query = format!("limit=3&starting_after={}", older.last().unwrap());
    }
    assert_eq!(older, all);
    let page = system.client.get(&format!("/v1/events?limit=2&ending_before={}", all[4])).await.ok();
    assert_eq!(
        (ids(&page), &page["has_more"]),
        (all[2..4].to_vec(), &json!(true)),
        "the page next to the cursor"
    );
    let page = system.client.get(&format!("/v1/events?limit=2&ending_before={}", all[2])).await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (all[0..2].to_vec(), &json!(false)));
    let unknown = system.client.get("/v1/events?starting_after=evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX").await;
    assert_eq!(unknown.error(), (400, "invalid_request_error", "resource_missing", "starting_after"));
}

#[tokio::test]
async fn a_page_forwards_waits_for_an_append_that_commits_late() {
    let system = System::start().await;
    let first = system.client.customer("first").await;
    let cursor = ids(&system.client.get("/v1/events").await.ok())[0].clone();
    let late = "insert into calmony.event (account, id, stream, version, type, data, created_at) \
                select account, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, \
                       'customer.created', data, now() \
                  from calmony.object";
    for end in ["commit", "rollback"] {
        let api = system.database.login_in("calmony_api").await;
        api.batch_execute("begin").await.unwrap();
        // Its position is drawn; it isn't visible.
        let drawn = api.batch_execute(late).await;
        assert_eq!(
            drawn.is_ok(),
            end == "commit",
            "the second time the id is taken, but its position is drawn all the same"
        );
        let made = system.client.customer("after").await;
        assert_ne!(made, first);
        let path = format!("/v1/events?ending_before={cursor}");
        let client = system.client.clone();
        let page = tokio::spawn(async move { client.get(&path).await.ok() });
        if end == "commit" {
            tokio::time::timeout(std::time::Duration::from_millis(300), async {
                while !page.is_finished() {
                    tokio::task::yield_now().await;
                }
            })
            .await
            .expect_err("the page waits for the one that isn't decided");
        }
        api.batch_execute(end).await.unwrap();
        let found = ids(&page.await.unwrap());
        assert_eq!(found.last().unwrap(), "evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX", "after {end}: {found:?}");
        assert_eq!(found.len(), if end == "commit" { 2 } else { 3 });
        // Reads from the newest on don't wait.
        assert_eq!(ids(&system.client.get("/v1/events?limit=1").await.ok()).len(), 1);
    }
}

#[tokio::test]
async fn the_events_of_one_object_and_the_object_as_it_was() {
    let system = System::start().await;
    let id = system.client.customer("one").await;
    let other = system.client.customer("other").await;
    let path = format!("/v1/customers/{id}");
    // Clients see seconds: put some between the events.
    system.client.post(&path, "name=two").await.ok();
    system.client.post(&path, "name=three").await.ok();
    system.client.delete(&path).await.ok();
    let admin = system.database.admin().await;
    let apart = "alter table calmony.event disable trigger event_is_append_only; \
                 update calmony.event set created_at = to_timestamp(1000 + 10 * version); \
                 alter table calmony.event enable always trigger event_is_append_only";
    admin.batch_execute(apart).await.unwrap();

    let list = system.client.get(&format!("/v1/events?object={id}")).await.ok();
    let versions: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|event| event["version"].clone()).collect();
    assert_eq!(versions, [json!(4), json!(3), json!(2), json!(1)]);
    let page = system
        .client
        .get(&format!("/v1/events?object={id}&limit=2&starting_after={}", ids(&list)[0]))
        .await
        .ok();
    assert_eq!((ids(&page), &page["has_more"]), (ids(&list)[1..3].to_vec(), &json!(true)));
    let page = system
        .client
        .get(&format!("/v1/events?object={id}&limit=2&ending_before={}", ids(&list)[3]))
        .await
        .ok();
    assert_eq!(ids(&page), ids(&list)[1..3].to_vec());
    let updates = system
        .client
        .get(&format!("/v1/events?object={id}&type=customer.updated&delivery_success=true"))
        .await
        .ok();
    assert_eq!(ids(&updates).len(), 2);
    for (wrong, code) in
        [("cus_1", "parameter_invalid"), ("", "parameter_invalid_empty"), ("evt", "parameter_invalid")]
    {
        let refused = system.client.get(&format!("/v1/events?object={wrong}")).await;
        assert_eq!(refused.error(), (400, "invalid_request_error", code, "object"), "{wrong}");
    }

    let as_of = async |second: i64| system.client.get(&format!("{path}?as_of={second}")).await;
    assert_eq!(as_of(1009).await.error(), (404, "invalid_request_error", "resource_missing", "id"));
    assert_eq!(as_of(1010).await.ok()["name"], "one");
    assert_eq!(as_of(1029).await.ok()["name"], "two");
    assert_eq!(as_of(1030).await.ok()["name"], "three");
    assert_eq!(as_of(1040).await.ok(), json!({ "id": id, "object": "customer", "deleted": true }));
    assert_eq!(as_of(i64::MAX).await.ok()["deleted"], true);
    assert_eq!(as_of(-1).await.status, 404);
    let stranger = system.client.with_key(&system.other_key);
    assert_eq!(stranger.get(&format!("{path}?as_of=1010")).await.status, 404);
    assert_eq!(ids(&stranger.get(&format!("/v1/events?object={other}")).await.ok()), Vec::<String>::new());
}

#[tokio::test]
async fn the_event_of_a_call_is_found_by_the_calls_id() {
    let system = System::start().await;
    let client = &system.client;
    let called = async |form: &str| {
        let answer = client.post("/v1/customers", form).await;
        (answer.headers["request-id"].to_str().unwrap().to_owned(), answer)
    };
    let (request, answer) = called("name=Ada").await;
    let customer = answer.id();
    called("name=Grace").await;
    let (refused, answer) = called("email=nobody").await;
    assert_eq!(answer.status, 400);
    let of = |request: &str| format!("/v1/events?request={request}");
    let found = client.get(&of(&request)).await.ok();
    assert_eq!(found["data"][0]["data"]["object"]["id"], customer.as_str());
    assert_eq!(found["data"][0]["request"]["id"], request.as_str());
    assert_eq!((found["data"].as_array().unwrap().len(), &found["has_more"]), (1, &json!(false)));
    for nothing in [of(&refused), of("req_01J9ZW6QAPZK9N3FBJ0WB5K7TX"), of("req_7ZZZZZZZZZZZZZZZZZZZZZZZZZ")]
    {
        assert_eq!(client.get(&nothing).await.ok()["data"], json!([]), "{nothing}");
    }
    assert_eq!(client.with_key(&system.other_key).get(&of(&request)).await.ok()["data"], json!([]));
    for (wrong, code) in [
        (of("req_x"), "parameter_invalid"),
        (of(&customer), "parameter_invalid"),
        (format!("{}&type=customer.created", of(&request)), "parameters_exclusive"),
        (format!("{}&object={customer}", of(&request)), "parameters_exclusive"),
    ] {
        let answer = client.get(&wrong).await;
        assert_eq!(answer.error(), (400, "invalid_request_error", code, "request"), "{wrong}");
    }
}
