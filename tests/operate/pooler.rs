//! APIs that share few sessions of PostgreSQL, by PgBouncer in transaction mode.

use calmony_pay::database::Role;
use futures_util::future::join_all;
use reqwest::Method;
use support::pooler::{Pooler, SETTINGS};
use support::{Client, Database, Receiver, System};

use crate::cli::run;

/// Sessions that each role has.
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
    let sessions =
        "select count(*) from pg_stat_activity where datname = current_database() and application_name = ";
    assert_eq!(database.number(&format!("{sessions}'calmony_reader'")).await, i64::from(SESSIONS));
    // Those of the appends and of the wake-ups are each API's own.
    let of_api = database.number(&format!("{sessions}'calmony_api'")).await;
    assert!(of_api <= i64::from(SESSIONS) + 2 * 3, "{of_api}");
    first.nothing_waits().await;
    let said = run("calmony", &["verify"], &[("CALMONY_DATABASE_URL", database.url.as_str())]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
}

/// What an API is asked: whatever uses a connection that is shared.
async fn everything(client: &Client, n: usize, endpoint: &str) {
    let form = format!("name=Ada {n}&email=ada{n}@example.com");
    let create = || async {
        let request =
            client.request(Method::POST, "/v1/customers").header("Idempotency-Key", format!("key-{n}"));
        support::client::send(request.body(form.clone())).await.ok()["id"].as_str().unwrap().to_owned()
    };
    let id = create().await;
    assert_eq!(create().await, id);
    // Twice: the second time changes nothing, and its answer is remembered in another way.
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
        format!("/v1/webhook_endpoints/{endpoint}/health"),
        "/v1/replays".to_owned(),
    ] {
        client.get(&path).await.ok();
    }
}

#[tokio::test]
async fn a_pooler_whose_sessions_have_the_wrong_role_is_refused() {
    let database = Database::fresh().await;
    let pooler = Pooler::start(&database, SESSIONS, |settings| {
        settings.replace("set role to calmony_reader", "set role to calmony_api")
    })
    .await;
    let environment = [
        ("CALMONY_DATABASE_URL", database.url.as_str()),
        ("CALMONY_POOLER_URL", pooler.url.as_str()),
        ("CALMONY_SECRET_KEY", support::system::SECRET_KEY),
    ];
    let said = run("calmony", &["check-config"], &environment).await;
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    assert!(said.stdout.contains("the pooler's sessions work as calmony_api"), "{}", said.stdout);
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
