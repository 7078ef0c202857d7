//! Every statement of the product is prepared against the real schema, under the role that runs it, and says what it is for.

use calmony_pay::database::rewritten;
use calmony_pay::log::append_keyless;
use support::Database;

use super::{explained, files, hot_statements};

/// The role that runs a statement.
fn role(path: &str) -> &'static str {
    match path {
        path if [
            "_key.sql",
            "list_keys.sql",
            "key_kind.sql",
            "stale_secrets.sql",
            "stale_answers.sql",
            "reseal.sql",
        ]
        .iter()
        .any(|name| path.ends_with(name)) =>
        {
            "calmony_owner"
        }
        path if path.starts_with("src/log/sql/verify_") => "calmony_reader",
        path if path.starts_with("src/log/sql/rebuild_") => "calmony_owner",
        path if path.starts_with("src/log/") => "calmony_api",
        path if path.starts_with("src/read/") || path.starts_with("src/database/") => "calmony_reader",
        path if path.starts_with("src/outbox/") => "calmony_worker",
        path => panic!("whose statement is {path}?"),
    }
}

#[tokio::test]
async fn every_statement_is_valid_for_the_role_that_runs_it() {
    let database = Database::fresh().await;
    let statements = files(&["src"], "sql");
    assert!(statements.len() >= 20);
    for (path, sql) in statements {
        assert!(sql.starts_with("-- "), "{path} doesn't say what it is for");
        let client = database.login_in(role(&path)).await;
        let mut texts = vec![sql.clone()];
        // As they are prepared besides.
        if path.ends_with("log/sql/append.sql") {
            texts.push(append_keyless());
        } else if path.ends_with("outbox/sql/fresh.sql") {
            texts.push(rewritten(&sql, "$7", "false"));
        }
        for text in texts {
            if let Err(error) = client.prepare(&text).await {
                panic!("{path}: {:?}", error.as_db_error());
            }
        }
    }
}

/// Whether an event has a row for an endpoint is looked up by all three columns of a key, whatever the statistics say: an anti-join
/// over two of them went through a dead endpoint's whole backlog for every event (measured: a third of the rate).
#[tokio::test]
async fn a_fresh_event_is_not_compared_with_all_that_is_owed() {
    let database = Database::fresh().await;
    let admin = database.admin().await;
    let sql = include_str!("../../src/outbox/sql/fresh.sql");
    admin.batch_execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off").await.unwrap();
    admin.batch_execute("vacuum analyze calmony.delivery").await.unwrap();
    admin.batch_execute(&format!("prepare s as {sql}")).await.unwrap();
    let rows = admin.query("explain execute s(0, 1, null, null, null, true, false)", &[]).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let lookups = plan
        .windows(2)
        .filter(|lines| lines[0].contains(" on delivery d ") && lines[1].contains("Index Cond"));
    let exact =
        |lines: &[String]| ["account", "position", "endpoint"].iter().all(|column| lines[1].contains(column));
    assert!(lookups.into_iter().any(exact), "{}", plan.join("\n"));
}

/// With the planner pinned as on a worker's session, every hot statement finds an index for what it asks.
#[tokio::test]
async fn no_hot_statement_scans_a_table() {
    let database = Database::fresh().await;
    let admin = database.admin().await;
    admin.batch_execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off").await.unwrap();
    let sweeping =
        ["replays_over", "verify_derived", "verify_history", "verify_horizon", "verify_fanned_out"];
    for (path, sql) in hot_statements(&sweeping) {
        let plan = explained(&admin, &sql, "").await;
        for table in [
            "event",
            "object",
            "outbox",
            "delivery",
            "attempt",
            "api_key",
            "endpoint",
            "endpoint_secret",
            "idempotency",
            "replay",
            "search_document",
            "search_progress",
            "ended_session",
            "key_use",
        ] {
            let scan = format!("Seq Scan on {table}");
            assert!(!plan.contains(&scan), "{path}:\n{plan}");
        }
    }
}

/// What few have is looked up; what many have, or haven't, is met on the way down the ids. However the planner guesses: parts of one word
/// come together, and it takes them for independent.
#[tokio::test]
async fn a_search_reads_little_whether_few_are_meant_or_many() {
    let database = Database::fresh().await;
    let admin = database.admin().await;
    // Another account's come first, and are more.
    for (account, count) in [(2, 60_000), (1, 20_000)] {
        let documents = format!(
            "insert into calmony.search_document (account, id, version, name, terms) \
             select {account}, 'cus_01HF' || lpad(i::text, 22, '0'), 1, 'x', \
                    array['{account}p0', '{account}n=' || i, '{account}mplan' || i % 2] || \
                    case when i % 6 = 0 then array['{account}n~lov', '{account}n~ove', '{account}n~vel', '{account}n~ela'] end || \
                    case when i < 500 then array['{account}mold'] end \
               from generate_series(1, {count}) i"
        );
        admin.batch_execute(&documents).await.unwrap();
    }
    admin.batch_execute("vacuum analyze calmony.search_document").await.unwrap();
    let sql = include_str!("../../src/read/sql/search.sql");
    admin
        .batch_execute(&format!(
            "set plan_cache_mode = force_custom_plan; set enable_seqscan = off; prepare s as {sql}"
        ))
        .await
        .unwrap();
    for (all_of, none_of, few) in [
        ("1n=777", "", true),
        ("1n=777,1p0", "", true),
        ("1n=none", "", true),
        ("1mold", "1mplan1", true),
        ("1p0", "", false),
        ("1mplan1", "", false),
        ("1p0", "1mplan1", false),
        ("", "1mplan1", false),
        ("1n~lov,1n~ove,1n~vel,1n~ela", "", false),
    ] {
        let explain = format!(
            "explain (analyze, timing off) execute s(1, 'cus_', 'cus`', '{{{all_of}}}', '{{{none_of}}}', '{{n}}', '{{x}}', \
             '{{true}}', '{{}}', '{{}}', 11, 1000)"
        );
        let rows = admin.query(&explain, &[]).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let way_down =
            plan.iter().position(|line| line.contains("Backward using search_documents_are_unique"));
        let way_down = way_down.unwrap_or_else(|| panic!("{all_of} {none_of}:\n{}", plan.join("\n")));
        let expected = if few { "(never executed)" } else { "rows=11 loops=1" };
        assert!(plan[way_down].contains(expected), "{all_of} {none_of}:\n{}", plan.join("\n"));
        let looked_up = plan.iter().any(|line| line.contains("Bitmap Index Scan on search_document_terms"));
        assert!(!few || looked_up, "{all_of}:\n{}", plan.join("\n"));
        // No document is looked at in vain by the thousand.
        let removed = plan.iter().filter_map(|line| line.trim().strip_prefix("Rows Removed by Filter: "));
        let removed: u32 = removed.map(|count| count.parse::<u32>().unwrap()).sum();
        assert!(removed < 2_000, "{all_of} {none_of}:\n{}", plan.join("\n"));
    }
}
