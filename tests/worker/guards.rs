//! Attacks that a receiver may try on the worker.

use calmony_pay::cli::dev::cluster::free_port;
use support::{Receiver, Reply, System, eventually};

/// The error class and status of the only attempt.
async fn only_attempt(system: &System) -> (Option<String>, Option<i16>, Option<String>, bool) {
    let admin = system.database.admin().await;
    let row = eventually("an attempt", async || {
        admin.query_opt("select error, status, response, truncated from calmony.attempt", &[]).await.unwrap()
    });
    let row = row.await;
    (row.get(0), row.get(1), row.get(2), row.get(3))
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let options = [("CALMONY_ALLOW_NETWORKS", "10.99.0.0/16"), ("CALMONY_RETRY_SCHEDULE", "1h")];
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433"] {
        let system = System::start().await;
        let _worker = system.worker_with(&options).await;
        let receiver = Receiver::start().await;
        let port = receiver.url.rsplit(':').next().unwrap();
        system.client.endpoint(&format!("http://{host}:{port}"), &["customer.created"]).await;
        system.client.customer("Ada").await;
        assert_eq!(only_attempt(&system).await.0.as_deref(), Some("forbidden_address"), "{host}");
        assert_eq!(receiver.all().len(), 0);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "1h")]).await;
    let inside = Receiver::start().await;
    let target = inside.url.clone();
    let receiver = Receiver::behaving(move |_| Reply::Redirect(target.clone())).await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    assert_eq!(only_attempt(&system).await.1, Some(302));
    assert_eq!(inside.all().len(), 0);
    assert_eq!(system.database.number("select count(*) from calmony.delivery where state = 'owed'").await, 1);
}

#[tokio::test]
async fn an_endless_answer_is_cut_and_counts_by_its_status() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::behaving(|_| Reply::Endless).await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    let (error, status, response, truncated) = only_attempt(&system).await;
    assert_eq!((error, status, truncated), (None, Some(200), true));
    assert_eq!(response.unwrap().len(), 1024);
    system.drained().await;
}

#[tokio::test]
async fn nobody_listening_is_a_failed_attempt() {
    let system = System::start().await;
    let _worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "1h")]).await;
    let nobody = format!("http://127.0.0.1:{}/", free_port().unwrap());
    system.client.endpoint(&nobody, &["customer.created"]).await;
    system.client.customer("Ada").await;
    assert_eq!(only_attempt(&system).await.0.as_deref(), Some("connect"));
}
