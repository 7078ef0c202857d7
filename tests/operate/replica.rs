//! APIs that list from a standby.

use support::database::{own_database, standby_of};
use support::proxy::Proxy;
use support::{Client, Database, Receiver, System, eventually};

#[tokio::test]
async fn a_host_that_says_nothing_is_passed_over() {
    let database = Database::fresh().await;
    // The kernel accepts connections, and no program answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let either = database.url.replace('@', &format!("@{},", silent.local_addr().unwrap()));
    let environment = [("CALMONY_DATABASE_URL", either.as_str())];
    let system = System::with(database, &environment).await;
    let _worker = system.worker_with(&environment).await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["*"]).await;
    system.client.customer("Ada").await;
    receiver.next().await;
}

#[tokio::test]
async fn lists_come_from_the_replica_and_all_else_from_the_primary() {
    let (mut primary, _folder, database) = own_database("listed").await;
    let (mut standby, _standby_folder) = standby_of(&mut primary).await;
    let behind = Database { url: standby.url_text("calmony") };
    let proxy = Proxy::start(standby.port()).await;
    let replica = proxy.url(&behind.url);
    let system = System::with(database.clone(), &[("CALMONY_REPLICA_URL", replica.as_str())]).await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let client = &system.client;
    let listed = async |path: &str| {
        let answer = client.get(path).await.ok();
        answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let first = client.customer("Ada").await;
    receiver.next().await;
    let deliveries = format!("/v1/webhook_endpoints/{endpoint}/deliveries");
    let delivered = async || client.get(&deliveries).await.ok()["data"].as_array().unwrap().len();
    eventually("the standby has it", async || {
        (listed("/v1/customers").await == [first.as_str()] && delivered().await == 1).then_some(())
    })
    .await;

    behind.admin().await.batch_execute("select pg_wal_replay_pause()").await.unwrap();
    let second = client.customer("Grace").await;
    receiver.next().await;
    let created = "/v1/events?type=customer.created";
    assert_eq!(listed("/v1/customers").await, [first.as_str()], "a list may be behind");
    assert_eq!(listed(created).await.len(), 1);
    assert_eq!(delivered().await, 1);
    // Reads by id, pages that go forwards, and searches may not be behind.
    client.get(&format!("/v1/customers/{second}")).await.ok();
    let last = listed(created).await[0].clone();
    assert_eq!(listed(&format!("{created}&ending_before={last}")).await.len(), 1);
    assert_eq!(listed("/v1/customers/search?query=name:\"Grace\"").await, [second.as_str()]);
    // A page after an event that the standby doesn't have yet leaves nothing out.
    let third = client.customer("Joan").await;
    let newer = listed(&format!("{created}&ending_before={last}")).await;
    assert_eq!(newer.len(), 2);
    assert_eq!(
        listed(&format!("{created}&starting_after={}", newer[0])).await,
        [newer[1].as_str(), last.as_str()]
    );
    assert_eq!(
        listed(&format!("/v1/customers?starting_after={third}")).await,
        [second.as_str(), first.as_str()]
    );
    assert_eq!(listed(&format!("/v1/events?object={third}")).await.len(), 1, "an object has its history");
    let after = listed(&format!("/v1/customers?starting_after={first}")).await;
    assert!(after.is_empty(), "{after:?}");

    proxy.silence();
    lists_come_from_the_primary_then(client).await;
    standby.stop().await.unwrap();
}

/// Checks that a standby that falls silent costs the first reads some seconds, and costs changes nothing.
async fn lists_come_from_the_primary_then(client: &Client) {
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.get("/v1/customers").await.status }
    });
    client.customer("Emmy").await;
    eventually("lists come from the primary", async || {
        let answer = client.get("/v1/customers").await;
        (answer.status == 200 && answer.ok()["data"].as_array().unwrap().len() == 4).then_some(())
    })
    .await;
    // It was told to try again, or came when the standby was known to be silent already.
    let status = waiting.await.unwrap();
    assert!([200, 503].contains(&status), "{status}");
}
