//! Deployed files use only metrics that exist, and give each program no more than it needs. The checks by
//! the programs that read those files are in `scripts/check-deploy`.

use std::collections::BTreeSet;

use calmony_pay::config::check::VARIABLES;
use calmony_pay::database::DatabaseUrl;
use serde_json::Value;
use support::database::PASSWORD;
use support::system::SECRET_KEY;
use support::{Biller, Database, Receiver, Reply, System, eventually};

use super::metrics::documented;
use crate::cli::{Said, run};

/// The files that use metrics, and the manifests.
const FILES: &[(&str, &str)] = &[
    ("rules.yml", include_str!("../../deploy/prometheus/rules.yml")),
    ("rules_test.yml", include_str!("../../deploy/prometheus/rules_test.yml")),
    ("calmony.json", include_str!("../../deploy/grafana/calmony.json")),
    ("worker.yaml", include_str!("../../deploy/kubernetes/worker.yaml")),
];
/// The programs that export metrics.
const PROGRAMS: [&str; 3] = ["API", "worker", "biller"];
const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");

/// The names in a text that look like metrics of ours.
fn named(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(|c: char| !is_name(c)).filter(|word| word.starts_with("calmony_")).collect()
}

#[test]
fn every_query_asks_for_metrics_that_are_exported() {
    let known: BTreeSet<String> = PROGRAMS.into_iter().flat_map(documented).collect();
    for (file, text) in FILES {
        let names = named(text);
        assert!(!names.is_empty(), "{file}");
        for name in names {
            let base = ["_total", "_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let is_known = known.contains(name) || base.is_some_and(|base| known.contains(base));
            assert!(is_known, "{file} asks for {name}");
        }
    }
}

#[test]
fn the_dashboard_of_grafana_shows_every_metric() {
    let (_, dashboard) = FILES[2];
    let shown = named(dashboard);
    for name in PROGRAMS.into_iter().flat_map(documented) {
        assert!(shown.iter().any(|shown| shown.starts_with(name.as_str())), "{name}");
    }
}

#[test]
fn every_alert_has_a_runbook_and_a_test() {
    let (rules, tests) = (FILES[0].1, FILES[1].1);
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        assert!(OPERATIONS.contains(&format!("### {alert}\n")), "{alert} has no runbook");
        assert!(rules.contains(&format!("docs/OPERATIONS.md#{}\n", alert.to_lowercase())), "{alert}");
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} is never seen to fire");
        assert!(
            tests.contains(&format!("alertname: {alert}, exp_alerts: []")),
            "{alert} is never seen not to"
        );
    }
}

const API_UNIT: &str = include_str!("../../deploy/systemd/calmony-api.service");
const WORKER_UNIT: &str = include_str!("../../deploy/systemd/calmony-outbox-worker@.service");
const BILLER_UNIT: &str = include_str!("../../deploy/systemd/calmony-biller@.service");
const MIGRATE_UNIT: &str = include_str!("../../deploy/systemd/calmony-migrate.service");
const COMPOSE: &str = include_str!("../../deploy/compose.yaml");
const NETWORK: &str = include_str!("../../deploy/kubernetes/network.yaml");
/// The files of variables, each with the login of its program.
const VARIABLE_FILES: &[(&str, &str)] = &[
    ("", include_str!("../../deploy/etc/env")),
    ("calmony_serve", include_str!("../../deploy/etc/api.env")),
    ("calmony_deliver", include_str!("../../deploy/etc/worker.env")),
    ("calmony_bill", include_str!("../../deploy/etc/biller.env")),
    ("calmony_migrate", include_str!("../../deploy/etc/migrate.env")),
    ("calmony_inspect", include_str!("../../deploy/etc/inspect.env")),
];

/// The logins that the URLs of a text have.
fn logins(text: &str) -> BTreeSet<&str> {
    text.split("postgresql://").skip(1).filter_map(|rest| rest.split(':').next()).collect()
}

