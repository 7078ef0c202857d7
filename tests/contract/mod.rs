//! Rules for the code itself: its SQL, its layers, its sizes.

mod breaking;
mod circles;
mod docs;
mod limits;
mod open;
mod pinned;
mod plans;
mod sql;
mod tidy;

use std::path::{Path, PathBuf};

use calmony_pay::database::{BothWays, DIRECTION};
use tokio_postgres::{Client, SimpleQueryMessage};

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Statements that aren't run for a request, an event or a delivery.
const COLD: &[&str] = &[
    "vitals",
    "overview_now",
    "overview_attempts",
    "schema_version",
    "diagnosis_activity",
    "diagnosis_server",
    "diagnosis_expiring",
    "diagnosis_programs",
    "diagnosis_obstacles",
    "diagnosis_apart",
    "rebuild_part",
    "rebuild_lock_objects",
    "rebuild_mend_objects",
    "rebuild_make_objects",
    "rebuild_lock_endpoints",
    "rebuild_mend_endpoints",
    "rebuild_make_endpoints",
    "rebuild_lock_replays",
    "rebuild_mend_replays",
    "rebuild_make_replays",
    "rebuild_remove_objects",
    "rebuild_remove_endpoints",
    "rebuild_remove_replays",
    "workers",
    "billers",
    "adopted",
    "adopt",
    "held_back",
    "diagnosis_adoption",
    "take_buckets",
    "release_buckets",
    "announce",
    "make_partitions",
    "drop_partitions",
    "stale_secrets",
    "stale_answers",
    "key_ids",
    "reseal",
    "create_key",
    "list_keys",
    "revoke_key",
    "copy_key",
    "end_key",
    "revoke_unseen_key",
    "key_kind",
];

/// The statements that are run for requests, events and deliveries, but those of these names. A list comes
/// twice, once in each direction.
fn hot_statements(but: &[&str]) -> Vec<(String, String)> {
    let mut statements = files(&["src/due", "src/read", "src/outbox", "src/log"], "sql");
    let is = |path: &str, name: &str| path.ends_with(&format!("/{name}.sql"));
    for name in COLD.iter().chain(but) {
        let known = statements.iter().any(|(path, _)| is(path, name));
        assert!(known, "there is no statement {name} any more");
    }
    statements.retain(|(path, _)| !COLD.iter().chain(but).any(|name| is(path, name)));
    let as_they_run =
        |(path, sql): (String, String)| directions(&sql).into_iter().map(move |sql| (path.clone(), sql));
    statements.into_iter().flat_map(as_they_run).collect()
}

/// The texts of a statement as they are run: of a list, the one that reads the newest rows first, then the
/// other.
fn directions(sql: &str) -> Vec<String> {
    if !sql.contains(DIRECTION) {
        return vec![sql.to_owned()];
    }
    let BothWays { newest_first, oldest_first } = BothWays::of(sql);
    vec![newest_first, oldest_first]
}

/// PostgreSQL's plan for a statement, without knowing its parameters.
async fn explained(client: &Client, sql: &str, options: &str) -> String {
    let parameters = client.prepare(sql).await.unwrap().params().len();
    let nulls = vec!["null"; parameters].join(", ");
    let arguments = if parameters == 0 { String::new() } else { format!("({nulls})") };
    client.batch_execute(&format!("prepare s as {sql}")).await.unwrap();
    let plan = client.simple_query(&format!("explain {options} execute s{arguments}")).await.unwrap();
    client.batch_execute("deallocate s").await.unwrap();
    let lines: Vec<&str> = plan
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .collect();
    lines.join("\n")
}

/// Every file below these folders with that ending, by its path from the root, with its text.
fn files(folders: &[&str], ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|found| found == ending) {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}
