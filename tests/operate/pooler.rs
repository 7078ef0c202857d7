//! APIs that share few sessions of PostgreSQL, by PgBouncer in transaction mode.

use calmony_pay::database::Role;
use futures_util::future::join_all;
use reqwest::Method;
use support::pooler::{Pooler, SETTINGS};
use support::{Client, Database, Receiver, System};

use super::metrics::scrape;
use crate::api::dashboard::Browser;
use crate::cli::run;

/// Sessions of each role.
const SESSIONS: u16 = 2;

#[tokio::test]
async fn an_api_behind_pgbouncer_does_all_that_it_does_without() {
    let database = Database::fresh().await;
    let pooler = Pooler::start(&database, SESSIONS, |settings| settings).await;
    let environment = [("CALMONY_POOLER_URL", pooler.url.as_str())];
    let first = System::with(database.clone(), &environment).await;
    let second = System::with(database.clone(), &environment).await;
    let _worker = first.worker().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = first.client.endpoint(&receiver.url, &["*"]).await;
    // Both at once, and more of them than there are sessions.
    let clients = [&first.client, &first.client.at(&second.url)];
    join_all((0..24).map(|n| everything(clients[n % 2], n, &endpoint))).await;
    for _ in 0..24 * 2 {
        receiver.next().await;
    }
    dashboard_and_metrics(&first).await;
    let sessions = async |whose: &str| {
        let sql = "select count(*) from pg_stat_activity where datname = current_database() \
                   and application_name like 'calmony\\_%' and";
        database.number(&format!("{sql} {whose} and application_name <> 'calmony_worker'")).await
    };
    assert_eq!(sessions("usename = 'pooled'").await, i64::from(2 * SESSIONS), "of both roles");
    // The sessions of the appends, of the wake-ups and of the stream belong to each API; the worker
    // appends, too.
    let own = sessions("usename <> 'pooled'").await;
    assert!(own <= 2 * 4 + 3, "{own}");
    first.nothing_waits().await;
    let said = run("calmony", &["verify"], &[("CALMONY_DATABASE_URL", database.url.as_str())]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
}

/// Calls that use every shared connection of an API.
async fn everything(client: &Client, n: usize, endpoint: &str) {
    let form = format!("name=Ada {n}&email=ada{n}@example.com");
    let create = || async {
        let request =
            client.request(Method::POST, "/v1/customers").header("Idempotency-Key", format!("key-{n}"));
        support::client::send(request.body(form.clone())).await.ok()["id"].as_str().unwrap().to_owned()
    };
    let id = create().await;
    assert_eq!(create().await, id);
    // Twice: the second call changes nothing, and its answer is remembered in another way.
    for _ in 0..2 {
        let request = client.request(Method::POST, &format!("/v1/customers/{id}"));
        let request = request.header("Idempotency-Key", format!("update-{n}")).body("phone=+1");
        support::client::send(request).await.ok();
        client.post(&format!("/v1/customers/{id}"), "phone=%2B1").await.ok();
    }
    let events = client.get(&format!("/v1/events?object={id}")).await.ok();
    let event = events["data"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        format!("/v1/customers/{id}"),
        "/v1/customers?limit=3".to_owned(),
        format!("/v1/customers?email=ada{n}@example.com"),
        format!("/v1/customers/search?query=email:\"ada{n}@example.com\""),
        format!("/v1/events/{event}"),
        format!("/v1/events?ending_before={event}"),
        format!("/v1/webhook_endpoints/{endpoint}/deliveries"),
        format!("/v1/events/{event}/deliveries"),
        format!("/v1/webhook_endpoints/{endpoint}"),
        format!("/v1/customers?starting_after={id}"),
        format!("/v1/customers/{id}?as_of=4102444800"),
        format!("/v1/events?starting_after={event}&delivery_success=true"),
        format!("/v1/events/{event}/deliveries?expand[]=data.event&expand[]=data.webhook_endpoint"),
        format!("/v1/events?request={}", events["data"][0]["request"]["id"].as_str().unwrap()),
        format!("/v1/webhook_endpoints/{endpoint}/health"),
        "/v1/replays".to_owned(),
    ] {
        client.get(&path).await.ok();
    }
    // Twenty may run at once.
    if n >= 12 {
        return;
    }
    let replay = format!("/v1/webhook_endpoints/{endpoint}/replay");
    client.post(&replay, &format!("related_object={id}&dry_run=true")).await.ok();
    // None of its events is delivered: otherwise the worker might have been faster.
    let started = client.post(&replay, &format!("related_object={id}&types[]=customer.deleted")).await.id();
    client.get(&format!("/v1/replays/{started}")).await.ok();
}

/// The requests outside `/v1`, and the stream.
async fn dashboard_and_metrics(system: &System) {
    let browser = Browser::signed_in(system, system.client.key()).await;
    for page in
        ["", "/overview.json?seconds=60", "/find?id=cus_", "/events", "/endpoints", "/customers", "/replays"]
    {
        assert_eq!(browser.get(&format!("/dashboard{page}")).await.0, 200, "{page}");
    }
    assert!(scrape(&system.metrics_url).await.contains("calmony_outbox_events "));
    let stream = system.client.request(Method::GET, "/v1/events/stream").send().await.unwrap();
    assert_eq!(stream.status().as_u16(), 200);
}

#[tokio::test]
async fn a_pooler_whose_sessions_have_the_wrong_role_is_refused() {
    let database = Database::fresh().await;
    let pooler = Pooler::start(&database, SESSIONS, |settings| {
        settings.replace("set role to calmony_reader", "set role to calmony_api")
    })
    .await;
    let said = checked(&database, "CALMONY_POOLER_URL", &pooler.url).await;
    assert!(said.contains("its sessions work as calmony_api"), "{said}");
}

/// The result of `calmony check-config` for a pooler, or a replica, of that database.
async fn checked(database: &Database, variable: &'static str, url: &str) -> String {
    let environment = [
        ("CALMONY_DATABASE_URL", database.url.as_str()),
        (variable, url),
        ("CALMONY_SECRET_KEY", support::system::SECRET_KEY),
    ];
    let said = run("calmony", &["check-config"], &environment).await;
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    said.stdout
}

#[tokio::test]
async fn a_pooler_or_a_replica_of_another_database_is_refused() {
    let (ours, others) = (Database::fresh().await, Database::fresh().await);
    let pooler = Pooler::start(&others, SESSIONS, |settings| settings).await;
    for (variable, url) in [("CALMONY_POOLER_URL", &pooler.url), ("CALMONY_REPLICA_URL", &others.url)] {
        let said = checked(&ours, variable, url).await;
        assert!(said.contains("it leads to another database"), "{said}");
    }
    let elsewhere =
        support::system::readiness_with(&ours, &[("CALMONY_POOLER_URL", pooler.url.as_str())]).await;
    assert_eq!(elsewhere, 503);
}

#[tokio::test]
async fn a_pooler_without_transactions_is_refused() {
    let database = Database::fresh().await;
    let rewrite = |settings: String| settings.replace("pool_mode = transaction", "pool_mode = statement");
    let pooler = Pooler::start(&database, SESSIONS, rewrite).await;
    let said = checked(&database, "CALMONY_POOLER_URL", &pooler.url).await;
    assert!(said.contains("transaction blocks not allowed"), "{said}");
}

#[test]
fn pgbouncer_sets_its_sessions_as_an_api_would() {
    for role in [Role::Api, Role::Reader] {
        let settings = role.settings().into_iter().map(|(name, value)| format!("set {name} to {value}"));
        let query = format!("connect_query='{}'", settings.collect::<Vec<_>>().join("; "));
        let line = SETTINGS.lines().find(|line| line.starts_with(&format!("{} = ", role.name()))).unwrap();
        assert!(line.ends_with(&query), "{line}\n{query}");
    }
}