#[test]
fn each_program_is_given_its_own_login_and_its_own_variables() {
    for (login, text) in VARIABLE_FILES {
        let expected = [*login].into_iter().filter(|login| !login.is_empty());
        assert_eq!(logins(text), expected.collect::<BTreeSet<_>>(), "{text}");
        let variables = text.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
        for (name, _) in variables.filter(|(name, _)| name.starts_with("CALMONY_")) {
            assert!(VARIABLES.contains(&name), "nobody reads {name}");
        }
        assert!(!text.lines().any(|line| line.starts_with("CALMONY_DATABASE_URL")), "it has to be filled in");
    }
    for (unit, files) in [
        (API_UNIT, &["env", "api.env"][..]),
        (WORKER_UNIT, &["env", "worker.env"]),
        (BILLER_UNIT, &["biller.env"]),
        (MIGRATE_UNIT, &["migrate.env"]),
    ] {
        let read = unit.lines().filter_map(|line| line.strip_prefix("EnvironmentFile=/etc/calmony/"));
        assert_eq!(read.collect::<Vec<_>>(), files);
    }
    for (manifest, secrets) in [
        (include_str!("../../deploy/kubernetes/api.yaml"), &["calmony", "calmony-api"][..]),
        (include_str!("../../deploy/kubernetes/worker.yaml"), &["calmony", "calmony-worker"]),
        (include_str!("../../deploy/kubernetes/biller.yaml"), &["calmony-biller"]),
        (include_str!("../../deploy/kubernetes/migrate.yaml"), &["calmony-migrate"]),
    ] {
        let named = manifest.split("secretRef: { name: ").skip(1).filter_map(|rest| rest.split(' ').next());
        assert_eq!(named.collect::<Vec<_>>(), secrets);
    }
    let all = VARIABLE_FILES.iter().map(|(login, _)| *login).filter(|login| !login.is_empty());
    assert_eq!(logins(COMPOSE), all.collect::<BTreeSet<_>>());
    // An unset password is an error: there is no password that everybody knows.
    for line in COMPOSE.lines().filter(|line| line.contains("PASSWORD")) {
        assert!(line.contains("_PASSWORD:?"), "{line}");
    }
}

#[test]
fn what_is_deployed_reaches_what_it_needs_and_no_more() {
    for unit in [API_UNIT, WORKER_UNIT, BILLER_UNIT, MIGRATE_UNIT] {
        assert!(unit.contains("\nIPAddressDeny=link-local fe80::/10 multicast\n"), "{unit}");
    }
    let policy = |name: &str| {
        let mut policies = NETWORK.split("\n---\n");
        let found = policies.find(|policy| policy.contains(&format!("\n  name: {name}\n")));
        found.unwrap_or_else(|| panic!("there is no policy {name}")).to_owned()
    };
    let nobody = policy("default-deny");
    assert!(nobody.ends_with("  podSelector: {}\n  policyTypes: [Ingress, Egress]"), "{nobody}");
    let biller = policy("calmony-biller");
    let is_bounded = ["169.254.0.0/16", "port: 8083", "ports: [{ protocol: TCP, port: 443 }]"];
    assert!(is_bounded.iter().all(|part| biller.contains(part)), "{biller}");
    let worker = policy("calmony-worker");
    for reached in [
        "169.254.0.0/16",
        "\"fe80::/10\"",
        "10.0.0.0/8",
        "\"fc00::/7\"",
        "kubernetes.io/metadata.name: monitoring",
    ] {
        assert!(worker.contains(reached), "{reached}");
    }
    let api = policy("calmony-api");
    let (requests, metrics) = api.split_once("- from:").unwrap();
    assert!(requests.contains("port: 8080") && !requests.contains("8082"), "{api}");
    assert!(metrics.contains("metadata.name: monitoring") && metrics.contains("port: 8082"), "{api}");
    for of in ["database", "database-clients"] {
        let all = "values: [calmony-api, calmony-worker, calmony-biller, calmony-migrate]";
        assert!(policy(of).contains(all), "{of}");
    }
    for network in ["  database: { internal: true }", "  scrape: { internal: true }"] {
        assert!(COMPOSE.contains(network), "{network}");
    }
    for part in ["    maxconn 4000\n", "store conn_cur\n", "reject if { sc0_conn_cur gt 256 }\n"] {
        assert!(include_str!("../../deploy/haproxy/haproxy.cfg").contains(part), "{part}");
    }
}

/// The URL of that database with another login.
fn by(database: &Database, login: &str) -> String {
    database.url.replacen("calmony:", &format!("{login}:"), 1)
}

/// The output of a command for that URL.
async fn command(name: &str, arguments: &[&str], url: &str) -> Said {
    run(name, arguments, &[("CALMONY_DATABASE_URL", url), ("CALMONY_SECRET_KEY", SECRET_KEY)]).await
}

/// The doctor's finding about the programs' logins.
async fn found(url: &str) -> (String, String) {
    let said = command("calmony", &["doctor", "--json"], url).await;
    let report: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["about"] == "logins").unwrap();
    let text = |name: &str| finding[name].as_str().unwrap().to_owned();
    (text("level"), text("said"))
}

