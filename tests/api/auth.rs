//! Keys, and tenants that know nothing of each other.

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;
use support::client::send;
use support::{Client, System};

#[tokio::test]
async fn bearer_and_basic_keys_open_the_account() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    let path = format!("/v1/customers/{id}");
    let key = system.client.request(Method::GET, &path).build().unwrap().headers()[AUTHORIZATION]
        .to_str()
        .unwrap()
        .to_owned();
    let key = key.strip_prefix("Bearer ").unwrap();
    let basic = Client::new(&system.url, "").request(Method::GET, &path).basic_auth(key, Some(""));
    assert_eq!(send(basic).await.ok()["id"], json!(id));
}

#[tokio::test]
async fn whoever_has_no_key_learns_nothing() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    let stranger = Client::new(&system.url, "");
    for path in
        [format!("/v1/customers/{id}"), "/v1/customers/none".to_owned(), "/v1/no/such/route".to_owned()]
    {
        assert_eq!(stranger.get(&path).await.error(), (401, "invalid_request_error", "", ""), "{path}");
        let wrong = stranger.with_key("sk_test_00000000000000000000000000000000").get(&path).await;
        assert_eq!(wrong.error(), (401, "invalid_request_error", "", ""), "{path}");
        assert!(wrong.headers.contains_key("request-id"));
    }
    let nonsense = stranger.request(Method::GET, "/v1/customers").header(AUTHORIZATION, "Basic %%%");
    assert_eq!(send(nonsense).await.status, 401);
}

#[tokio::test]
async fn another_accounts_ids_do_not_exist() {
    let system = System::start().await;
    let other = system.client.with_key(&system.other_key);
    let customer = system.client.customer("Ada").await;
    let (endpoint, _) = system.client.endpoint("https://example.com/", &["*"]).await;
    let event = system.client.get("/v1/events").await.ok()["data"][0]["id"].as_str().unwrap().to_owned();
    let missing = (404, "invalid_request_error", "resource_missing", "id");
    for path in [
        format!("/v1/customers/{customer}"),
        format!("/v1/webhook_endpoints/{endpoint}"),
        format!("/v1/events/{event}"),
    ] {
        assert_eq!(other.get(&path).await.error(), missing, "{path}");
    }
    for path in [format!("/v1/customers/{customer}"), format!("/v1/webhook_endpoints/{endpoint}")] {
        assert_eq!(other.post(&path, "description=x").await.error(), missing);
        assert_eq!(other.delete(&path).await.error(), missing);
    }
    for path in ["/v1/customers", "/v1/webhook_endpoints", "/v1/events"] {
        assert_eq!(other.get(path).await.ok()["data"], json!([]), "{path}");
    }
    for (path, cursor) in [("/v1/customers", &customer), ("/v1/events", &event)] {
        let answer = other.get(&format!("{path}?starting_after={cursor}")).await;
        assert_eq!(answer.error(), (400, "invalid_request_error", "resource_missing", "starting_after"));
    }
    assert_eq!(system.client.get(&format!("/v1/customers/{customer}")).await.ok()["name"], "Ada");
}

#[tokio::test]
async fn live_and_test_keys_of_one_account_see_two_worlds() {
    use calmony_pay::log::accounts::create_key;
    let system = System::start().await;
    let live = create_key(&system.database.url.parse().unwrap(), "first", true).await.unwrap();
    assert!(live.reveal().starts_with("sk_live_"));
    let live = system.client.with_key(live.reveal());
    let id = live.customer("Ada").await;
    assert_eq!(live.get(&format!("/v1/customers/{id}")).await.ok()["livemode"], json!(true));
    assert_eq!(live.get("/v1/events").await.ok()["data"][0]["livemode"], json!(true));
    assert_eq!(system.client.get(&format!("/v1/customers/{id}")).await.status, 404);
}

#[tokio::test]
async fn health_needs_no_key() {
    let system = System::start().await;
    let stranger = Client::new(&system.url, "");
    assert_eq!(stranger.get("/healthz").await.status, 200);
    assert_eq!(stranger.get("/readyz").await.status, 200);
}
