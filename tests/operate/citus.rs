//! The changes that a deployment on Citus makes to the schema, as far as PostgreSQL alone can show them.

use std::collections::BTreeSet;

use serde_json::json;
use support::{Database, Receiver, System};
use tokio_postgres::SimpleQueryMessage;

use crate::cli::run;

const ROW_TRIGGERS: &str = include_str!("../../deploy/citus/1_row_triggers.sql");
const DISTRIBUTE: &str = include_str!("../../deploy/citus/2_distribute.sql");

/// Tables that are only on the coordinator.
const LOCAL: &[&str] = &["migration", "adoption"];

/// A new database whose triggers are on rows.
async fn by_rows() -> Database {
    let database = Database::fresh().await;
    // Without the lines that only psql understands.
    let sql: Vec<&str> = ROW_TRIGGERS.lines().filter(|line| !line.starts_with('\\')).collect();
    database.admin().await.batch_execute(&sql.join("\n")).await.unwrap();
    database
}

/// All rows that a query finds, as texts.
async fn rows(database: &Database, sql: &str) -> Vec<String> {
    let found = database.admin().await.simple_query(sql).await.unwrap();
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
        _ => None,
    };
    found.iter().filter_map(row).collect()
}

#[tokio::test]
async fn both_triggers_derive_the_same_rows() {
    let system = System::start().await;
    let client = &system.client;
    let (endpoint, _) = client.endpoint("https://receiver.example.com/hook", &["*"]).await;
    let other = client.with_key(&system.other_key);
    for n in 0..12 {
        let client = if n % 3 == 0 { &other } else { client };
        let id = client.customer(&format!("Ada {n}")).await;
        if n % 2 == 0 {
            client.post(&format!("/v1/customers/{id}"), "email=ada@example.com").await.ok();
        }
        if n % 4 == 0 {
            client.delete(&format!("/v1/customers/{id}")).await.ok();
        }
    }
    client.post(&format!("/v1/webhook_endpoints/{endpoint}"), "paused=true").await.ok();
    let replay = json!({"types": ["customer.created"]});
    client
        .json(reqwest::Method::POST, &format!("/v1/webhook_endpoints/{endpoint}/replay"), &replay)
        .await
        .ok();

    // The same events once more, seven a statement: those of one object among them.
    let events = rows(&system.database, "select to_json(e) from calmony.event e order by position").await;
    assert!(events.len() > 20);
    let copy = by_rows().await;
    let admin = copy.admin().await;
    for some in events.chunks(7) {
        let sql = "insert into calmony.event overriding system value \
                   select * from json_populate_recordset(null::calmony.event, $1::text::json)";
        admin.execute(sql, &[&format!("[{}]", some.join(","))]).await.unwrap();
    }
    for table in ["event", "object", "outbox", "endpoint"] {
        let sql = format!("select to_json(t) from calmony.{table} t order by t::text");
        let derived = rows(&copy, &sql).await;
        assert!(!derived.is_empty(), "{table}");
        assert_eq!(derived, rows(&system.database, &sql).await, "{table}");
    }
    let replays = "select (to_jsonb(r) - 'started_at')::text from calmony.replay r";
    assert_eq!(rows(&copy, replays).await, rows(&system.database, replays).await);
}

#[tokio::test]
async fn the_row_trigger_refuses_what_the_other_refuses() {
    let database = by_rows().await;
    let admin = database.admin().await;
    let append = async |n: u32, version: i64, deleted: bool| {
        let sql = format!(
            "insert into calmony.event (account, id, stream, version, type, deleted, data, created_at) \
             values (1, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7{n}', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', {version}, \
                     'customer.updated', {deleted}, '{{}}', now())"
        );
        let refused = admin.batch_execute(&sql).await.err();
        refused.map(|error| error.as_db_error().unwrap().constraint().unwrap().to_owned())
    };
    let version = Some("event_version_follows_its_object".to_owned());
    assert_eq!(append(10, 2, false).await, version, "nothing is there to follow");
    assert_eq!(append(11, 1, false).await, None);
    assert_eq!(append(12, 3, false).await, version, "a hole");
    assert_eq!(append(13, 2, true).await, None);
    assert_eq!(append(14, 3, false).await, version, "life after death");
    for sql in ["update calmony.event set data = '{}'", "delete from calmony.event"] {
        let refused = admin.batch_execute(sql).await.unwrap_err();
        assert_eq!(refused.as_db_error().unwrap().constraint(), Some("event_is_append_only"));
    }
    assert_eq!(database.number("select count(*) from calmony.outbox").await, 2);
}

#[tokio::test]
async fn the_product_works_with_triggers_on_rows() {
    let system = System::on(by_rows().await).await;
    let _worker = system.worker().await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["*"]).await;
    let id = system.client.customer("Ada").await;
    system.client.post(&format!("/v1/customers/{id}"), "name=Grace").await.ok();
    for kind in ["customer.created", "customer.updated"] {
        assert_eq!(receiver.next().await.kind(), kind);
    }
    system.nothing_waits().await;
    let said = run("calmony", &["verify"], &[("CALMONY_DATABASE_URL", system.database.url.as_str())]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
}

#[tokio::test]
async fn every_table_can_be_distributed_by_account() {
    let database = Database::fresh().await;
    let named = |function: &str| -> BTreeSet<String> {
        let call = format!("{function}('calmony.");
        let calls = DISTRIBUTE.lines().filter_map(|line| line.split_once(call.as_str()));
        calls.map(|(_, rest)| rest.split('\'').next().unwrap().to_owned()).collect()
    };
    let (distributed, references) = (named("create_distributed_table"), named("create_reference_table"));
    let tables = "select relname from pg_class where relnamespace = 'calmony'::regnamespace \
                   and relkind in ('r', 'p') and not relispartition";
    let tables: BTreeSet<String> = rows(&database, tables).await.into_iter().collect();
    let local: BTreeSet<String> = LOCAL.iter().map(ToString::to_string).collect();
    assert_eq!(&(&distributed | &references) | &local, tables);
    // Unique indexes, whether a constraint made them or not.
    let without = "select c.relname from pg_index i join pg_class t on t.oid = indrelid \
                      join pg_class c on c.oid = indexrelid \
                    where t.relnamespace = 'calmony'::regnamespace and indisunique and not t.relispartition \
                      and not exists (select from pg_attribute a where a.attrelid = indrelid \
                                         and a.attname = 'account' \
                                      and a.attnum = any (indkey::smallint[])) order by 1";
    let mut without = rows(&database, without).await;
    without.retain(|index| !LOCAL.iter().any(|table| index.contains(table)));
    let of_references =
        ["account_ids_are_unique", "account_names_are_unique_in_a_mode", "api_key_hashes_are_unique"];
    assert_eq!(without, of_references);
}
