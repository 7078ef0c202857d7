//! Webhook endpoints.

use reqwest::Method;
use serde_json::json;
use support::System;

#[tokio::test]
async fn the_secret_is_in_the_first_answer_and_nowhere_else() {
    let system = System::start().await;
    let form = "url=https://example.com/hook&enabled_events[]=customer.created\
                &enabled_events[]=customer.created&description=d";
    let created = system.client.post("/v1/webhook_endpoints", form).await.ok();
    let secret = created["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 38);
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("we_"));
    let mut expected = created.clone();
    expected.as_object_mut().unwrap().remove("secret");
    assert_eq!(
        expected,
        json!({
            "id": id, "object": "webhook_endpoint", "api_version": null, "application": null,
            "created": created["created"], "description": "d", "disabled_reason": null,
            "enabled_events": ["customer.created"], "livemode": false, "metadata": {}, "ordering": "none",
            "paused": false, "rate_limit": null, "secret_version": 1, "status": "enabled",
            "url": "https://example.com/hook",
        })
    );
    let path = format!("/v1/webhook_endpoints/{id}");
    assert_eq!(system.client.get(&path).await.ok(), expected);
    for path in [path.as_str(), "/v1/webhook_endpoints", "/v1/events"] {
        assert!(!system.client.get(path).await.text.contains(&secret), "{path}");
    }
    assert!(!system.client.post(&path, "description=e").await.text.contains(&secret));
}

