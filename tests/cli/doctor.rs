//! `calmony doctor` and `calmony rebuild`: defects are found, and the state is rebuilt from the log.

use serde_json::Value;
use support::database::past_triggers;
use support::{Receiver, System, eventually};

use super::{Said, run};

/// The output of a command, and the report that it prints as JSON.
async fn report_of(system: &System, arguments: &[&str]) -> (Said, Value) {
    let environment = [
        ("CALMONY_DATABASE_URL", system.database.url.as_str()),
        ("CALMONY_SECRET_KEY", support::system::SECRET_KEY),
    ];
    let said = run("calmony", arguments, &environment).await;
    let report = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    (said, report)
}

/// The level of a finding.
fn level(report: &Value, about: &str) -> String {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["about"] == about).unwrap();
    found["level"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_doctor_finds_a_missing_worker_and_who_holds_the_horizon_and_then_nothing() {
    let system = System::start().await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let (said, report) = report_of(&system, &["doctor", "--json"]).await;
    assert_eq!((said.code, level(&report, "workers")), (Some(1), "bad".to_owned()), "{report:#}");
    for about in ["schema", "sealing keys", "due deliveries", "clocks", "horizon", "triggers", "autovacuum"] {
        assert_eq!(level(&report, about), "ok", "{about}: {report:#}");
    }
    let holder = system.database.admin().await;
    for (off, on) in [
        ("disable trigger derive_from_event", "enable always trigger derive_from_event"),
        ("enable trigger event_is_append_only", "enable always trigger event_is_append_only"),
    ] {
        holder.batch_execute(&format!("alter table calmony.event {off}")).await.unwrap();
        let (_, report) = report_of(&system, &["doctor", "--json"]).await;
        assert_eq!(level(&report, "triggers"), "bad", "{report:#}");
        holder.batch_execute(&format!("alter table calmony.event {on}")).await.unwrap();
    }
    holder.execute("select pg_create_physical_replication_slot('nobody_reads_it', true)", &[]).await.unwrap();
    let (_, report) = report_of(&system, &["doctor", "--json"]).await;
    assert_eq!(level(&report, "horizon"), "warn", "{report:#}");
    let findings = report["findings"].as_array().unwrap();
    let said =
        findings.iter().find(|finding| finding["about"] == "horizon").unwrap()["said"].as_str().unwrap();
    // The statement in the message ends it.
    holder.batch_execute(said.split('`').nth(1).unwrap()).await.unwrap();
    let _worker = system.worker().await;
    eventually("a worker owns everything", async || {
        let (_, report) = report_of(&system, &["doctor", "--json"]).await;
        (level(&report, "workers") == "ok" && level(&report, "partitions") == "ok").then_some(())
    })
    .await;
    let database = ("CALMONY_DATABASE_URL", system.database.url.as_str());
    let table = run("calmony", &["doctor"], &[database]).await;
    assert!(
        table.stdout.trim_start().starts_with("STATE") && table.stdout.contains("64 of 64 buckets"),
        "{table:?}"
    );
    assert!(!table.stdout.contains("sealing keys"), "no key was given");
}

/// The number of problems that `calmony verify` finds.
async fn problems(system: &System) -> u64 {
    report_of(system, &["verify", "--json"]).await.1["problems"].as_u64().unwrap()
}

#[tokio::test]
async fn the_state_is_rebuilt_from_the_log_beside_those_who_change_it() {
    let system = System::start().await;
    let (client, receiver) = (&system.client, Receiver::start().await);
    let (endpoint, _) = client.endpoint(&receiver.url, &["customer.created"]).await;
    let (gone, _) = client.endpoint(&receiver.url, &["*"]).await;
    let mut customers = Vec::new();
    for n in 0..30 {
        let id = client.customer(&format!("c{n}")).await;
        client.post(&format!("/v1/customers/{id}"), "metadata[a]=1").await.ok();
        customers.push(id);
    }
    client.delete(&format!("/v1/customers/{}", customers[3])).await.ok();
    let replay = client.post(&format!("/v1/webhook_endpoints/{endpoint}/replay"), "").await.id();
    assert_eq!(problems(&system).await, 0);

    let admin = system.database.admin().await;
    let orphan = "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    past_triggers(
        &admin,
        &format!(
            "update calmony.object set data = '{{\"id\":\"wrong\"}}' where id = '{}'; \
             update calmony.object set version = 1 where id = '{}'; \
             update calmony.object set deleted = false where id = '{}'; \
             delete from calmony.object where id = '{}'; \
             update calmony.endpoint set url = 'http://elsewhere.example/' where id = '{endpoint}'; \
             delete from calmony.endpoint where id = '{gone}'; \
             insert into calmony.object (account, id, version, data, deleted, created_at, updated_at) \
             values (1, '{orphan}', 1, '{{}}', false, now(), now()); \
             update calmony.object set created_at = now() - interval '1 day' where id = '{}'; \
             update calmony.object set updated_at = now() - interval '1 day' where id = '{}'; \
             insert into calmony.endpoint (account, version, id, status, url, enabled_events) \
             values (1, 1, 'we_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'enabled', 'http://nobody.example/', '{{*}}'); \
             update calmony.replay set id = 'rpl_01ARZ3NDEKTSV4RRFFQ69G5FAV' where id = '{replay}'",
            customers[0], customers[1], customers[3], customers[2], customers[28], customers[29]
        ),
    )
    .await;
    assert!(problems(&system).await >= 12);

    let (_, would) = report_of(&system, &["rebuild", "--dry-run", "--json"]).await;
    assert!(problems(&system).await >= 12, "a dry run changes nothing");
    // Objects are changed meanwhile.
    let changes = async {
        for id in customers.iter().take(28).skip(4) {
            client.post(&format!("/v1/customers/{id}"), "metadata[b]=2").await.ok();
        }
    };
    let ((said, done), ()) = tokio::join!(report_of(&system, &["rebuild", "--json"]), changes);
    assert_eq!((said.code, &done), (Some(0), &would));
    assert_eq!(
        (done["mended"].as_u64(), done["made"].as_u64(), done["removed"].as_u64()),
        (Some(6), Some(3), Some(3)),
        "{done:#}"
    );
    assert_eq!(problems(&system).await, 0);
    assert_eq!(client.get(&format!("/v1/customers/{}", customers[2])).await.ok()["metadata"]["a"], "1");
    assert_eq!(client.get(&format!("/v1/customers/{orphan}")).await.status, 404);
    let again = report_of(&system, &["rebuild", "--json"]).await.1;
    assert_eq!((again["mended"].as_u64(), again["made"].as_u64()), (Some(0), Some(0)));
}
