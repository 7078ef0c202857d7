//! The hot statements at a million rows of everything: PostgreSQL's plans, and the blocks that they read
//! and write.

use std::collections::HashMap;

use serde_json::Value;
use support::database::{own_database_with, past_triggers};
use tokio_postgres::Client;

use super::{directions, explained, hot_statements, root};

/// The most rows that a sort or a hash may expect, unless a LIMIT stands below.
const GATHERED_MAX: i64 = 20_000;
/// The most rows of a table that may be scanned.
const SCANNED_MAX: i64 = 1_000;
/// The settings of the sessions that write and drain (`database/role.rs`). Sessions that read are left to the
/// statistics, with one plan for all.
const PINNED: &str = "set enable_seqscan = off; set enable_bitmapscan = off; set enable_hashjoin = off; \
    set enable_mergejoin = off";
/// Statements that have a test of their own, or are those of `calmony verify` and `calmony ledger`, which
/// read everything.
const ELSEWHERE: &[&str] = &[
    "search",
    "search_behind",
    "search_part",
    "search_store",
    "replay_dry_run",
    "ledger",
    "verify_accounts",
    "verify_attempts",
    "verify_charges",
    "verify_deliveries",
    "verify_derived",
    "verify_estimate",
    "verify_fanned_out",
    "verify_fold",
    "verify_head",
    "verify_history",
    "verify_horizon",
    "verify_intents",
    "verify_movements",
    "verify_movements_of",
    "verify_open",
    "verify_orphans",
    "verify_refunds",
];

/// Two endpoints of one account: one that takes everything, one that is dead.
const ENDPOINTS: &str = "
begin;
insert into calmony.event (account, id, stream, version, type, data, created_at)
select 1, 'evt_01' || id, 'we_01' || id, 1, 'webhook_endpoint.created',
       json_build_object('object', 'webhook_endpoint', 'url', 'http://127.0.0.1:1/', 'status', 'enabled',
                         'enabled_events', json_build_array(events)), now()
  from (values (repeat('A', 24), 'customer.created'), (repeat('B', 24), 'customer.deleted')) e (id, events);
insert into calmony.endpoint_secret (account, endpoint, version, created_at, secret)
select 1, 'we_01' || id, 1, now(), 'whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0'
  from (values (repeat('A', 24)), (repeat('B', 24))) e (id);
commit;
";

/// A million of everything. The events and objects are of one account. All events are in the outbox, owed to
/// the dead endpoint, and taken by the other. A million idempotency keys are beside them.
const MILLION: &str = "
insert into calmony.event (account, id, stream, version, type, data, created_at)
select 1, 'evt_01' || u, 'cus_01' || u, 1, 'customer.created', format(customer, u, n)::json,
       now() - (1000000 - n) * interval '1 second'
  from generate_series(1, 1000000) n, lateral (select lpad(n::text, 24, '0') as u) u,
       (values ('{\"id\":\"cus_01%s\",\"object\":\"customer\",\"email\":\"%s@example.com\",\
                 \"name\":\"Ada Lovelace\"}')) c (customer);
insert into calmony.object (account, id, version, created_at, updated_at, deleted, data)
select account, stream, version, created_at, created_at, false, data
  from calmony.event where stream like 'cus%';
insert into calmony.outbox (account, position, bucket)
select account, position, calmony.bucket_of(stream) from calmony.event where stream like 'cus%';
insert into calmony.delivery (account, position, due_at, attempts, bucket, endpoint, state)
select account, position, now(), 1, calmony.bucket_of(stream), 'we_01' || repeat('B', 24), 'owed'
  from calmony.event where stream like 'cus%';
insert into calmony.attempt (account, position, endpoint, number, started_at, duration_us, status)
select account, position, 'we_01' || repeat('A', 24), 1, now(), 1000, 200
  from calmony.event where stream like 'cus%';
insert into calmony.idempotency (account, slot, key, event, fingerprint, created_at)
select account, (div(extract(epoch from now()), 86400) % 4)::smallint, id, id,
       decode(repeat('00', 32), 'hex'), now()
  from calmony.event where stream like 'cus%';
";

#[tokio::test]
async fn at_a_million_rows_hot_statements_find_their_indexes_and_keep_their_budgets() {
    let settings =
        ["fsync=off", "full_page_writes=off", "autovacuum=off", "max_wal_size=8GB", "shared_buffers=256MB"];
    let (mut cluster, _folder, database) = own_database_with("million", &settings).await;
    let kind = calmony_pay::secret::KeyKind::default();
    calmony_pay::log::accounts::create_key(&cluster.url("calmony").unwrap(), "first", kind, None)
        .await
        .unwrap();
    let admin = database.admin().await;
    admin.batch_execute(ENDPOINTS).await.unwrap();
    past_triggers(&admin, MILLION).await;
    admin.batch_execute("vacuum (analyze)").await.unwrap();
    let off = "select count(*) from pg_trigger where tgenabled = 'D' and not tgisinternal";
    assert_eq!(database.number(off).await, 0, "all are on again");
    admin.batch_execute("checkpoint; set plan_cache_mode = force_generic_plan").await.unwrap();
    plans_are_bounded(&admin).await;
    budgets_are_kept(&admin).await;
    cluster.stop().await.unwrap();
}

