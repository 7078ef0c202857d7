//! Answers to one account show nothing of the activity of others.

use calmony_pay::http::routes;
use reqwest::Method;
use serde_json::{Value, json};
use support::System;

use super::routes::{attached_to, object, scenario};
use crate::api::dashboard::Browser;

/// Positions count the events of all accounts: two of them would tell the number of events between them.
#[tokio::test]
async fn no_answer_tells_a_place_in_the_log() {
    let (system, _sandbox) = System::paying().await;
    let client = &system.client;
    let customer = client.customer("Ada").await;
    let admin = system.database.admin().await;
    let far = "alter table calmony.event alter column position restart with 98765400000";
    admin.batch_execute(far).await.unwrap();
    let tells = |text: &str| text.contains("987654") || text.contains("9.87654");
    for route in routes().iter().filter(|route| route.method != Method::GET) {
        let (path, body) = scenario(route, client).await;
        let answer = client.json(route.method.clone(), &path, &body).await;
        assert!(!tells(&answer.text), "{} {path}: {}", route.method, answer.text);
    }
    let (endpoint, _) = client.endpoint("https://example.com/", &["*"]).await;
    let replay = client.post(&format!("/v1/webhook_endpoints/{endpoint}/replay"), "").await.id();
    // It has gone through everything but its own end.
    let gone_through = "insert into calmony.replay_progress (account, replay, bucket, position, owed) \
                        select r.account, r.id, b, \
                               (select max(position) from calmony.event \
                                 where position < r.until_position), 1 \
                          from calmony.replay r, generate_series(0, 63) b where r.id = $1::text";
    admin.execute(gone_through, &[&replay]).await.unwrap();
    let event = client.get("/v1/events?limit=1").await.ok()["data"][0]["id"].as_str().unwrap().to_owned();
    let method = attached_to(client, &customer).await;
    for route in routes().iter().filter(|route| route.method == Method::GET) {
        let id = match route.path.split('/').nth(2).unwrap() {
            "customers" => customer.clone(),
            "webhook_endpoints" => endpoint.clone(),
            "replays" => replay.clone(),
            "events" => event.clone(),
            other => object(other, client).await,
        };
        let path = route.path.replace("{id}", &id).replace("/search", "/search?query=created>0");
        let path = path.replace("{payment_method}", &method);
        if !path.ends_with("/stream") {
            let answer = client.get(&path).await;
            assert!(answer.status == 200 && !tells(&answer.text), "{path}: {}", answer.text);
        }
    }
    let browser = Browser::signed_in(&system, client.key()).await;
    for path in ["", "/overview.json", "/events", "/endpoints", "/customers", "/replays", "/find?id=evt_"] {
        let (status, text) = browser.get(&format!("/dashboard{path}")).await;
        assert!(status == 200 && !tells(&text), "{path}: {text}");
    }
    // The progress of a replay, too, is measured by the account's own events.
    let fraction = client.get(&format!("/v1/replays/{replay}")).await.ok()["progress"]["fraction"].as_f64();
    let own = "select extract(epoch from last - first)::float8 \
                      / extract(epoch from started_at - first)::float8 \
                 from (select r.started_at, min(e.created_at) as first, max(e.created_at) as last \
                         from calmony.replay r join calmony.event e on e.position < r.until_position \
                        where r.id = $1::text group by r.started_at) t";
    let own: f64 = admin.query_one(own, &[&replay]).await.unwrap().get(0);
    assert!((fraction.unwrap() - own.clamp(0.0, 1.0)).abs() < 1e-6, "{fraction:?} {own}");
}

/// Events of others between two of one's own show in no figure.
#[tokio::test]
async fn an_accounts_figures_are_the_same_whatever_others_do() {
    let system = System::start().await;
    system.client.customer("own").await;
    let browser = Browser::signed_in(&system, system.client.key()).await;
    let figures = async |after: &str| {
        let (status, text) = browser.get(&format!("/dashboard/overview.json?after={after}")).await;
        assert_eq!(status, 200, "{text}");
        let mut figures: Value = serde_json::from_str(&text).unwrap();
        for clock in ["now", "oldest_due"] {
            assert!(figures.as_object_mut().unwrap().remove(clock).is_some());
        }
        figures
    };
    let before = figures("").await;
    let other = system.client.with_key(&system.other_key);
    for n in 0..20 {
        other.customer(&format!("c{n}")).await;
    }
    assert_eq!(figures("").await, before);
    let own = before["after"].as_str().unwrap();
    let next = figures(own).await;
    assert_eq!((&next["after"], &next["events"]), (&before["after"], &json!([])));
    system.client.customer("another").await;
    let last = figures(own).await;
    assert_eq!(last["events"][0][1], 1);
    assert_ne!(last["after"], before["after"]);
    // An id of another account's event is treated as unknown.
    let others = other.get("/v1/events?limit=1").await.ok()["data"][0]["id"].as_str().unwrap().to_owned();
    let all = figures(&others).await;
    let counted = all["events"].as_array().unwrap().iter().map(|slice| slice[1].as_i64().unwrap());
    assert_eq!(counted.sum::<i64>(), 2);
}

/// The time over which attempts are looked at depends on the number that all accounts make. It changes only
/// in a few steps.
#[tokio::test]
async fn how_far_back_attempts_are_shown_tells_little_of_how_many_others_make() {
    let system = System::start().await;
    let browser = Browser::signed_in(&system, system.client.key()).await;
    let admin = system.database.admin().await;
    // Ten a second of one account, a hundred times as many of another. None before today (UTC).
    let attempts = async |seconds: f64| {
        let sql = "insert into calmony.attempt \
                          (account, position, endpoint, number, started_at, duration_us) \
                   select case when n % 100 = 0 then 1 else 2 end, n, 'we', 1, \
                          began + n * interval '1 millisecond', 1000 \
                     from generate_series(1, ($1::float8 * 1000)::integer) n, \
                          greatest(now() - $1 * interval '1 second', \
                                   date_trunc('day', now(), 'UTC')) as began";
        admin.execute(sql, &[&seconds]).await.unwrap();
    };
    let shown = async || {
        let (status, text) = browser.get("/dashboard/overview.json?seconds=600").await;
        assert_eq!(status, 200, "{text}");
        let figures: Value = serde_json::from_str(&text).unwrap();
        figures["attempts"].as_array().unwrap().len()
    };
    attempts(45.0).await;
    assert!((9..=11).contains(&shown().await), "all of it was looked at");
    for seconds in [110.0, 200.0] {
        admin.batch_execute("truncate calmony.attempt").await.unwrap();
        attempts(seconds).await;
        let slices = shown().await;
        assert!((4..=6).contains(&slices), "half a minute, however much was looked at: {slices}");
    }
}