#[tokio::test]
async fn an_endpoint_is_updated_disabled_enabled_and_deleted() {
    let system = System::start().await;
    let (id, _) = system.client.endpoint("https://example.com/", &["*"]).await;
    let path = format!("/v1/webhook_endpoints/{id}");
    let change = json!({
        "url": "http://example.com:8080/x", "enabled_events": ["customer.deleted"], "metadata": { "a": "1" },
    });
    let changed = system.client.json(Method::PATCH, &path, &change).await.ok();
    assert_eq!(changed["url"], "http://example.com:8080/x");
    assert_eq!(changed["enabled_events"], json!(["customer.deleted"]));
    assert_eq!(system.client.post(&path, "disabled=true").await.ok()["status"], "disabled");
    assert_eq!(system.client.post(&path, "disabled=false").await.ok()["status"], "enabled");
    let remains = json!({ "id": id, "object": "webhook_endpoint", "deleted": true });
    assert_eq!(system.client.delete(&path).await.ok(), remains);
    assert_eq!(
        system.client.get(&path).await.error(),
        (404, "invalid_request_error", "resource_missing", "id")
    );
    assert_eq!(system.client.get("/v1/webhook_endpoints").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_an_endpoint_is_refused() {
    let system = System::start().await;
    let refused = [
        ("enabled_events[]=*", "parameter_missing", "url"),
        ("url=https://example.com", "parameter_missing", "enabled_events"),
        ("url=https://example.com&enabled_events=", "parameter_invalid_empty", "enabled_events"),
        ("url=https://example.com&enabled_events[x]=*", "parameter_invalid", "enabled_events"),
        (
            "url=https://example.com&enabled_events[]=*&enabled_events=*",
            "parameter_invalid",
            "enabled_events",
        ),
        (
            "url=https://example.com&enabled_events[]=*&enabled_events[]=no.such",
            "parameter_invalid",
            "enabled_events[1]",
        ),
        (
            "url=https://example.com&enabled_events[]=*&api_version=2015-01-01",
            "parameter_invalid",
            "api_version",
        ),
        ("url=https://user:secret@example.com&enabled_events[]=*", "url_invalid", "url"),
        ("url=ftp://example.com&enabled_events[]=*", "url_invalid", "url"),
        ("url=https://&enabled_events[]=*", "url_invalid", "url"),
        ("url=example.com&enabled_events[]=*", "url_invalid", "url"),
        ("url=&enabled_events[]=*", "url_invalid", "url"),
    ];
    for (form, code, param) in refused {
        let answer = system.client.post("/v1/webhook_endpoints", form).await;
        assert_eq!(answer.error(), (400, "invalid_request_error", code, param), "{form}");
    }
    let long = format!("url=https://example.com/{}&enabled_events[]=*", "x".repeat(2048));
    assert_eq!(system.client.post("/v1/webhook_endpoints", &long).await.error().2, "parameter_invalid");
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_endpoints() {
    let system = System::start().await;
    let copies = "insert into calmony.endpoint (account, id, version, url, enabled_events, status) \
        select 1, 'we_01J9ZW6QAPZK9N3FBJ0WB5' || lpad(n::text, 4, '0'), 1, 'http://x', '{*}', 'enabled' \
          from generate_series(1, 99) n";
    system.database.admin().await.batch_execute(copies).await.unwrap();
    let (hundredth, _) = system.client.endpoint("https://example.com/", &["*"]).await;
    let form = "url=https://example.com&enabled_events[]=*";
    let refused = system.client.post("/v1/webhook_endpoints", form).await;
    assert_eq!(refused.error(), (400, "invalid_request_error", "limit_reached", ""));
    system.client.delete(&format!("/v1/webhook_endpoints/{hundredth}")).await.ok();
    system.client.post("/v1/webhook_endpoints", form).await.ok();
}

/// The API of these tests lets loopback through, and nothing else that is private.
#[tokio::test]
async fn an_endpoint_that_leads_inside_is_refused_when_it_is_saved() {
    let system = System::start().await;
    let (id, _) = system.client.endpoint("http://localhost:8080/", &["*"]).await;
    for url in [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://167772161/",
        "http://[fd00::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://127.0.0.1:22/",
        "https://example.com:25/",
    ] {
        let create =
            system.client.post("/v1/webhook_endpoints", &format!("url={url}&enabled_events[]=*")).await;
        assert_eq!(create.error(), (400, "invalid_request_error", "url_invalid", "url"), "{url}");
        let update = system.client.post(&format!("/v1/webhook_endpoints/{id}"), &format!("url={url}")).await;
        assert_eq!(update.error(), (400, "invalid_request_error", "url_invalid", "url"), "{url}");
    }
}

#[tokio::test]
async fn what_is_stored_of_a_url_is_what_is_called() {
    let system = System::start().await;
    let client = &system.client;
    for (given, stored) in [
        ("https://example.com", "https://example.com/"),
        ("HTTP://Example.COM:80/a/../Hook?a[]=1", "http://example.com/Hook?a[]=1"),
        ("https://m\u{fc}nchen.example/gr\u{fc}n", "https://xn--mnchen-3ya.example/gr%C3%BCn"),
        ("http://2130706433:8080/", "http://127.0.0.1:8080/"),
    ] {
        let params = json!({ "url": given, "enabled_events": ["customer.created"] });
        let made = client.json(Method::POST, "/v1/webhook_endpoints", &params).await.ok();
        assert_eq!(made["url"], stored, "{given}");
        let path = format!("/v1/webhook_endpoints/{}", made["id"].as_str().unwrap());
        assert_eq!(client.get(&path).await.ok()["url"], stored);
        assert_eq!(client.json(Method::PATCH, &path, &json!({ "url": given })).await.ok()["url"], stored);
        let events = client.get(&format!("/v1/events?object={}", made["id"].as_str().unwrap())).await.ok();
        assert_eq!(events["data"].as_array().unwrap().len(), 1, "another spelling of it changes nothing");
        let row = "select url from calmony.endpoint where id = $1";
        let admin = system.database.admin().await;
        let id = made["id"].as_str().unwrap();
        let called: String = admin.query_one(row, &[&id]).await.unwrap().get(0);
        assert_eq!(called, stored);
    }
}

#[tokio::test]
async fn what_would_have_to_be_repaired_is_refused_and_nothing_of_it_is_stored() {
    let system = System::start().await;
    let client = &system.client;
    let (id, _) = client.endpoint("https://example.com/", &["*"]).await;
    for url in [
        " http://example.com/x ",
        "http://example.com/x ",
        "http:example.com:80/q",
        "http:/example.com/",
        "http:///example.com/",
        "http://a\\@b/",
        "http:\\\\example.com/",
        "http://example.com/x\r\nforged line",
        "http://example.com/\tx",
        "http://example.com/\u{7f}",
        "http://example.com/\u{85}",
        "http://example.com/%zz",
        "http://example.com/#part",
        "http://example.com/{id}",
        "http://@example.com/",
        "http://a,b/",
    ] {
        let params = json!({ "url": url, "enabled_events": ["*"] });
        let create = client.json(Method::POST, "/v1/webhook_endpoints", &params).await;
        assert_eq!(create.error(), (400, "invalid_request_error", "url_invalid", "url"), "{url:?}");
        let path = format!("/v1/webhook_endpoints/{id}");
        let update = client.json(Method::PATCH, &path, &json!({ "url": url })).await;
        assert_eq!(update.error(), (400, "invalid_request_error", "url_invalid", "url"), "{url:?}");
    }
    assert_eq!(system.database.number("select count(*) from calmony.event").await, 1);
}

/// Every other problem of a request is named before the name of its host is looked up.
#[tokio::test]
async fn where_a_url_leads_is_asked_last() {
    let system = System::start().await;
    let client = &system.client;
    let inside = "http://10.0.0.1/";
    let refused =
        client.post("/v1/webhook_endpoints", &format!("url={inside}&enabled_events[]=*&rate_limit=0")).await;
    assert_eq!(refused.error().3, "rate_limit");
    let missing = "/v1/webhook_endpoints/we_01J9ZW6QAPZK9N3FBJ0WB5K7TX";
    assert_eq!(client.post(missing, &format!("url={inside}")).await.status, 404);
    let (id, _) = client.endpoint("https://example.com/", &["*"]).await;
    let path = format!("/v1/webhook_endpoints/{id}");
    assert_eq!(client.post(&path, &format!("url={inside}&ordering=odd")).await.error().3, "ordering");
    assert_eq!(client.post(&path, &format!("url={inside}")).await.error().3, "url");
}

/// A name that is given several times is a list if the parameter is one.
#[tokio::test]
async fn a_list_of_a_form_has_three_spellings_of_one_request() {
    let system = System::start().await;
    let spelled = async |events: &str| {
        let form = format!("url=https://example.com/&{events}");
        let request = system.client.request(Method::POST, "/v1/webhook_endpoints");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        support::client::send(request.header("idempotency-key", "one").body(form)).await.ok()
    };
    let first = spelled("enabled_events=customer.created&enabled_events=customer.deleted").await;
    assert_eq!(first["enabled_events"], json!(["customer.created", "customer.deleted"]));
    for again in [
        "enabled_events[]=customer.created&enabled_events[]=customer.deleted",
        "enabled_events[0]=customer.created&enabled_events[1]=customer.deleted",
    ] {
        assert_eq!(spelled(again).await, first, "{again}");
    }
    let one = system.client.post("/v1/webhook_endpoints", "url=https://example.com&enabled_events=*").await;
    assert_eq!(one.ok()["enabled_events"], json!(["*"]));
    let text = json!({ "url": "https://example.com", "enabled_events": "*" });
    let refused = system.client.json(Method::POST, "/v1/webhook_endpoints", &text).await;
    assert_eq!(refused.error().3, "enabled_events", "JSON has lists of its own");
}
