//! Ways for one login to stop or watch others, tried as each role: locks that stand for more than a row,
//! locks of whole tables, others' sessions, files that grow, settings of all. Each is refused. Those that
//! PostgreSQL can't refuse are noticed, and do little.

use calmony_pay::database::migrate::migrate;
use calmony_pay::log::accounts::{list_keys, revoke_key};
use serde_json::Value;
use support::client::http;
use support::{Database, System, eventually};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::cli::{Said, run};

const ROLES: [&str; 5] =
    ["calmony_api", "calmony_reader", "calmony_worker", "calmony_biller", "calmony_sandbox"];

/// Statements that a worker must be allowed, and no other role.
const LOCKS: &[&str] = &[
    "select pg_advisory_lock(1129270605, 5)",
    "select pg_try_advisory_lock(1129270605, 5)",
    "select pg_advisory_lock_shared(1129270605, 1000)",
    "select pg_try_advisory_xact_lock(1129270605, 5)",
    "select pg_advisory_xact_lock_shared(1129270605, 5)",
    "select pg_advisory_lock(x'0043414C4D4D4947'::bigint)",
    "select pg_try_advisory_lock(x'0043414C4D4D4947'::bigint)",
];

/// Statements that no role may run.
const NOBODY: &[&str] = &[
    // Positions, and numbers of accounts and keys.
    "select nextval('calmony.event_position_seq')",
    "select setval('calmony.event_position_seq', 1)",
    "select nextval('calmony.account_id_seq')",
    "select setval('calmony.api_key_id_seq', 1)",
    // Files that grow, and others' names.
    "create temporary table t ()",
    "create function pg_temp.f() returns integer language sql as 'select 1'",
    "create schema s",
    "create table public.t ()",
    "select lo_create(0)",
    "select lo_creat(-1)",
    "select lo_from_bytea(0, 'x')",
    "select pg_logical_emit_message(false, 'x', 'x')",
    "copy (select 1) to '/tmp/calmony-apart'",
    "copy (select 1) to program 'true'",
    "select pg_read_file('PG_VERSION')",
    "select pg_ls_dir('.')",
    "select pg_create_logical_replication_slot('s', 'pgoutput')",
    "select pg_create_physical_replication_slot('s', true)",
    "create publication p for table calmony.event",
    // Settings and figures of all.
    "alter system set work_mem = '1GB'",
    "do $$ begin execute format('alter database %I set statement_timeout = 1', current_database()); end $$",
    "alter role calmony_owner set statement_timeout = 1",
    "alter role calmony_owner login password 'x'",
    "grant calmony_owner to current_user",
    "select pg_stat_reset()",
    "select pg_reload_conf()",
    "load 'auto_explain'",
    "select * from pg_authid",
    // Locks and changes of others' rows.
    "select 1 from calmony.api_key for update",
    "select 1 from calmony.account for key share",
    "select 1 from calmony.event for share",
    "select 1 from calmony.object for update",
    "select 1 from calmony.outbox for update",
    "select 1 from calmony.ended_session for update",
    "insert into calmony.ended_session values (1, 1, now(), '')",
    "delete from calmony.ended_session",
    "update calmony.key_use set last_used_at = now()",
    "insert into calmony.adoption (database) values ('1/1')",
    "update calmony.adoption set database = '1/1'",
    "delete from calmony.adoption",
    "select 1 from calmony.adoption for update",
];

/// Functions that do one thing each, with the role that may call them.
const FUNCTIONS: &[(&str, &str)] = &[
    ("calmony_api", "select calmony.note_key_use('{}', '{}')"),
    ("calmony_api", "select calmony.end_session(1, 1, sha256('x'), now())"),
    ("calmony_worker", "select calmony.make_attempt_partitions((now() at time zone 'utc')::date, 1)"),
    ("calmony_worker", "select calmony.drop_attempt_partitions((now() at time zone 'utc')::date - 4000)"),
    ("calmony_worker", "select calmony.forget_idempotency_keys()"),
    ("calmony_biller", "select calmony.announce_biller()"),
    ("calmony_biller", "select calmony.take_biller_buckets(0)"),
];

/// Migrates as an operator does: a right to a database isn't copied with it.
async fn migrated(database: &Database) {
    migrate(&database.url.parse().unwrap()).await.unwrap();
}

async fn refused(client: &Client, role: &str, sql: &str) {
    let Err(error) = client.batch_execute(sql).await else { panic!("{role} may: {sql}") };
    assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{role}: {sql}: {error:?}");
}

