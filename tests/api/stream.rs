//! The log as it grows: nothing is left out, and nothing comes twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use support::contract::wrong_event;
use support::system::kill;
use support::{Client, Database, PATIENCE, System};

/// A client of a stream.
struct Follower {
    client: Client,
    path: String,
    response: Option<reqwest::Response>,
    unread: String,
    last: Option<String>,
}

impl Follower {
    async fn start(client: &Client, path: &str) -> Self {
        let (client, path) = (client.clone(), path.to_owned());
        let mut follower = Self { client, path, response: None, unread: String::new(), last: None };
        follower.connect().await;
        follower
    }

    async fn connect(&mut self) {
        self.unread.clear();
        let mut request = self.client.request(Method::GET, &self.path).timeout(PATIENCE);
        if let Some(last) = &self.last {
            request = request.header("last-event-id", last);
        }
        if let Ok(response) = request.send().await {
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            self.response = Some(response);
        }
    }

    /// The next event. Connects anew if the stream has broken off.
    async fn next(&mut self) -> Value {
        let next = async {
            loop {
                let unread = std::mem::take(&mut self.unread);
                if let Some((message, rest)) = unread.split_once("\n\n") {
                    let field = |name: &str| {
                        message
                            .lines()
                            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                            .map(str::to_owned)
                    };
                    let (id, data, kind) = (field("id"), field("data"), field("event"));
                    rest.clone_into(&mut self.unread);
                    let (Some(id), Some(data)) = (id, data) else { continue };
                    let event: Value = serde_json::from_str(&data).unwrap();
                    assert_eq!((event["id"].as_str(), event["type"].as_str()), (Some(&*id), kind.as_deref()));
                    self.last = Some(id);
                    return event;
                }
                self.unread = unread;
                let chunk = match &mut self.response {
                    Some(response) => response.chunk().await.ok().flatten(),
                    None => None,
                };
                if let Some(chunk) = chunk {
                    self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
                } else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    self.connect().await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("an event comes")
    }
}

#[tokio::test]
async fn a_stream_tells_of_what_happens_and_goes_on_where_it_was() {
    let system = System::start().await;
    system.client.customer("before").await;
    let mut all = Follower::start(&system.client, "/v1/events/stream").await;
    let mut deleted = Follower::start(&system.client, "/v1/events/stream?type=customer.deleted").await;
    let id = system.client.customer("Ada").await;
    let mut of_one = Follower::start(&system.client, &format!("/v1/events/stream?object={id}")).await;
    let created = all.next().await;
    assert_eq!(
        (&created["type"], &created["data"]["object"]["name"]),
        (&"customer.created".into(), &"Ada".into())
    );
    assert_eq!(wrong_event(&created), None);
    system.client.customer("other").await;
    system.client.delete(&format!("/v1/customers/{id}")).await.ok();
    assert_eq!(deleted.next().await["data"]["object"]["id"], id.as_str());
    assert_eq!(of_one.next().await["type"], "customer.deleted");
    // From a cursor on, in the query for clients that can't set headers.
    let cursor = created["id"].as_str().unwrap();
    let mut from =
        Follower::start(&system.client, &format!("/v1/events/stream?last_event_id={cursor}")).await;
    assert_eq!(from.next().await["data"]["object"]["name"], "other");
    assert_eq!(from.next().await["type"], "customer.deleted");
    for wrong in ["nonsense", "evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX"] {
        let refused = system.client.get(&format!("/v1/events/stream?last_event_id={wrong}")).await;
        assert_eq!(refused.error(), (400, "invalid_request_error", "resource_missing", "last_event_id"));
    }
    let stranger = system.client.with_key(&system.other_key);
    let refused = stranger.get(&format!("/v1/events/stream?last_event_id={cursor}")).await;
    assert_eq!(refused.error().0, 400, "another account's event is nobody's");
}

/// Two processes write, transactions stay open for a while and some are rolled back, and the process that
/// is followed is killed.
#[tokio::test]
async fn a_stream_leaves_nothing_out_whatever_dies_and_whoever_commits_late() {
    let mut system = System::start().await;
    let beside = System::on(Database { url: system.database.url.clone() }).await;
    let first = system.client.customer("first").await;
    let mut follower = Follower::start(&system.client, "/v1/events/stream").await;
    let stop = Arc::new(AtomicBool::new(false));
    let (client, ended) = (beside.client.clone(), stop.clone());
    let writer = tokio::spawn(async move {
        for n in 0.. {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            client.post(&format!("/v1/customers/{first}"), &format!("name=n{n}")).await.ok();
            client.customer("c").await;
        }
    });
    let (slow, ended) = (system.database.login_in("calmony_api").await, stop.clone());
    let late = tokio::spawn(async move {
        let append = "begin; insert into calmony.event \
                          (account, id, stream, version, type, data, created_at) \
            select account, 'evt_01' || u, 'cus_01' || u, 1, 'customer.created', data, now() \
              from (select * from calmony.object where id like 'cus%' order by id limit 1) o, \
                   lateral (select upper(substr(md5(random()::text), 1, 24)) u) m; select pg_sleep(0.03)";
        for n in 0.. {
            slow.batch_execute(append).await.unwrap();
            slow.batch_execute(if n % 3 == 0 { "rollback" } else { "commit" }).await.unwrap();
            if ended.load(Ordering::Relaxed) {
                return;
            }
        }
    });
    let mut seen = Vec::new();
    for _ in 0..5 {
        for _ in 0..60 {
            seen.push(follower.next().await["id"].as_str().unwrap().to_owned());
        }
        kill(system.api.pid());
        system.api.ended().await;
        system.api.restart().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    late.await.unwrap();
    let log = "select id::text from calmony.event order by position offset 1";
    let rows = system.database.admin().await.query(log, &[]).await.unwrap();
    let log: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    while seen.len() < log.len() {
        seen.push(follower.next().await["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, log, "all of it, in order, each once");
}

/// The bytes of a portion are limited, for any number that is asked for.
#[tokio::test]
async fn a_stream_of_large_events_leaves_nothing_out() {
    let system = System::start().await;
    system.client.customer("first").await;
    let metadata: serde_json::Map<String, Value> =
        (0..50).map(|n| (format!("k{n}"), "x".repeat(500).into())).collect();
    for n in 0..60 {
        let metadata = if n % 5 == 0 { serde_json::Map::new() } else { metadata.clone() };
        let customer = serde_json::json!({ "name": format!("c{n}"), "metadata": metadata });
        let id = system.client.json(Method::POST, "/v1/customers", &customer).await.id();
        if n % 9 == 0 {
            system.client.delete(&format!("/v1/customers/{id}")).await.ok();
        }
    }
    let rows = "select id::text, type from calmony.event order by position";
    let rows = system.database.admin().await.query(rows, &[]).await.unwrap();
    let log: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let path = format!("/v1/events/stream?last_event_id={}", log[0].0);
    let mut followers = Vec::new();
    for (filter, kind) in [("", "customer."), ("&type=customer.created", "customer.created")] {
        let mut follower = Follower::start(&system.client, &format!("{path}{filter}")).await;
        let wanted = log.iter().skip(1).filter(|(_, of)| of.starts_with(kind));
        for (id, _) in wanted {
            assert_eq!(follower.next().await["id"], id.as_str());
        }
        followers.push(follower);
    }
    let later = system.client.customer("later").await;
    for mut follower in followers {
        assert_eq!(follower.next().await["data"]["object"]["id"], later.as_str());
    }
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_say_shows_that_it_lives() {
    let system = System::start().await;
    let mut stream =
        system.client.request(Method::GET, "/v1/events/stream").timeout(PATIENCE).send().await.unwrap();
    let began = std::time::Instant::now();
    for _ in 0..2 {
        let said = stream.chunk().await.unwrap().unwrap();
        assert!(said.starts_with(b":"), "{said:?}");
    }
    assert!((15..25).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