#[tokio::test]
async fn each_program_works_by_its_own_login_and_by_no_other() {
    let database = Database::empty().await;
    let admin = database.admin().await;
    admin.batch_execute(include_str!("../../schema/roles.sql")).await.unwrap();
    let url: DatabaseUrl = database.url.parse().unwrap();
    for _ in 0..2 {
        url.make_logins(PASSWORD).await.unwrap();
    }
    let all = ["migrate", "serve", "deliver", "bill", "process", "inspect"]
        .map(|program| by(&database, &format!("calmony_{program}")));
    let [migrate, serve, deliver, bill, process, inspect] = &all;
    // Commands of the owner are refused to all others.
    for arguments in [
        &["migrate"][..],
        &["keys", "create", "--account", "x"],
        &["keys", "list"],
        &["secrets", "reseal"],
        &["rebuild", "--dry-run"],
        &["biller", "adopt"],
    ] {
        for (login, code) in [(serve, 1), (deliver, 1), (bill, 1), (process, 1), (inspect, 1), (migrate, 0)] {
            let said = command("calmony", arguments, login).await;
            assert_eq!(said.code, Some(code), "{arguments:?} by {login}: {said:?}");
        }
    }
    for (login, codes) in [
        (migrate, [1, 1, 1, 1]),
        (serve, [0, 0, 1, 1]),
        (deliver, [1, 1, 0, 1]),
        (bill, [1, 1, 1, 0]),
        (process, [1, 1, 1, 1]),
        (inspect, [0, 1, 1, 1]),
    ] {
        let commands: [(&str, &[&str]); 4] = [
            ("calmony", &["verify"]),
            ("calmony", &["check-config"]),
            ("outbox-worker", &["--check-config"]),
            ("calmony", &["biller", "--check-config"]),
        ];
        for ((name, arguments), code) in commands.iter().zip(codes) {
            let said = command(name, arguments, login).await;
            assert_eq!(said.code, Some(code), "{arguments:?} by {login}: {said:?}");
            assert!(code == 1 || !said.stdout.contains("WARN"), "{said:?}");
        }
    }
    assert_eq!(found(inspect).await.0, "ok", "no program is connected");

    let system = System::with(database.clone(), &[("CALMONY_DATABASE_URL", serve)]).await;
    let _worker = system.worker_with(&[("CALMONY_DATABASE_URL", deliver)]).await;
    let _biller = Biller::with(&database, &[("CALMONY_DATABASE_URL", bill)]).await;
    let (receiver, gone) = (Receiver::start().await, Receiver::behaving(|_| Reply::Status(410)).await);
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    let (endpoint, _) = system.client.endpoint(&gone.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    receiver.next().await;
    eventually("the worker appends, too", async || {
        let shown = system.client.get(&format!("/v1/webhook_endpoints/{endpoint}")).await.ok();
        (shown["status"] == "disabled").then_some(())
    })
    .await;
    let (level, said) = found(inspect).await;
    assert_eq!(level, "ok", "{said}");
}

#[tokio::test]
async fn a_program_that_may_do_more_than_it_needs_is_found() {
    let system = System::start().await;
    let admin = system.database.admin().await;
    // Neither of them is a superuser, and each of them could become everything else.
    let groups = "in role calmony_api, calmony_reader, calmony_worker";
    let logins = format!(
        "create role excess_owner login password '{PASSWORD}' {groups}, calmony_owner; \
         create role excess_maker login createrole password '{PASSWORD}' {groups}"
    );
    admin.batch_execute(&logins).await.unwrap();
    for (login, excess) in [
        ("calmony", "a superuser"),
        ("excess_owner", "a member of calmony_owner"),
        ("excess_maker", "allowed to make roles"),
    ] {
        let url = by(&system.database, login);
        for (name, argument) in [("calmony", "check-config"), ("outbox-worker", "--check-config")] {
            let said = command(name, &[argument], &url).await;
            let doubted = said.stdout.lines().find(|line| line.contains(&format!("it is {excess}")));
            assert!(said.code == Some(0) && doubted.is_some_and(|line| line.contains("WARN")), "{said:?}");
        }
        let worker = system.worker_with(&[("CALMONY_DATABASE_URL", url.as_str())]).await;
        eventually("the doctor sees it", async || {
            let (level, said) = found(&system.database.url).await;
            (level == "warn" && said.contains(&format!("{login} is {excess}"))).then_some(())
        })
        .await;
        drop(worker);
    }
}