#[tokio::test]
async fn no_role_may_do_what_stops_others() {
    let database = Database::fresh().await;
    migrated(&database).await;
    for role in ROLES {
        let client = database.login_in(role).await;
        for sql in NOBODY {
            refused(&client, role, sql).await;
        }
        for sql in LOCKS.iter().filter(|_| role != "calmony_worker") {
            refused(&client, role, sql).await;
        }
        for (_, sql) in FUNCTIONS.iter().filter(|(may, _)| *may != role) {
            refused(&client, role, sql).await;
        }
    }
    let worker = database.login_in("calmony_worker").await;
    let far = worker.batch_execute("select calmony.make_attempt_partitions('9999-01-01', 62)").await;
    let far = far.unwrap_err();
    assert_eq!(far.as_db_error().unwrap().constraint(), Some("partitions_are_made_for_days_near_this_one"));
}

/// A role that may delete rows of a table may lock it. No other role may lock it against those that work
/// with it.
#[tokio::test]
async fn whole_tables_are_locked_by_who_takes_work_out_of_them_and_by_nobody_else() {
    let database = Database::fresh().await;
    let tables = "select format('%s.%s', relnamespace::regnamespace, relname) from pg_class \
                   where relnamespace in ('calmony'::regnamespace, 'sandbox'::regnamespace) \
                     and relkind in ('r', 'p', 'v') order by 1";
    let tables = database.admin().await.query(tables, &[]).await.unwrap();
    for role in ROLES {
        let client = database.login_in(role).await;
        let mut locked = Vec::new();
        for table in &tables {
            let table: &str = table.get(0);
            for mode in ["share update exclusive", "share", "exclusive", "access exclusive"] {
                let tried = client.batch_execute(&format!("begin; lock table {table} in {mode} mode")).await;
                client.batch_execute("rollback").await.unwrap();
                if tried.is_ok() {
                    locked.push(table);
                }
            }
        }
        locked.dedup();
        let expected: &[&str] = match role {
            "calmony_worker" => &["calmony.delivery", "calmony.endpoint_failing", "calmony.outbox"],
            _ => &[],
        };
        assert_eq!(locked, expected, "{role}");
    }
}

#[tokio::test]
async fn no_login_ends_or_reads_anothers_session() {
    let database = Database::fresh().await;
    let mut sessions = Vec::new();
    for role in ROLES {
        let client = database.login_in(role).await;
        let row = client.query_one("select pg_backend_pid() /* what it does */", &[]).await.unwrap();
        sessions.push((role, row.get::<_, i32>(0), client));
    }
    for (role, own, client) in &sessions {
        for (other, process, _) in sessions.iter().filter(|(other, _, _)| other != role) {
            for function in ["pg_terminate_backend", "pg_cancel_backend"] {
                refused(client, role, &format!("select {function}({process})")).await;
            }
            let read = "select query from pg_stat_activity where pid = $1";
            let said: String = client.query_one(read, &[process]).await.unwrap().get(0);
            assert!(!said.contains("what it does"), "{role} reads {other}: {said}");
        }
        let still = client.query_one("select pg_backend_pid()", &[]).await.unwrap();
        assert_eq!(still.get::<_, i32>(0), *own);
    }
}

/// Sessions leave transactions open in which they did all that they may.
#[tokio::test]
async fn nobody_keeps_a_key_from_being_revoked() {
    let system = System::start().await;
    let url = system.database.url.parse().unwrap();
    let key = list_keys(&url, None).await.unwrap().into_iter().find(|key| key.account == "second").unwrap();
    let api = system.database.login_in("calmony_api").await;
    let own = "begin; select calmony.note_key_use(array[1, 2], array[1, 2]); \
               select calmony.end_session(2, 2, sha256('x'), now())";
    api.batch_execute(own).await.unwrap();
    let reader = system.database.login_in("calmony_reader").await;
    reader.batch_execute("begin; select account, id from calmony.api_key").await.unwrap();
    let revoked = tokio::time::timeout(support::PATIENCE, revoke_key(&url, key.id)).await;
    assert!(revoked.expect("nobody is waited for").unwrap());
}

/// Grants to all the rights that PostgreSQL grants to all, as after migrations without a superuser.
async fn open_to_all(database: &Database) {
    let open = "do $$ declare f regprocedure; begin \
                  for f in select oid from pg_proc where proname ~ '^pg_(try_)?advisory' loop \
                    execute format('grant execute on function %s to public', f); \
                  end loop; end $$";
    database.admin().await.batch_execute(open).await.unwrap();
}

/// A finding of `calmony doctor`: its level and its text.
async fn found(url: &str, about: &str) -> (String, String) {
    let Said { stdout, .. } = run("calmony", &["doctor", "--json"], &[("CALMONY_DATABASE_URL", url)]).await;
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["about"] == about);
    let text = |name: &str| finding.unwrap()[name].as_str().unwrap().to_owned();
    (text("level"), text("said"))
}

