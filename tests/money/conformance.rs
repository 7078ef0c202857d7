//! The rules of a processor: one that keeps them passes, and a planted fault of each kind is found.

use std::time::Duration;

use calmony_pay::processor::Processor;
use calmony_pay::processor::check::{Finding, RULES, Sources, State, run as try_rules};
use futures_util::future::join_all;
use serde_json::Value;
use support::{Database, Sandbox};

use super::memory::{Kind, Memory, SECRET, SOUND};
use crate::cli::run;

async fn findings(kind: Kind, sources: Sources) -> Vec<Finding> {
    let memory = Memory::start(kind).await;
    let deadline = Duration::from_secs(10);
    let processor = Processor::new(&memory.url.parse().unwrap(), &SECRET.into(), deadline).unwrap();
    try_rules(&processor, sources, |_| ()).await
}

#[tokio::test]
async fn a_processor_that_keeps_every_rule_passes() {
    for finding in findings(SOUND, Sources::default()).await {
        assert_eq!(finding.state, State::Ok, "{finding:?}");
    }
}

#[test]
fn the_page_for_adapters_has_every_rule() {
    let page = include_str!("../../docs/PROCESSORS.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| rule |")).skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    let rules: Vec<String> =
        RULES.iter().map(|rule| format!("| `{}` | {} |", rule.name, rule.about)).collect();
    assert_eq!(rows, rules);
}

#[tokio::test]
async fn every_planted_fault_breaks_its_rule() {
    let planted = RULES.iter().map(async |rule| {
        let found = findings(Kind { fault: rule.name, ..SOUND }, Sources::default()).await;
        let finding = found.iter().find(|finding| finding.rule == rule.name).unwrap();
        assert_eq!(finding.state, State::Failed, "{finding:?}");
        let broken = found.iter().filter(|finding| finding.state == State::Failed).count();
        assert!(broken < RULES.len() / 2, "a fault of {} breaks {broken} rules", rule.name);
        let why = finding.why.as_ref().unwrap();
        assert!(!why.contains(SECRET) && why.len() < 400, "{why}");
    });
    join_all(planted).await;
}

#[tokio::test]
async fn a_rule_that_needs_what_is_not_there_is_skipped_unless_it_was_named() {
    let bare = Kind { extras: false, ..SOUND };
    let found = findings(bare, Sources::default()).await;
    let skipped = |found: &[Finding], state: State| -> Vec<&'static str> {
        found.iter().filter(|finding| finding.state == state).map(|finding| finding.rule).collect()
    };
    assert_eq!(skipped(&found, State::Skipped), ["declined", "challenge", "journal"]);
    assert_eq!(skipped(&found, State::Failed), [""; 0]);
    let declined = Some("pm_card_visa_chargeDeclined".to_owned());
    let found = findings(bare, Sources { declined, ..Sources::default() }).await;
    assert_eq!(skipped(&found, State::Failed), ["declined"]);
}

#[tokio::test]
async fn the_sandbox_keeps_every_rule() {
    let database = Database::fresh().await;
    let sandbox = Sandbox::on(&database).await;
    let challenge = "--challenge-source=pm_card_authenticationRequired";
    let arguments = ["processor", "check", &sandbox.url, challenge];
    let said = run("calmony", &arguments, &[("CALMONY_PROCESSOR_SECRET", support::sandbox::SECRET)]).await;
    assert_eq!((said.code, said.stdout.lines().count()), (Some(0), RULES.len()), "{said:?}");
    assert!(said.stdout.lines().all(|line| line.starts_with("ok ")), "{said:?}");
}

#[tokio::test]
async fn the_command_prints_a_line_a_rule_and_fails_if_one_is_broken() {
    let secret = [("CALMONY_PROCESSOR_SECRET", SECRET)];
    let check = async |kind: Kind, more: &[&str]| {
        let memory = Memory::start(kind).await;
        let arguments = [&["processor", "check", &memory.url][..], more].concat();
        run("calmony", &arguments, &secret).await
    };
    let said = check(SOUND, &[]).await;
    assert_eq!((said.code, said.stdout.lines().count()), (Some(0), RULES.len()), "{said:?}");
    assert!(said.stdout.lines().all(|line| line.starts_with("ok ")), "{said:?}");

    let broken = Kind { fault: "refund_parts", ..SOUND };
    let said = check(broken, &[]).await;
    assert!(said.code == Some(1) && said.stdout.contains("FAILED  refund_parts "), "{said:?}");
    let said = check(broken, &["--json"]).await;
    let found: Vec<Value> = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.code, found.len()), (Some(1), RULES.len()));
    assert!(found.iter().any(|finding| finding["rule"] == "refund_parts" && finding["state"] == "failed"));
    assert!(!format!("{said:?}").contains(SECRET));

    let real = Kind { sandbox: false, ..SOUND };
    let said = check(real, &[]).await;
    assert!(
        said.code == Some(1) && said.stdout.is_empty() && said.stderr.contains("--real-money"),
        "{said:?}"
    );
    assert_eq!(check(real, &["--real-money"]).await.code, Some(0));
    let said = run("calmony", &["processor", "check", "http://127.0.0.1:1"], &secret).await;
    assert!(said.code == Some(1) && said.stderr.contains("no connection could be made"), "{said:?}");
    let said = run("calmony", &["processor", "check", "ftp://p.example"], &secret).await;
    assert_eq!(said.code, Some(2), "{said:?}");
}
