//! Every statement of the product is prepared against the real schema, under the role that runs it, and
//! begins with its purpose.

use calmony_pay::database::{DIRECTION, rewritten};
use calmony_pay::log::append_keyless;
use support::Database;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::{directions, explained, files, hot_statements};

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
        path if path.ends_with("due/sql/adopt.sql") => "calmony_owner",
        path if path.starts_with("src/due/") => "calmony_biller",
        path if path.starts_with("src/log/sql/verify_") => "calmony_reader",
        path if path.starts_with("src/log/sql/rebuild_") => "calmony_owner",
        path if path.starts_with("src/log/") => "calmony_api",
        path if path.starts_with("src/read/") || path.starts_with("src/database/") => "calmony_reader",
        path if path.starts_with("src/outbox/") => "calmony_worker",
        path if path.starts_with("src/processor/sandbox/") => "calmony_sandbox",
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
        let mut texts = directions(&sql);
        // Their other prepared forms.
        if path.ends_with("log/sql/append.sql") {
            texts.push(append_keyless());
        } else if path.ends_with("outbox/sql/fresh.sql") {
            texts.push(rewritten(&sql, "$12", "false"));
        }
        for text in texts {
            if let Err(error) = client.prepare(&text).await {
                panic!("{path}: {:?}", error.as_db_error());
            }
        }
    }
}

/// A list is written once, with its direction marked, and reads both ways. PostgreSQL refuses a text that
/// still has the mark, so that no list can be used as it is written.
#[tokio::test]
async fn a_list_is_written_once_and_used_in_both_directions_only() {
    let database = Database::fresh().await;
    let reader = database.login_in("calmony_reader").await;
    let lists: Vec<_> =
        files(&["src"], "sql").into_iter().filter(|(_, sql)| sql.contains(DIRECTION)).collect();
    assert!(lists.len() >= 6, "{}", lists.len());
    let derived = std::fs::read_to_string(super::root().join("src/read/lists.rs")).unwrap();
    for (path, sql) in lists {
        let name = path.strip_prefix("src/read/").unwrap_or_else(|| panic!("{path} is no list of src/read"));
        assert!(derived.contains(&format!("BothWays::of(include_str!(\"{name}\"))")), "{path} isn't derived");
        let error = reader.prepare(&sql).await.expect_err(&path);
        assert_eq!(error.code(), Some(&SqlState::SYNTAX_ERROR), "{path}");
    }
}

/// Some statements share a part, and each has a text of its own: the columns of a delivery, and the attempts
/// that are written down.
#[test]
fn parts_that_statements_share_are_the_same() {
    let part = |name: &str, from: &str, to: &str| {
        let sql = std::fs::read_to_string(super::root().join(format!("src/outbox/sql/{name}.sql"))).unwrap();
        let (_, rest) = sql.split_once(from).unwrap_or_else(|| panic!("{name} has no {from}"));
        rest.split_once(to).unwrap_or_else(|| panic!("{name} has no {to}")).0.to_owned()
    };
    let columns =
        |name, early: &str| part(name, "select d.account, d.position, d.bucket", "  from").replace(early, "");
    assert_eq!(columns("due", "false"), columns("walk", "d.due_at > statement_timestamp()"));
    let attempted = |name| part(name, "attempted as (", "\n)");
    assert_eq!(attempted("settle"), attempted("settle_all_taken"));
}

/// The row of an event for an endpoint is looked up by all three columns of a key, with any statistics.
/// An anti-join over two of them went through a dead endpoint's whole backlog for every event (measured:
/// a third of the rate).
#[tokio::test]
async fn a_fresh_event_is_not_compared_with_all_that_is_owed() {
    let database = Database::fresh().await;
    let admin = database.admin().await;
    let sql = include_str!("../../src/outbox/sql/fresh.sql");
    admin.batch_execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off").await.unwrap();
    admin.batch_execute("vacuum analyze calmony.delivery").await.unwrap();
    admin.batch_execute(&format!("prepare s as {sql}")).await.unwrap();
    let rows = admin
        .query("explain execute s(0, 1, null, null, null, true, null, null, null, null, null, false)", &[])
        .await
        .unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let lookups = plan
        .windows(2)
        .filter(|lines| lines[0].contains(" on delivery d ") && lines[1].contains("Index Cond"));
    let exact =
        |lines: &[String]| ["account", "position", "endpoint"].iter().all(|column| lines[1].contains(column));
    assert!(lookups.into_iter().any(exact), "{}", plan.join("\n"));
}

