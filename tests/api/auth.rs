//! Keys, and tenants that can't see each other.

use std::time::{Duration, Instant};

use calmony_pay::log::accounts::{copy_key, create_key, end_key, list_keys, revoke_key};
use calmony_pay::secret::{ApiKey, KeyKind};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;
use support::client::send;
use support::{Client, Database, System, eventually};

/// A key of the first account.
async fn make_key(system: &System, kind: KeyKind, lifetime: Option<Duration>) -> ApiKey {
    create_key(&system.database.url.parse().unwrap(), "first", kind, lifetime).await.unwrap()
}

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
    let system = System::start().await;
    let live = make_key(&system, KeyKind { livemode: true, readonly: false }, None).await;
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

#[tokio::test]
async fn a_restricted_key_reads_and_changes_nothing() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    let key = make_key(&system, KeyKind { livemode: false, readonly: true }, None).await;
    assert!(key.reveal().starts_with("rk_test_"));
    let reader = system.client.with_key(key.reveal());
    let path = format!("/v1/customers/{id}");
    assert_eq!(reader.get(&path).await.ok()["name"], "Ada");
    for refused in [
        reader.post("/v1/customers", "name=x").await,
        reader.post(&path, "name=x").await,
        reader.delete(&path).await,
        reader.post("/v1/webhook_endpoints", "url=https://example.com&enabled_events[]=*").await,
    ] {
        assert_eq!(refused.error(), (403, "invalid_request_error", "", ""));
        assert!(!refused.text.contains(key.reveal()), "little of a key is shown");
    }
    assert_eq!(system.database.number("select count(*) from calmony.event").await, 1);
}

#[tokio::test]
async fn keys_end_by_date_by_hand_and_by_rolling_at_every_process_at_once() {
    let system = System::start().await;
    let beside = System::on(Database { url: system.database.url.clone() }).await;
    let url = system.database.url.parse().unwrap();
    let at_both = async |key: &str| {
        let mut statuses = Vec::new();
        for one in [&system, &beside] {
            statuses.push(one.client.with_key(key).get("/v1/customers").await);
        }
        statuses
    };
    let short = make_key(&system, KeyKind::default(), Some(Duration::from_millis(1))).await;
    for answer in at_both(short.reveal()).await {
        assert_eq!(answer.error(), (401, "invalid_request_error", "api_key_expired", ""));
    }
    let key = make_key(&system, KeyKind::default(), Some(Duration::from_hours(1))).await;
    assert!(at_both(key.reveal()).await.iter().all(|answer| answer.status == 200));
    let listed = eventually("its use is written down", async || {
        let keys = list_keys(&url, Some("first")).await.unwrap();
        keys.into_iter().find(|listed| listed.hint == key.hint() && listed.last_used_at.is_some())
    })
    .await;
    assert!(listed.expires_at.is_some() && !listed.kind.livemode);
    let rolled = copy_key(&url, listed.id).await.unwrap().unwrap();
    assert!(end_key(&url, listed.id, Duration::from_hours(1)).await.unwrap());
    assert!(
        at_both(rolled.reveal())
            .await
            .iter()
            .chain(&at_both(key.reveal()).await)
            .all(|answer| answer.status == 200)
    );
    let again = copy_key(&url, listed.id).await.unwrap().unwrap();
    assert!(end_key(&url, listed.id, Duration::ZERO).await.unwrap());
    // A key that was just used may be trusted for a moment.
    let ends = async |key: &str, code: &str| {
        let since = Instant::now();
        eventually("the key's end is heard of", async || {
            let answers = at_both(key).await;
            answers.iter().all(|answer| answer.status == 401 && answer.error().2 == code).then_some(())
        })
        .await;
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    };
    ends(key.reveal(), "api_key_expired").await;
    assert!(at_both(again.reveal()).await.iter().all(|answer| answer.status == 200));
    let keys = list_keys(&url, None).await.unwrap();
    let id = keys.iter().find(|listed| listed.hint == again.hint()).unwrap().id;
    assert!(revoke_key(&url, id).await.unwrap());
    ends(again.reveal(), "").await;
    assert!(!revoke_key(&url, id).await.unwrap(), "once");
    assert!(copy_key(&url, id).await.unwrap().is_none());
    assert!(!end_key(&url, id, Duration::ZERO).await.unwrap());
    assert!(list_keys(&url, None).await.unwrap().iter().all(|listed| listed.id != id));
}
