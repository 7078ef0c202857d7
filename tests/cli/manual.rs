//! The manual that is made of the commands' own descriptions, and the check of a configuration as a whole.

use std::collections::BTreeSet;

use calmony_pay::config::check::VARIABLES;
use support::system::readiness_on;
use support::{Database, System};

use super::run;

#[tokio::test]
async fn completions_and_manual_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = run("calmony", &["completion", shell], &[]).await;
        assert!(said.code == Some(0) && said.stdout.contains("doctor"), "{shell}: {said:?}");
    }
    assert_eq!(run("calmony", &["completion", "cmd.exe"], &[]).await.code, Some(2));
    for arguments in [&["completion", "bash"][..], &["man"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let program = support::system::program("calmony");
        let status = std::process::Command::new(program).args(arguments).stdout(full).status().unwrap();
        assert_eq!(status.code(), Some(1), "a full disk is said");
    }
    let page = run("calmony", &["man"], &[]).await;
    assert!(page.stdout.contains(".TH calmony") && page.stdout.contains("check\\-config"), "{page:?}");
    let folder = support::database::Folder::new("man");
    let out = folder.0.join("pages");
    let said = run("calmony", &["man", "--out", &out.to_string_lossy()], &[]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    for page in ["calmony.1", "calmony-serve.1", "calmony-replay-start.1"] {
        assert!(out.join(page).is_file(), "{page}");
    }
}

#[tokio::test]
async fn an_api_is_not_ready_before_its_schema_is_there() {
    let database = Database::fresh().await;
    assert_eq!(readiness_on(&database).await, 200);
    let newest = "(select max(version)::bigint from calmony.migration)";
    let admin = database.admin().await;
    admin.batch_execute(&format!("delete from calmony.migration where version = {newest}")).await.unwrap();
    assert_eq!(readiness_on(&database).await, 503);
}

/// The variables that a help text names.
fn variables(help: &str) -> BTreeSet<String> {
    let named = help.split("[env: ").skip(1);
    named.filter_map(|rest| rest.split(['=', ']']).next()).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn every_variable_of_a_program_is_one_that_a_check_knows() {
    let mut all = variables(&run("outbox-worker", &["--help"], &[]).await.stdout);
    for command in [
        "serve",
        "biller",
        "dev",
        "migrate",
        "listen",
        "trigger",
        "lookup",
        "verify",
        "doctor",
        "rebuild",
        "check-config",
        "sandbox-processor",
    ] {
        all.extend(variables(&run("calmony", &[command, "--help"], &[]).await.stdout));
    }
    let known: BTreeSet<String> = VARIABLES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(all, known);
}

#[tokio::test]
async fn a_configuration_is_checked_as_a_whole_and_nothing_is_started() {
    let system = System::start().await;
    let good = [
        ("CALMONY_DATABASE_URL", system.database.url.as_str()),
        ("CALMONY_SECRET_KEY", support::system::SECRET_KEY),
    ];
    let newest = "select max(version)::bigint from calmony.migration";
    let newest = system.database.number(newest).await;
    for (name, arguments) in [("calmony", &["check-config"][..]), ("outbox-worker", &["--check-config"])] {
        let said = run(name, arguments, &good).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stdout.contains(&format!("version {newest}\n")), "{said:?}");
        let with = |more: (&'static str, &'static str)| [good[0], good[1], more];
        let said = run(name, arguments, &with(("CALMONY_SECRT_KEY", "x"))).await;
        assert!(said.code == Some(1) && said.stdout.contains("CALMONY_SECRT_KEY"), "{said:?}");
        let said = run(name, arguments, &with(("CALMONY_LOG_FORMAT", "xml"))).await;
        assert!(said.code == Some(2) && said.stderr.contains("CALMONY_LOG_FORMAT"), "{said:?}");
        let said = run(name, arguments, &good[..1]).await;
        assert!(said.code == Some(1) && said.stdout.contains("generate-key"), "{said:?}");

        let empty = Database::empty().await;
        let said = run(name, arguments, &[("CALMONY_DATABASE_URL", &empty.url), good[1]]).await;
        assert!(said.code == Some(1) && said.stdout.contains("calmony migrate"), "{said:?}");
        let nowhere = ("CALMONY_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/d");
        let said = run(name, arguments, &[nowhere, good[1]]).await;
        assert!(said.code == Some(1) && said.stdout.contains("BAD"), "{said:?}");
        assert!(!format!("{said:?}").contains("hunter2"));
    }
    let (_, secret) = system.client.endpoint("http://127.0.0.1:9999/", &["*"]).await;
    let other = "b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyb3Q=";
    let said = run("calmony", &["check-config"], &[good[0], ("CALMONY_SECRET_KEY", other)]).await;
    assert!(said.code == Some(1) && said.stdout.contains("isn't given"), "{said:?}");
    assert!(!said.stdout.contains(&secret) && !said.stdout.contains(other));
}

#[tokio::test]
async fn a_processor_is_named_with_its_secret_and_plain_text_is_warned_of() {
    let nowhere = [
        ("CALMONY_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d"),
        ("CALMONY_SECRET_KEY", support::system::SECRET_KEY),
    ];
    let check = async |more: &[(&str, &str)]| {
        let said = run("calmony", &["check-config"], &[&nowhere, more].concat()).await;
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
        said
    };
    let said = check(&[]).await;
    assert!(said.stdout.contains("none is named"), "{said:?}");
    let secret = ("CALMONY_PROCESSOR_SECRET", "hunter2");
    let live = ("CALMONY_LIVE_PROCESSOR_SECRET", "hunter2");
    let near = ("CALMONY_PROCESSOR_URL", "http://127.0.0.1:9090");
    let said = check(&[secret, live, near, ("CALMONY_LIVE_PROCESSOR_URL", "http://p.example/base")]).await;
    assert!(said.stdout.contains("CALMONY_PROCESSOR_URL leads to 127.0.0.1\n"), "{said:?}");
    let warned = said.stdout.lines().find(|line| line.trim_start().starts_with("WARN")).unwrap_or_default();
    assert!(warned.contains("CALMONY_LIVE_PROCESSOR_URL leads to p.example in plain text"), "{said:?}");
    let wrong = [
        vec![secret],
        vec![near],
        vec![near, live],
        vec![secret, ("CALMONY_PROCESSOR_URL", "https://u:hunter2@p.example")],
        vec![near, ("CALMONY_PROCESSOR_SECRET", "hunter2 and blanks")],
        vec![secret, near, ("CALMONY_PROCESSOR_TIMEOUT", "0s")],
    ];
    for variables in wrong {
        let said = check(&variables).await;
        assert_eq!(said.code, Some(2), "{variables:?}: {said:?}");
    }
}