/// Every hot statement finds an index for its condition, with the planner pinned as on a worker's session.
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
            "search_reached",
            "ended_session",
            "key_use",
        ] {
            let scan = format!("Seq Scan on {table}");
            assert!(!plan.contains(&scan), "{path}:\n{plan}");
        }
    }
}

/// Searches: terms that documents have, terms that they lack, and true if few documents match.
const SEARCHES: [(&str, &str, bool); 9] = [
    ("n=777", "", true),
    ("n=777,p0", "", true),
    ("n=none", "", true),
    ("mold", "mplan1", true),
    ("p0", "", false),
    ("mplan1", "", false),
    ("p0", "mplan1", false),
    ("", "mplan1", false),
    ("n~lov,n~ove,n~vel,n~ela", "", false),
];

/// Terms of few documents are looked up. Terms that many have, or lack, are met on the way down the ids.
/// The planner's guesses don't decide: it takes the parts of one word, which come together, for
/// independent, and it knows nothing of a new account.
#[tokio::test]
async fn a_search_reads_little_whether_few_are_meant_or_many() {
    let database = Database::fresh().await;
    let admin = database.admin().await;
    // Another account's come first, and are more.
    documents(&admin, 2, 60_000).await;
    documents(&admin, 1, 20_000).await;
    admin.batch_execute("vacuum analyze calmony.search_document").await.unwrap();
    documents(&admin, 3, 20_000).await;
    let sql = include_str!("../../src/read/sql/search.sql");
    let settings = "set plan_cache_mode = force_custom_plan; set enable_seqscan = off; set enable_sort = off";
    admin.batch_execute(&format!("{settings}; prepare s as {sql}")).await.unwrap();
    for account in [1, 3] {
        for (all_of, none_of, few) in SEARCHES {
            reads_little(&admin, account, [all_of, none_of], few).await;
        }
    }
}

/// Makes `count` customers of an account, and their search documents.
async fn documents(admin: &Client, account: i64, count: i64) {
    let sql = format!(
        "insert into calmony.search_document (account, id, version, name, terms) \
         select a, 'cus_01HF' || lpad(i::text, 22, '0'), 1, 'x', \
                array[a || 'p0', a || 'n=' || i, a || 'mplan' || i % 2] || \
                case when i % 6 = 0 then array[a||'n~lov', a||'n~ove', a||'n~vel', a||'n~ela'] end || \
                case when i < 500 then array[a || 'mold'] end \
           from (values ({account})) v (a), generate_series(1, {count}) i; \
         insert into calmony.object (account, id, version, created_at, updated_at, deleted, data) \
         select account, id, version, now(), now(), false, '{{}}' from calmony.search_document \
          where account = {account}"
    );
    admin.batch_execute(&sql).await.unwrap();
}

async fn reads_little(admin: &Client, account: i64, terms: [&str; 2], few: bool) {
    let [all_of, none_of] = terms.map(|terms| {
        let of_account =
            terms.split(',').filter(|term| !term.is_empty()).map(|term| format!("{account}{term}"));
        of_account.collect::<Vec<_>>().join(",")
    });
    let explain = format!(
        "explain (analyze, timing off) execute s({account}, 'cus_', 'cus`', '{{{all_of}}}', '{{{none_of}}}', \
         '{{n}}', '{{x}}', '{{true}}', '{{}}', '{{}}', 11, 1000, 0, 1, '{{}}', '{{}}')"
    );
    let rows = admin.query(&explain, &[]).await.unwrap();
    // From PostgreSQL 18 on, rows are counted with two decimals.
    let plan: Vec<String> =
        rows.iter().map(|row| row.get::<_, String>(0).replace(".00 loops", " loops")).collect();
    let said = || format!("{all_of} {none_of}:\n{}", plan.join("\n"));
    let way_down = plan.iter().find(|line| line.contains("Backward using search_documents_are_unique"));
    let expected = if few { "(never executed)" } else { "rows=11 loops=1" };
    assert!(way_down.is_some_and(|line| line.contains(expected)), "{}", said());
    let looked_up = plan.iter().any(|line| line.contains("Bitmap Index Scan on search_document_terms"));
    assert!(!few || looked_up, "{}", said());
    // Only few documents are read in vain.
    let removed = plan.iter().filter_map(|line| line.trim().strip_prefix("Rows Removed by Filter: "));
    let removed: u32 = removed.map(|count| count.parse::<u32>().unwrap()).sum();
    assert!(removed < 2_000, "{}", said());
}