#[tokio::test]
async fn whoever_is_no_worker_makes_no_workers_share_smaller_and_is_named() {
    let system = System::start().await;
    open_to_all(&system.database).await;
    let strangers =
        [system.database.login_in("calmony_api").await, system.database.login_in("calmony_reader").await];
    let announced = "select pg_advisory_lock_shared(1129270605, 1000)";
    for stranger in &strangers {
        stranger.batch_execute(announced).await.unwrap();
    }
    let buckets = "select pg_advisory_lock(1129270605, b) from generate_series(0, 3) b";
    strangers[0].batch_execute(buckets).await.unwrap();
    let _worker = system.worker().await;
    let owned = async || {
        let text =
            http().get(format!("{}/metrics", system.metrics_url)).send().await.unwrap().text().await.unwrap();
        let figure = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse::<i64>().unwrap()
        };
        (figure("calmony_workers "), figure("calmony_buckets_owned "))
    };
    eventually("the worker owns all but what somebody holds", async || {
        (owned().await == (1, 60)).then_some(())
    })
    .await;
    eventually("what the doctor says ends all of them", async || {
        let (level, said) = found(&system.database.url, "locks").await;
        if level == "ok" {
            return Some(());
        }
        assert!(level == "bad" && said.contains("a lock of workers"), "{level}: {said}");
        system.database.admin().await.batch_execute(said.split('`').nth(1).unwrap()).await.unwrap();
        None
    })
    .await;
    eventually("the worker owns all", async || (owned().await == (1, 64)).then_some(())).await;
    for stranger in &strangers {
        assert!(stranger.batch_execute("select").await.is_err(), "it was ended");
    }
}

#[tokio::test]
async fn whoever_keeps_migrations_waiting_or_others_from_a_table_is_named() {
    let system = System::start().await;
    open_to_all(&system.database).await;
    let stranger = system.database.login_in("calmony_reader").await;
    stranger.batch_execute("select pg_advisory_lock(x'0043414C4D4D4947'::bigint)").await.unwrap();
    let environment = [("CALMONY_DATABASE_URL", system.database.url.as_str())];
    let said = run("calmony", &["migrate"], &environment).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let ended_by = said.stderr.split('`').nth(1).unwrap();
    assert!(
        said.stderr.contains("login_calmony_reader") && ended_by.contains("pg_terminate_backend"),
        "{said:?}"
    );
    system.database.admin().await.batch_execute(ended_by).await.unwrap();
    eventually("it migrates", async || {
        (run("calmony", &["migrate"], &environment).await.code == Some(0)).then_some(())
    })
    .await;
    let worker = system.database.login_in("calmony_worker").await;
    worker.batch_execute("begin; lock table calmony.outbox in access exclusive mode").await.unwrap();
    let client = system.client.clone();
    let appending =
        tokio::spawn(async move { while client.post("/v1/customers", "name=x").await.status != 200 {} });
    // The doctor waits for the table itself, and names the session that holds it.
    let ended_by = eventually("who is waited for is named", async || {
        let Said { stdout, stderr, .. } = run("calmony", &["doctor"], &environment).await;
        let said = stdout + &stderr;
        let (_, rest) = said.split_once("login_calmony_worker")?;
        Some(rest.split('`').nth(1)?.to_owned())
    })
    .await;
    system.database.admin().await.batch_execute(&ended_by).await.unwrap();
    tokio::time::timeout(support::PATIENCE, appending).await.expect("appends go on").unwrap();
}

#[tokio::test]
async fn what_a_migration_without_a_superuser_leaves_open_is_said() {
    let admin = Database::fresh().await;
    let make = "create role plain_owner login password 'test' in role calmony_owner, calmony_reader";
    admin.admin().await.batch_execute(make).await.unwrap();
    admin
        .admin()
        .await
        .batch_execute("create database owned_by_plain_owner owner plain_owner")
        .await
        .unwrap();
    let (server, _) = admin.url.rsplit_once('/').unwrap();
    let by_superuser = format!("{server}/owned_by_plain_owner");
    let url = by_superuser.replacen("calmony:", "plain_owner:", 1);
    migrate(&url.parse().unwrap()).await.unwrap();
    let (level, said) = found(&url, "roles apart").await;
    assert!(level == "warn" && said.contains("advisory locks") && said.contains("large objects"), "{said}");
    assert!(!said.contains("temporary tables"), "the database's owner closes that: {said}");
    migrate(&by_superuser.parse().unwrap()).await.unwrap();
    assert_eq!(found(&url, "roles apart").await.0, "ok");
    // Its owner can go on migrating.
    assert!(migrate(&url.parse().unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_that_others_have_tables_in_is_left_as_it_is() {
    let database = Database::empty().await;
    let admin = database.admin().await;
    open_to_all(&database).await;
    admin.batch_execute("create table public.of_others ()").await.unwrap();
    migrated(&database).await;
    let (level, said) = found(&database.url, "roles apart").await;
    assert!(
        level == "warn" && said.contains("advisory locks") && said.contains("temporary tables"),
        "{said}"
    );
    admin.batch_execute("drop table public.of_others").await.unwrap();
    migrated(&database).await;
    assert_eq!(found(&database.url, "roles apart").await.0, "ok");
}
