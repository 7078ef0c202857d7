//! A database that has no connection free.

use support::database::own_database_with;
use support::{Receiver, System, eventually};

const CONNECTIONS: usize = 30;

#[tokio::test]
async fn a_database_without_a_free_connection_is_waited_for() {
    let (mut cluster, _folder, database) = own_database_with(
        "exhausted",
        &["fsync=off", &format!("max_connections={CONNECTIONS}"), "superuser_reserved_connections=0"],
    )
    .await;
    let system = System::on(database).await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let worker = system.worker().await;
    system.client.customer("before").await;
    receiver.next().await;
    system.drained().await;

    let admin = system.database.admin().await;
    let ours =
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'calmony%'";
    let mut taken = Vec::new();
    // All but the one of `admin`. A session that is ended gives its place back later, and the product may
    // take the place before us.
    eventually("all connections are taken", async || {
        admin.batch_execute(ours).await.unwrap();
        while let Ok((client, connection)) =
            tokio_postgres::connect(&system.database.url, tokio_postgres::NoTls).await
        {
            tokio::spawn(connection);
            taken.push(client);
        }
        (taken.len() == CONNECTIONS - 1).then_some(())
    })
    .await;
    let answer = system.client.post("/v1/customers", "name=while").await;
    assert_eq!(answer.error().0, 503, "{}", answer.text);
    let ready = async |status: u16| {
        eventually("readiness", async || {
            let answer = support::client::http().get(format!("{}/readyz", worker.url)).send().await.unwrap();
            (answer.status().as_u16() == status).then_some(())
        })
        .await;
    };
    ready(503).await;
    drop(taken);
    ready(200).await;
    system.client.customer("after").await;
    assert_eq!(receiver.next().await.event["data"]["object"]["name"], "after");
    drop(worker);
    cluster.stop().await.unwrap();
}
