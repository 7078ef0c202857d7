//! Updates that meet: all succeed, each as a version of its own, and none is lost.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use support::System;

#[tokio::test]
async fn two_patches_at_once_both_succeed_as_two_versions() {
    let system = System::start().await;
    for round in 0..20 {
        let id = system.client.customer("Ada").await;
        let path = format!("/v1/customers/{id}");
        let (name, email) =
            (json!({ "name": format!("n{round}") }), json!({ "email": format!("e{round}@example.com") }));
        let (a, b) = tokio::join!(
            system.client.json(Method::PATCH, &path, &name),
            system.client.json(Method::PATCH, &path, &email),
        );
        a.ok();
        b.ok();
        let now = system.client.get(&path).await.ok();
        assert_eq!((&now["name"], &now["email"]), (&name["name"], &email["email"]), "neither is lost");
        let versions = format!("select count(*) from calmony.event where stream = '{id}'");
        assert_eq!(system.database.number(&versions).await, 3);
    }
}

#[tokio::test]
async fn many_writers_of_one_object_leave_a_log_without_holes() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    let path = format!("/v1/customers/{id}");
    let write = async |n: usize| system.client.post(&path, &format!("metadata[k{n}]=v")).await.ok();
    let written = join_all((0..30).map(write)).await.len();
    let now = system.client.get(&path).await.ok();
    assert_eq!(now["metadata"].as_object().unwrap().len(), written, "whoever was told 200 is in the state");
    let sql = format!(
        "select (count(*) = max(version) and min(version) = 1)::int::bigint from calmony.event \
         where stream = '{id}'"
    );
    assert_eq!(system.database.number(&sql).await, 1);
    let rows =
        system.database.number(&format!("select count(*) from calmony.event where stream = '{id}'")).await;
    assert_eq!(usize::try_from(rows).unwrap(), written + 1);
}

/// Appends that wait at the same time share a statement. If the database refuses one, no other fails with
/// it.
#[tokio::test]
async fn creates_at_once_share_statements_and_keep_their_answers_apart() {
    let system = System::start().await;
    let create = async |n: usize| (n, system.client.post("/v1/customers", &format!("name=c{n}")).await.ok());
    let made: Vec<(usize, Value)> = join_all((0..200).map(create)).await;
    for (n, customer) in made {
        assert_eq!(customer["name"], format!("c{n}"));
    }
    let shared = "select count(*) - count(distinct xmin::text) from calmony.event";
    assert!(system.database.number(shared).await > 0, "some of 200 concurrent creates shared a transaction");
    assert_eq!(system.database.number("select count(*) from calmony.outbox").await, 200);
}
