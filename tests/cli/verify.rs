//! `calmony verify` is silent about a healthy system, and finds every damage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use support::{Receiver, Reply, System, eventually};

use super::{Said, run};

async fn verify(system: &System) -> (Said, Value) {
    let environment = [("CALMONY_DATABASE_URL", system.database.url.as_str())];
    let said = run("calmony", &["verify", "--json"], &environment).await;
    let report = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}", said.stderr));
    (said, report)
}

/// A system with deliveries in every state.
async fn eventful() -> System {
    let system = System::start().await;
    let worker = system.worker_with(&[("CALMONY_RETRY_SCHEDULE", "100ms")]).await;
    let works = Arc::new(AtomicBool::new(true));
    let switch = works.clone();
    let receiver = Receiver::behaving(move |delivery| {
        let bad = delivery.event["data"]["object"]["name"] == "bad" || !switch.load(Ordering::Relaxed);
        Reply::Status(if bad { 500 } else { 200 })
    })
    .await;
    let (first, _) = system.client.endpoint(&receiver.url, &["*"]).await;
    let (second, _) = system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let (gone, _) = system.client.endpoint(&receiver.url, &["*"]).await;
    for n in 0..20 {
        let id = system.client.customer(&format!("c{n}")).await;
        system.client.post(&format!("/v1/customers/{id}"), "metadata[a]=1").await.ok();
    }
    let last = system.client.customer("bad").await;
    let given_up = "select count(*) from calmony.delivery where state = 'exhausted'";
    eventually("it is given up", async || (system.database.number(given_up).await == 3).then_some(())).await;
    system.client.delete(&format!("/v1/customers/{last}")).await.ok();
    system.client.delete(&format!("/v1/webhook_endpoints/{gone}")).await.ok();
    system.client.post(&format!("/v1/webhook_endpoints/{second}"), "paused=true").await.ok();
    system.client.customer("while it is paused").await;
    system.client.post(&format!("/v1/webhook_endpoints/{first}"), "disabled=true").await.ok();
    system.client.customer("while it is disabled").await;
    system.client.post(&format!("/v1/webhook_endpoints/{first}"), "disabled=false").await.ok();
    system.drained().await;
    drop(worker);
    system.client.customer("not fanned out").await;
    system
}

#[tokio::test]
async fn a_healthy_system_has_lost_nothing() {
    let system = eventful().await;
    let (said, report) = verify(&system).await;
    assert_eq!((said.code, &report["problems"]), (Some(0), &json!(0)), "{report:#}");
    let deliveries = &report["deliveries"];
    for (state, at_least) in [("delivered", 60), ("exhausted", 2), ("parked", 2), ("pending", 2)] {
        assert!(deliveries[state].as_u64().unwrap() >= at_least, "{state}: {report:#}");
    }
    let environment = [("CALMONY_DATABASE_URL", system.database.url.as_str())];
    let told = run("calmony", &["verify"], &environment).await;
    assert!(told.code == Some(0) && told.stdout.contains("nothing lost"), "{told:?}");
}

/// Damage that a superuser does to a system, and the finding.
const DAMAGE: &[(&str, &str, &str)] = &[
    (
        "update calmony.object set data = '{}' where id = (select min(id) from calmony.object)",
        "state",
        "doesn't stand",
    ),
    ("delete from calmony.object where id = (select min(id) from calmony.object)", "state", "doesn't stand"),
    (
        "update calmony.object set created_at = now() where id = (select min(id) from calmony.object)",
        "state",
        "doesn't stand",
    ),
    (
        "update calmony.object set updated_at = now() where id = (select min(id) from calmony.object)",
        "state",
        "doesn't stand",
    ),
    (
        "insert into calmony.object (account, id, version, data, deleted, created_at, updated_at) \
          values (1, 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, '{}', false, now(), now())",
        "state",
        "without an event",
    ),
    (
        "delete from calmony.event where version = 1 \
         and stream = (select min(stream) from calmony.event where version = 2)",
        "state",
        "lacks version 1",
    ),
    (
        "update calmony.event set previous = '{\"name\": 5}' where version = 2",
        "state",
        "doesn't say what it changed",
    ),
    ("update calmony.endpoint set url = 'http://elsewhere'", "state", "is not as the log says"),
    ("update calmony.delivery set bucket = (bucket + 1) % 64 where state = 'parked'", "state", "in bucket"),
    (
        "insert into calmony.outbox (account, position, bucket) values (1, 99999, 1)",
        "state",
        "outbox row 99999",
    ),
    ("delete from calmony.delivery where state = 'exhausted'", "lost", "evt_"),
    ("delete from calmony.delivery where state = 'parked'", "lost", "evt_"),
    ("delete from calmony.outbox", "lost", "evt_"),
    (
        "delete from calmony.attempt \
          where position = (select min(position) from calmony.attempt where error is null)",
        "lost",
        "evt_",
    ),
];

#[tokio::test]
async fn whatever_is_taken_away_is_found() {
    let system = eventful().await;
    let admin = system.database.admin().await;
    // The endpoints have been there for a while.
    let prepare = "alter table calmony.event disable trigger user; \
                   alter table calmony.delivery disable trigger user; \
                   alter table calmony.outbox disable trigger user; \
                   update calmony.event set created_at = created_at - interval '1 minute' \
                    where stream like 'we%'; \
                   update calmony.object set created_at = created_at - interval '1 minute', \
                          updated_at = updated_at - interval '1 minute' \
                    where id like 'we%'";
    admin.batch_execute(prepare).await.unwrap();
    assert_eq!(verify(&system).await.1["problems"], 0);
    for (damage, kind, finding) in DAMAGE {
        let backup = "create table public.b_event as select * from calmony.event; \
            create table public.b_object as \
              select account, version, created_at, updated_at, deleted, id, data from calmony.object; \
            create table public.b_outbox as select * from calmony.outbox; \
            create table public.b_delivery as select * from calmony.delivery; \
            create table public.b_attempt as select * from calmony.attempt; \
            create table public.b_endpoint as select * from calmony.endpoint";
        admin.batch_execute(backup).await.unwrap();
        assert!(admin.execute(*damage, &[]).await.unwrap() > 0, "{damage}");
        let (said, report) = verify(&system).await;
        assert_eq!(said.code, Some(1), "{damage}");
        let findings = report[kind].as_array().unwrap();
        let found = findings.iter().any(|what| what.as_str().unwrap().contains(finding));
        assert!(found, "{damage}: {report:#}");
        let restore = "delete from calmony.event; delete from calmony.object; \
            delete from calmony.outbox; delete from calmony.delivery; \
            delete from calmony.attempt; delete from calmony.endpoint; \
            insert into calmony.event overriding system value select * from public.b_event; \
            insert into calmony.object (account, version, created_at, updated_at, deleted, id, data) \
              select * from public.b_object; \
            insert into calmony.outbox select * from public.b_outbox; \
            insert into calmony.delivery select * from public.b_delivery; \
            insert into calmony.attempt select * from public.b_attempt; \
            insert into calmony.endpoint select * from public.b_endpoint; \
            drop table public.b_event, public.b_object, public.b_outbox, public.b_delivery, \
                       public.b_attempt, public.b_endpoint";
        admin.batch_execute(restore).await.unwrap();
    }
    assert_eq!(verify(&system).await.1["problems"], 0, "all is as it was");
}
