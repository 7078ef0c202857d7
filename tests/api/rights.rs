//! Rights end at once, even for a client that has used its key for long.

use std::time::{Duration, Instant};

use calmony_pay::log::accounts::{create_key, list_keys, revoke_key};
use calmony_pay::secret::{ApiKey, KeyKind};
use reqwest::{Method, Response};
use support::database::own_database;
use support::{Database, PATIENCE, System, eventually};

async fn make_key(database: &Database, lifetime: Option<Duration>) -> ApiKey {
    create_key(&database.url.parse().unwrap(), "first", KeyKind::default(), lifetime).await.unwrap()
}

/// A stream that has begun.
async fn stream(system: &System, key: &ApiKey) -> Response {
    let client = system.client.with_key(key.reveal());
    let stream = client.request(Method::GET, "/v1/events/stream").timeout(PATIENCE).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    stream
}

/// Reads a stream until it ends.
async fn end(mut stream: Response) {
    while stream.chunk().await.unwrap().is_some() {}
}

/// Waits until the stream shows this.
async fn told(stream: &mut Response, what: &str) {
    let mut text = String::new();
    while !text.contains(what) {
        text.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn a_stream_ends_within_a_second_after_its_key_was_revoked_at_every_process() {
    let system = System::start().await;
    let beside = System::on(Database { url: system.database.url.clone() }).await;
    let url = system.database.url.parse().unwrap();
    let key = make_key(&system.database, None).await;
    // A stream that has nothing to send, and one of a process at which there are events all the time.
    let streams = [stream(&system, &key).await, stream(&beside, &key).await];
    let mut another = stream(&system, &make_key(&system.database, None).await).await;
    let keys = list_keys(&url, Some("first")).await.unwrap();
    let id = keys.iter().find(|listed| listed.hint == key.hint()).unwrap().id;
    let client = beside.client.clone();
    let busy = tokio::spawn(async move {
        loop {
            client.customer("more and more").await;
        }
    });
    assert!(revoke_key(&url, id).await.unwrap());
    let since = Instant::now();
    for stream in streams {
        end(stream).await;
    }
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    busy.abort();
    system.client.customer("the last").await;
    told(&mut another, "the last").await;
}

#[tokio::test]
async fn a_stream_ends_by_its_keys_date_although_the_database_is_away_and_the_others_go_on() {
    let (mut cluster, _folder, database) = own_database("rights").await;
    let system = System::on(database.clone()).await;
    let lifetime = Duration::from_secs(4);
    // The key is made at some time between these two.
    let before = Instant::now();
    let short = make_key(&database, Some(lifetime)).await;
    let after = Instant::now();
    let ending = stream(&system, &short).await;
    let mut going_on = stream(&system, &make_key(&database, None).await).await;
    let admin = database.admin().await;
    // An answer that PostgreSQL gives up when it stops would tell no date.
    eventually("it was answered how long the keys open", async || {
        let sql = "select count(*) from pg_stat_activity \
                   where state = 'idle' and query like '-- Those of these keys that still open%'";
        let row = admin.query_one(sql, &[]).await.unwrap();
        (row.get::<_, i64>(0) > 0).then_some(())
    })
    .await;
    // It is read meanwhile: PostgreSQL may take its time to stop.
    let ended = tokio::spawn(async move {
        end(ending).await;
        Instant::now()
    });
    cluster.stop().await.unwrap();
    let ended = ended.await.unwrap();
    assert!(ended - before >= lifetime, "{:?}", ended - before);
    assert!(ended - after < lifetime + Duration::from_secs(1), "{:?}", ended - after);
    cluster.start().await.unwrap();
    let name = "when it is back";
    eventually("the API writes again", async || {
        let answer = system.client.post("/v1/customers", &format!("name={name}")).await;
        (answer.status == 200).then_some(())
    })
    .await;
    told(&mut going_on, name).await;
}
