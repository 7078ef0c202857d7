//! Signing secrets: rolled with an overlap, sealed at rest, sealed anew under another key.

use calmony_pay::seal::generate_key;
use serde_json::json;
use standardwebhooks::Webhook;
use support::system::SECRET_KEY;
use support::{Delivery, Receiver, System};

fn verifies(delivery: &Delivery, secret: &str) -> bool {
    Webhook::new(secret).unwrap().verify(&delivery.body, &delivery.headers).is_ok()
}

async fn next(system: &System, receiver: &Receiver) -> Delivery {
    system.client.customer("Ada").await;
    receiver.next().await
}

#[tokio::test]
async fn a_rolled_secret_signs_beside_the_old_one_until_the_overlap_is_over() {
    let system = System::start().await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    let (endpoint, first) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}/roll_secret");
    let rolled = system.client.post(&path, "overlap=2").await.ok();
    let second = rolled["secret"].as_str().unwrap().to_owned();
    assert_eq!((rolled["id"].as_str(), &rolled["secret_version"]), (Some(endpoint.as_str()), &json!(2)));
    let both = next(&system, &receiver).await;
    assert!(verifies(&both, &first) && verifies(&both, &second), "both sign during the overlap");
    assert_eq!(both.header("stripe-signature").matches("v1=").count(), 2);
    let over = "select count(*) from calmony.endpoint_secret where previous_until <= now()";
    support::eventually("the overlap is over", async || {
        (system.database.number(over).await == 1).then_some(())
    })
    .await;
    let later = next(&system, &receiver).await;
    assert!(!verifies(&later, &first) && verifies(&later, &second));

    let third = system.client.post(&path, "overlap=0").await.ok()["secret"].as_str().unwrap().to_owned();
    let only = next(&system, &receiver).await;
    assert!(verifies(&only, &third) && !verifies(&only, &second), "no overlap: the old one is dead at once");
    let events = system.client.get("/v1/events?type=webhook_endpoint.secret_rolled").await;
    assert_eq!(events.json["data"].as_array().unwrap().len(), 2);
    for secret in [&first, &second, &third] {
        assert!(!events.text.contains(secret.as_str()), "secrets are shown on creation and on a roll only");
    }
}

#[tokio::test]
async fn an_overlap_is_a_week_at_most_and_a_day_by_itself() {
    let system = System::start().await;
    let (endpoint, _) = system.client.endpoint("https://example.com/", &["*"]).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}/roll_secret");
    for wrong in ["overlap=-1", "overlap=604801", "overlap=soon"] {
        let refused = system.client.post(&path, wrong).await;
        assert_eq!((refused.status, refused.error().3), (400, "overlap"), "{wrong}");
    }
    system.client.post(&path, "").await.ok();
    let a_day = "select count(*) from calmony.endpoint_secret \
                  where previous_until between now() + interval '86390 s' and now() + interval '86400 s'";
    assert_eq!(system.database.number(a_day).await, 1);
    system.client.post(&path, "overlap=604800").await.ok();
    let missing =
        system.client.post("/v1/webhook_endpoints/we_01J9ZW6QAPZK9N3FBJ0WB5K7TX/roll_secret", "").await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn secrets_are_sealed_at_rest_and_can_be_sealed_anew_while_everything_runs() {
    let system = System::start().await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let stored = format!("select count(*) from calmony.endpoint_secret s where s::text like '%{secret}%'");
    assert_eq!(system.database.number(&stored).await, 0, "the database doesn't know it");

    // A secret that an earlier version stored in plain text.
    let plain =
        format!("update calmony.endpoint_secret set secret = '{secret}', key_id = null, sealed = null");
    system.database.admin().await.batch_execute(&plain).await.unwrap();
    let new_key = generate_key();
    let both = format!("{new_key},{SECRET_KEY}");
    let _worker = system.worker_with(&[("CALMONY_SECRET_KEY", &both)]).await;
    assert!(verifies(&next(&system, &receiver).await, &secret), "plain secrets sign until they are sealed");

    let environment = [("CALMONY_DATABASE_URL", system.database.url.as_str()), ("CALMONY_SECRET_KEY", &both)];
    let said = crate::cli::run("calmony", &["secrets", "reseal"], &environment).await;
    assert!(said.code == Some(0) && said.stdout.starts_with("1 secrets"), "{said:?}");
    assert!(!said.stdout.contains(&secret) && !said.stdout.contains(&new_key));
    assert_eq!(system.database.number(&stored).await, 0);
    let again = crate::cli::run("calmony", &["secrets", "reseal"], &environment).await;
    assert!(again.stdout.starts_with("0 secrets"), "{again:?}");
    assert!(verifies(&next(&system, &receiver).await, &secret), "the same secret signs under the new key");

    let wrong = generate_key();
    let environment = [environment[0], ("CALMONY_SECRET_KEY", wrong.as_str())];
    let said = crate::cli::run("calmony", &["secrets", "reseal"], &environment).await;
    assert!(said.code == Some(1) && said.stderr.contains(&endpoint), "{said:?}");
}

#[tokio::test]
async fn nothing_is_sent_unsigned_when_a_worker_lacks_the_key() {
    let system = System::start().await;
    let receiver = Receiver::start().await;
    let (endpoint, secret) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let wrong = system.worker_with(&[("CALMONY_SECRET_KEY", &generate_key())]).await;
    system.client.customer("Ada").await;
    system.drained().await;
    assert_eq!(receiver.all().len(), 0);
    assert_eq!(system.database.number("select count(*) from calmony.attempt").await, 0, "it is no attempt");
    assert_eq!(system.database.number("select count(*) from calmony.delivery where state = 'owed'").await, 1);
    drop(wrong);
    let _right = system.worker().await;
    assert!(verifies(&receiver.next().await, &secret));
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    assert_eq!(system.client.get(&path).await.ok()["status"], "enabled");
}
