//! Lists: newest first, cursors in both directions, filters, bounds.

use serde_json::{Value, json};
use support::System;

fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|customer| customer["name"].as_str().unwrap()).collect()
}

/// A system with customers c0 to c6; their ids, the newest first.
async fn with_seven() -> (System, Vec<String>) {
    let system = System::start().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.insert(0, system.client.customer(&format!("c{n}")).await);
    }
    (system, ids)
}

#[tokio::test]
async fn a_list_is_an_envelope_with_the_newest_first() {
    let (system, _) = with_seven().await;
    let list = system.client.get("/v1/customers?limit=3").await.ok();
    assert_eq!(
        (&list["object"], &list["url"], &list["has_more"]),
        (&json!("list"), &json!("/v1/customers"), &json!(true))
    );
    assert_eq!(names(&list), ["c6", "c5", "c4"]);
    assert_eq!(system.client.get("/v1/customers").await.ok()["data"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn cursors_go_both_ways() {
    let (system, ids) = with_seven().await;
    let list = system.client.get(&format!("/v1/customers?limit=3&starting_after={}", ids[2])).await.ok();
    assert_eq!((names(&list), &list["has_more"]), (vec!["c3", "c2", "c1"], &json!(true)));
    let list = system.client.get(&format!("/v1/customers?limit=3&starting_after={}", ids[5])).await.ok();
    assert_eq!((names(&list), &list["has_more"]), (vec!["c0"], &json!(false)));
    let list = system.client.get(&format!("/v1/customers?limit=3&ending_before={}", ids[5])).await.ok();
    assert_eq!((names(&list), &list["has_more"]), (vec!["c4", "c3", "c2"], &json!(true)));
    let list = system.client.get(&format!("/v1/customers?limit=3&ending_before={}", ids[1])).await.ok();
    assert_eq!((names(&list), &list["has_more"]), (vec!["c6"], &json!(false)));
}

#[tokio::test]
async fn a_client_that_deletes_what_it_pages_through_gets_to_the_end() {
    let (system, _) = with_seven().await;
    let (mut cursor, mut deleted) = (String::new(), 0);
    loop {
        let page = system.client.get(&format!("/v1/customers?limit=2{cursor}")).await.ok();
        for customer in page["data"].as_array().unwrap() {
            let id = customer["id"].as_str().unwrap();
            system.client.delete(&format!("/v1/customers/{id}")).await.ok();
            cursor = format!("&starting_after={id}");
            deleted += 1;
        }
        if page["has_more"] == json!(false) {
            break;
        }
    }
    assert_eq!(deleted, 7);
    assert_eq!(system.client.get("/v1/customers").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn email_and_time_filter() {
    let (system, ids) = with_seven().await;
    system.client.post(&format!("/v1/customers/{}", ids[3]), "email=a@example.com").await.ok();
    system.client.post(&format!("/v1/customers/{}", ids[5]), "email=a@example.com").await.ok();
    let list = system.client.get("/v1/customers?email=a@example.com").await.ok();
    assert_eq!(names(&list), ["c3", "c1"]);
    let list = system
        .client
        .get(&format!("/v1/customers?email=a%40example.com&ending_before={}", ids[5]))
        .await
        .ok();
    assert_eq!(names(&list), ["c3"]);
    assert_eq!(names(&system.client.get("/v1/customers?email=A@example.com").await.ok()), Vec::<&str>::new());
    let created =
        system.client.get(&format!("/v1/customers/{}", ids[0])).await.ok()["created"].as_i64().unwrap();
    let count =
        async |query: String| names(&system.client.get(&format!("/v1/customers?{query}")).await.ok()).len();
    assert_eq!(count(format!("created[lte]={created}")).await, 7);
    assert_eq!(count(format!("created[gt]={created}")).await, 0);
    assert!(count(format!("created={created}")).await >= 1);
    assert_eq!(count(format!("created[gte]={}&created[lt]={}", created - 60, created + 60)).await, 7);
}

#[tokio::test]
async fn bounds_and_cursors_are_checked() {
    let (system, ids) = with_seven().await;
    let refused = [
        ("limit=0".to_owned(), "parameter_invalid_integer", "limit"),
        ("limit=101".to_owned(), "parameter_invalid_integer", "limit"),
        ("limit=ten".to_owned(), "parameter_invalid_integer", "limit"),
        ("limit=99999999999999999999".to_owned(), "parameter_invalid_integer", "limit"),
        (
            format!("starting_after={}&ending_before={}", ids[0], ids[1]),
            "parameters_exclusive",
            "starting_after",
        ),
        ("starting_after=cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX".to_owned(), "resource_missing", "starting_after"),
        ("ending_before=nonsense".to_owned(), "resource_missing", "ending_before"),
        ("created=yesterday".to_owned(), "parameter_invalid", "created"),
        ("created[since]=1".to_owned(), "parameter_unknown", "created[since]"),
        ("created[gt]=x".to_owned(), "parameter_invalid_integer", "created[gt]"),
        ("sort=name".to_owned(), "parameter_unknown", "sort"),
    ];
    for (query, code, param) in refused {
        let answer = system.client.get(&format!("/v1/customers?{query}")).await;
        assert_eq!(answer.error(), (400, "invalid_request_error", code, param), "{query}");
    }
}
