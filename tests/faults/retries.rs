//! Clients that retry with their `Idempotency-Key` through `kill -9` of the API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use support::system::kill;
use support::{Client, System, eventually};

/// The number of times that the API is killed.
const KILLS: usize = 200;
const CLIENTS: usize = 8;

#[tokio::test]
async fn a_client_that_retries_through_kills_of_the_api_makes_one_customer_a_key() {
    let mut system = System::start().await;
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| tokio::spawn(load(system.client.clone(), n, stop.clone(), acknowledged.clone())))
        .collect();
    for _ in 0..KILLS {
        let before = acknowledged.load(Ordering::Relaxed);
        eventually("requests are answered", async || {
            (acknowledged.load(Ordering::Relaxed) > before + 2).then_some(())
        })
        .await;
        kill(system.api.pid());
        system.api.ended().await;
        system.api.restart().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let (mut made, mut tries) = (Vec::new(), 0);
    for client in clients {
        let (customers, requests) = client.await.unwrap();
        made.extend(customers);
        tries += requests;
    }
    assert!(tries > made.len() + KILLS / 2, "there were retries: {tries} requests for {}", made.len());
    let rows = system
        .database
        .admin()
        .await
        .query("select data ->> 'name', id::text from calmony.object where id like 'cus%'", &[])
        .await
        .unwrap();
    let mut stored: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    stored.sort();
    made.sort();
    assert_eq!(stored, made, "each name once, with the id that its client was told");
    let events = "select count(*) from calmony.event where type = 'customer.created'";
    assert_eq!(system.database.number(events).await, i64::try_from(made.len()).unwrap());
}

/// Creates customers of different names, each with a key, until it is told to stop. A request is sent again
/// until it is answered. Returns their names and ids, and the number of requests.
async fn load(
    client: Client,
    n: usize,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
) -> (Vec<(String, String)>, usize) {
    let (mut made, mut tries) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let name = format!("client{n} {}", made.len());
        let id = loop {
            tries += 1;
            let request = client.request(Method::POST, "/v1/customers").header("idempotency-key", &name);
            let Ok(response) = request.body(format!("name={name}")).send().await else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            let status = response.status().as_u16();
            // The answer may be cut off, too.
            let Ok(text) = response.text().await else { continue };
            match status {
                200 => {
                    let customer: serde_json::Value = serde_json::from_str(&text).unwrap();
                    break customer["id"].as_str().unwrap().to_owned();
                }
                409 | 503 => tokio::time::sleep(Duration::from_millis(5)).await,
                other => panic!("{other}: {text}"),
            }
        };
        acknowledged.fetch_add(1, Ordering::Relaxed);
        made.push((name, id));
    }
    (made, tries)
}
