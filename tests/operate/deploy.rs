//! What is deployed asks for metrics that there are. What the programs that read those files say of them is in `scripts/check-deploy`.

use std::collections::BTreeSet;

use super::metrics::documented;

/// The files that ask for metrics, and the manifests.
const FILES: &[(&str, &str)] = &[
    ("rules.yml", include_str!("../../deploy/prometheus/rules.yml")),
    ("rules_test.yml", include_str!("../../deploy/prometheus/rules_test.yml")),
    ("calmony.json", include_str!("../../deploy/grafana/calmony.json")),
    ("worker.yaml", include_str!("../../deploy/kubernetes/worker.yaml")),
];
const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");

/// The names in a text that look like metrics of ours.
fn named(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(|c: char| !is_name(c)).filter(|word| word.starts_with("calmony_")).collect()
}

#[test]
fn every_query_asks_for_metrics_that_are_exported() {
    let known: BTreeSet<String> = documented("API").union(&documented("worker")).cloned().collect();
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
    for name in documented("API").union(&documented("worker")) {
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