/// Checks that no hot statement scans a table, and that none sorts or hashes an unbounded set.
async fn plans_are_bounded(admin: &Client) {
    let mut wrong = Vec::new();
    let sql =
        "select relname::text, reltuples::bigint from pg_class where relnamespace = 'calmony'::regnamespace";
    let rows = admin.query(sql, &[]).await.unwrap();
    let rows: HashMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for (path, sql) in hot_statements(ELSEWHERE) {
        let pins = if path.starts_with("src/read") { "" } else { PINNED };
        admin.batch_execute(pins).await.unwrap();
        let plan: Value = serde_json::from_str(&explained(admin, &sql, "(format json)").await).unwrap();
        problems(&path, (&plan[0]["Plan"], &rows), (&plan[0]["Plan"], false), &mut wrong);
        for pin in pins.split("; ").filter(|pin| !pin.is_empty()) {
            admin.batch_execute(&pin.replace("= off", "= on")).await.unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn problems(
    path: &str,
    (plan, rows): (&Value, &HashMap<String, i64>),
    (node, below_limit): (&Value, bool),
    wrong: &mut Vec<String>,
) {
    let text = |key: &str| node[key].as_str().unwrap_or_default();
    let (kind, table) = (text("Node Type"), text("Relation Name"));
    let is_big = rows.get(table).is_some_and(|rows| *rows > SCANNED_MAX);
    // The first of an index is read under a LIMIT.
    let whole =
        kind == "Seq Scan" || kind.starts_with("Index") && node.get("Index Cond").is_none() && !below_limit;
    if is_big && whole {
        wrong.push(format!("{path} goes through {table} ({kind})"));
    }
    let gathers = ["Sort", "Hash"].contains(&kind) || text("Strategy") == "Hashed";
    for inner in parts(node) {
        let count = expected(inner);
        if gathers && count > GATHERED_MAX && !is_limited(plan, inner) {
            wrong.push(format!("{path} gathers {count} rows ({kind})"));
        }
        problems(path, (plan, rows), (inner, kind == "Limit"), wrong);
    }
}

/// The number of rows that the planner expects.
fn expected(node: &Value) -> i64 {
    node["Plan Rows"].as_i64().unwrap_or_default()
}

fn parts(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

/// True if a LIMIT stands below, perhaps in a named part. PostgreSQL doesn't know the value of a LIMIT that
/// is a parameter.
fn is_limited(plan: &Value, node: &Value) -> bool {
    let sides = |node| {
        parts(node).filter(|part| {
            ["Outer", "Inner", "Subquery", "Member"].iter().any(|side| part["Parent Relationship"] == *side)
        })
    };
    let by_name = match node["CTE Name"].as_str() {
        Some(name) => find(plan, &format!("CTE {name}")).is_some_and(|part| is_limited(plan, part)),
        None => false,
    };
    if node["Node Type"] == "Nested Loop" {
        // That many for each of the few on the outer side.
        let mut sides = sides(node);
        let outer = sides.next().is_some_and(|outer| is_limited(plan, outer));
        return outer && sides.all(|inner| expected(inner) <= SCANNED_MAX);
    }
    node["Node Type"] == "Limit" || by_name || sides(node).any(|part| is_limited(plan, part))
}

/// The part of a plan that has that name.
fn find<'a>(node: &'a Value, name: &str) -> Option<&'a Value> {
    if node["Subplan Name"] == name { Some(node) } else { parts(node).find_map(|part| find(part, name)) }
}

/// The measured statements: the name in docs/LIMITS.md, the statement, its arguments as [`arguments`] fills
/// them in.
const CASES: &[(&str, &str, &str)] = &[
    ("a customer is created", "log/sql/append_one", "@event(1, 2000001, 1, created, null)"),
    (
        "with an idempotency key",
        "log/sql/append",
        "@event(2, 2000002, 1, created, 'key'), array[@32], '{null}', '{null}', true",
    ),
    ("a customer is loaded, to be changed", "log/sql/load", "1, array[@customer(500000)]"),
    ("and changed", "log/sql/append_one", "@event(3, 500000, 2, updated, null)"),
    (
        "a new event is read for delivery",
        "outbox/sql/fresh",
        "999000, 1, @all, '{}', '{}', true, '{}', '{}', '{}', @all, '{}', false",
    ),
    ("the secrets of its endpoint are read, now and then", "outbox/sql/secrets", "'{1}', '{@A}'"),
    ("and settled: taken", "outbox/sql/settle_all_taken", "@attempt(999000, null), '{1}', '{999000}'"),
    (
        "or settled: failed, it waits",
        "outbox/sql/settle",
        "@attempt(999001, status), '{1}', '{999001}', '{@A}', '{7}', '{1}', '{owed}', \
         '{5000}', '{null}', '{null}', '{null}', '{}', '{}', '{}', '{1}', '{999001}'",
    ),
    ("what is due is looked for, a million owed", "outbox/sql/due", "@all, 500, '{}', 128, '{}'"),
    ("an endpoint is probed, a million owed", "outbox/sql/walk", "@all, 1, 1, '@B', 0"),
    ("a customer is retrieved", "read/sql/object", "1, @customer(500000)"),
    ("ten customers are listed", "read/sql/objects", "1, 'cus_', 'cus`', 11, 1048576"),
    (
        "ten events are listed",
        "read/sql/events",
        "1, 0, 9223372036854775807, 11, null, null, null, false, 1048576",
    ),
];

/// Fills in the values of the @ placeholders.
fn arguments(text: &str) -> String {
    let mut filled = text.to_owned();
    if let Some((before, event)) = text.split_once("@event(") {
        let (event, after) = event.split_once(')').unwrap();
        let [n, customer, version, kind, key] = event.split(", ").collect::<Vec<_>>()[..] else {
            panic!("{text}");
        };
        let pad = "x".repeat(600);
        filled = format!(
            "{before}'{{1}}', '{{evt_02{n:0>24}}}', array[@customer({customer})], '{{{version}}}', \
             '{{customer.{kind}}}', '{{f}}', array['{{\"object\":\"customer\",\
             \"email\":\"{customer}@example.com\",\"name\":\"Grace Hopper\",\"pad\":\"{pad}\"}}'], \
             '{{null}}', '{{null}}', '{{req_01}}', array[{key}]::text[], array[now()], '{{null}}', \
             'calmony_outbox'{after}"
        );
    }
    if let Some((before, attempt)) = text.split_once("@attempt(") {
        let (attempt, after) = attempt.split_once(')').unwrap();
        let (position, error) = attempt.split_once(", ").unwrap();
        filled = format!(
            "{before}'{{1}}', '{{{position}}}', '{{@A}}', '{{2}}', array[now()], '{{1000}}', '{{200}}', \
             '{{{error}}}', '{{ok}}', '{{f}}', '{{null}}', '{{null}}', '{{null}}', '{{900}}', \
             '{{f}}', '{{f}}'{after}"
        );
    }
    while let Some((before, customer)) = filled.clone().split_once("@customer(") {
        let (customer, after) = customer.split_once(')').unwrap();
        filled = format!("{before}'cus_01{customer:0>24}'{after}");
    }
    let all = (0..64).map(|bucket| bucket.to_string()).collect::<Vec<_>>().join(",");
    let endpoint = |letter: &str| format!("we_01{}", letter.repeat(24));
    filled
        .replace("@all", &format!("'{{{all}}}'"))
        .replace("@32", "decode(repeat('00', 32), 'hex')")
        .replace("@A", &endpoint("A"))
        .replace("@B", &endpoint("B"))
}

/// Checks that each statement reads and writes no more than docs/LIMITS.md says.
async fn budgets_are_kept(admin: &Client) {
    admin.batch_execute(PINNED).await.unwrap();
    // As a worker that owns everything.
    admin
        .batch_execute("select pg_advisory_lock(1129270605, n) from generate_series(0, 63) n")
        .await
        .unwrap();
    let limits = std::fs::read_to_string(root().join("docs/LIMITS.md")).unwrap();
    let mut wrong = Vec::new();
    for (name, path, given) in CASES {
        let sql = std::fs::read_to_string(root().join(format!("src/{path}.sql"))).unwrap();
        let execute = format!("execute s({})", arguments(given));
        let sql = directions(&sql).remove(0);
        admin.batch_execute(&format!("prepare s as {sql}")).await.unwrap();
        // Twice: the first run fills caches, and both keep the budget.
        for _ in 0..2 {
            admin.batch_execute("begin").await.unwrap();
            let before = used(admin).await;
            admin.batch_execute(&execute).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let after = used(admin).await;
            admin.batch_execute("rollback").await.unwrap();
            let (blocks, wal) = (after.0 - before.0, after.1 - before.1);
            let row = limits.lines().find_map(|line| line.strip_prefix(&format!("| {name} | ")));
            let budget: Vec<i64> = row
                .unwrap_or_default()
                .split(" | ")
                .filter_map(|cell| cell.trim_end_matches(" |").replace(',', "").parse().ok())
                .collect();
            if !matches!(
                budget.as_slice(),
                [most_blocks, most_wal] if blocks <= *most_blocks && wal <= *most_wal
            ) {
                wrong.push(format!("| {name} | {blocks} | {wal} | against {budget:?}"));
            }
        }
        admin.batch_execute("deallocate s").await.unwrap();
    }
    assert!(wrong.is_empty(), "docs/LIMITS.md has other budgets:\n{}", wrong.join("\n"));
}

/// Blocks of the product's tables and indexes that this session has fetched, and WAL that was written.
async fn used(admin: &Client) -> (i64, i64) {
    let sql = "select (select coalesce(sum(pg_stat_get_xact_blocks_fetched(oid)), 0)::bigint from pg_class \
                        where relnamespace = 'calmony'::regnamespace and relkind in ('r', 'i', 'S')), \
                      (pg_current_wal_insert_lsn() - '0/0')::bigint";
    let row = admin.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}
