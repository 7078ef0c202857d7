//! Ways round the log, tried as each role with a login that has nothing else. Each is refused, and the
//! error is named.

use support::System;
use tokio_postgres::Client;

/// A statement, and the error that refuses it.
type Attempt = (&'static str, &'static str);

const OBJECT: &str = "permission denied for table object";
const OUTBOX: &str = "permission denied for table outbox";
const EVENT: &str = "permission denied for table event";
const DELIVERY: &str = "permission denied for table delivery";
const ATTEMPT: &str = "permission denied for table attempt";
const SECRET: &str = "permission denied for table endpoint_secret";
const ENDPOINT: &str = "permission denied for table endpoint";

/// Statements that no role may run, for any purpose.
const NOBODY: &[Attempt] = &[
    ("update calmony.object set data = '{}', version = version + 1", OBJECT),
    (
        "insert into calmony.object (account, id, version, data, deleted, created_at, updated_at) \
      values (1, 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, '{}', false, now(), now())",
        OBJECT,
    ),
    ("delete from calmony.object", OBJECT),
    ("truncate calmony.object", OBJECT),
    ("copy calmony.object (account) from stdin", OBJECT),
    ("insert into calmony.outbox (account, position, bucket) values (1, 1, 1)", OUTBOX),
    ("update calmony.outbox set bucket = 1", OUTBOX),
    ("truncate calmony.outbox", OUTBOX),
    ("update calmony.event set data = '{}'", EVENT),
    ("delete from calmony.event", EVENT),
    ("truncate calmony.event", EVENT),
    ("update calmony.attempt set status = 200", ATTEMPT),
    ("delete from calmony.attempt", ATTEMPT),
    ("truncate calmony.attempt", ATTEMPT),
    ("update calmony.endpoint set status = 'disabled'", ENDPOINT),
    ("delete from calmony.endpoint_secret", SECRET),
    ("update calmony.endpoint_secret set secret = 'whsec_x'", SECRET),
    ("alter table calmony.event disable trigger derive_from_event", "must be owner of table event"),
    ("drop trigger derive_from_event on calmony.event", "must be owner of relation event"),
    (
        "create or replace function calmony.derive_from_event() returns trigger language plpgsql \
         as 'begin return null; end'",
        "permission denied for schema calmony",
    ),
    (
        "set session_replication_role = replica",
        "permission denied to set parameter \"session_replication_role\"",
    ),
    ("set role calmony_owner", "permission denied to set role \"calmony_owner\""),
    ("alter table calmony.object rename to gone", "must be owner of table object"),
    ("drop table calmony.event", "must be owner of table event"),
    ("create table calmony.shadow ()", "permission denied for schema calmony"),
    ("update calmony.idempotency set answer = 'x'", "permission denied for table idempotency"),
    ("delete from calmony.idempotency", "permission denied for table idempotency"),
    ("truncate calmony.idempotency", "permission denied for table idempotency"),
    ("update calmony.api_key set revoked_at = null", "permission denied for table api_key"),
    ("insert into calmony.api_key (account) values (1)", "permission denied for table api_key"),
    ("delete from calmony.search_document", "permission denied for table search_document"),
    ("truncate calmony.search_progress", "permission denied for table search_progress"),
    ("truncate calmony.search_reached", "permission denied for table search_reached"),
];

const API: &[Attempt] = &[
    ("delete from calmony.outbox", OUTBOX),
    ("delete from calmony.delivery", DELIVERY),
    ("select secret from calmony.endpoint_secret", SECRET),
    (
        "insert into calmony.event (account, position, id, stream, version, type, data, created_at) \
      overriding system value \
      values (1, 1, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', \
              1, 'customer.created', '{}', now())",
        EVENT,
    ),
    // A second first event, a hole, and life after death.
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      select account, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', id, 1, 'customer.created', '{}', now() \
      from calmony.object \
       where id like 'cus%' and not deleted limit 1",
        "event_versions_are_unique_in_a_stream",
    ),
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      select account, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', id, version + 2, 'customer.updated', '{}', now() \
        from calmony.object where id like 'cus%' and not deleted limit 1",
        "event_version_follows_its_object",
    ),
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      values (1, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', \
              2, 'customer.updated', '{}', now())",
        "event_version_follows_its_object",
    ),
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      select account, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', id, version + 1, 'customer.updated', '{}', now() \
        from calmony.object where deleted limit 1",
        "event_version_follows_its_object",
    ),
    // An id that the log has, and texts that are no ids.
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      select account, id, 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, 'customer.created', '{}', now() \
      from calmony.event limit 1",
        "event_ids_are_unique",
    ),
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      values (1, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'usr_01J9ZW6QAPZK9N3FBJ0WB5K7TX', \
              1, 'user.created', '{}', now())",
        "object_id_is_a_known_prefix_and_a_ulid",
    ),
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      values (1, 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', \
              1, 'customer.created', '{}', now())",
        "event_id_is_evt_and_a_ulid",
    ),
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      values (1, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', \
              1, 'customer.created', '[]', now())",
        "event_data_is_an_object",
    ),
    // A signing secret that no event of this transaction brings.
    (
        "insert into calmony.endpoint_secret (account, endpoint, version, created_at, secret) \
      values (1, 'we_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, now(), 'whsec_x')",
        SECRET,
    ),
    (
        "insert into calmony.endpoint_secret (account, endpoint, version, created_at, key_id, sealed) \
      values (1, 'we_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, now(), 'k', 'x')",
        "endpoint_secret_needs_its_event",
    ),
];

const WORKER: &[Attempt] = &[
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      values (1, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', \
              1, 'customer.created', '{}', now())",
        EVENT,
    ),
    // Taking work away without owning its bucket.
    ("delete from calmony.outbox", "work_is_its_owners"),
    ("delete from calmony.outbox where account = 1", "work_is_its_owners"),
    ("with gone as (delete from calmony.outbox returning *) select * from gone", "work_is_its_owners"),
    ("delete from calmony.delivery", "work_is_its_owners"),
    ("update calmony.delivery set state = 'exhausted', due_at = null", "work_is_its_owners"),
    ("update calmony.delivery set bucket = 2", DELIVERY),
    ("update calmony.delivery set position = 3", DELIVERY),
    (
        "insert into calmony.delivery (account, position, endpoint, bucket, attempts, state) \
         values (1, 3, 'we_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, 1, 'exhausted')",
        "work_is_its_owners",
    ),
    (
        "select pg_advisory_lock_shared(1129270605, b) from generate_series(0, 63) b; \
         delete from calmony.outbox",
        "work_is_its_owners",
    ),
    (
        "alter table calmony.outbox disable trigger outbox_leaves_only_by_its_owner",
        "must be owner of table outbox",
    ),
    ("select hash from calmony.api_key", "permission denied for table api_key"),
];

const READER: &[Attempt] = &[
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      values (1, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', \
              1, 'customer.created', '{}', now())",
        EVENT,
    ),
    ("delete from calmony.outbox", OUTBOX),
    (
        "insert into calmony.delivery (account, position, endpoint, bucket, attempts, state) \
      values (1, 1, 'we_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, 1, 'exhausted')",
        DELIVERY,
    ),
    ("delete from calmony.delivery", DELIVERY),
    ("select secret from calmony.endpoint_secret", SECRET),
    (
        "insert into calmony.attempt (account, position, endpoint, number, started_at, duration_us) \
      values (1, 1, 'we_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 1, now(), 1)",
        ATTEMPT,
    ),
    ("select * from calmony.event for update", EVENT),
];

const BILLER: &[Attempt] = &[
    ("delete from calmony.outbox", OUTBOX),
    ("select * from calmony.outbox", OUTBOX),
    ("select * from calmony.delivery", DELIVERY),
    ("delete from calmony.delivery", DELIVERY),
    ("select * from calmony.attempt", ATTEMPT),
    ("select * from calmony.endpoint", ENDPOINT),
    ("select secret from calmony.endpoint_secret", SECRET),
    ("select * from calmony.api_key", "permission denied for table api_key"),
    ("select * from calmony.ended_session", "permission denied for table ended_session"),
    ("select * from calmony.search_document", "permission denied for table search_document"),
    ("select pg_try_advisory_lock(1129270605, 1)", "permission denied for function pg_try_advisory_lock"),
    (
        "insert into calmony.event (account, position, id, stream, version, type, data, created_at) \
      overriding system value \
      values (1, 1, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', 'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX', \
              1, 'customer.created', '{}', now())",
        EVENT,
    ),
    (
        "insert into calmony.event (account, id, stream, version, type, data, created_at) \
      select account, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', id, version + 2, 'customer.updated', '{}', now() \
        from calmony.object where id like 'cus%' and not deleted limit 1",
        "event_version_follows_its_object",
    ),
    ("insert into calmony.endpoint_secret (account) values (1)", SECRET),
    ("update calmony.adoption set database = '1/1'", "permission denied for table adoption"),
];

/// A system with a living customer, a deleted one, an endpoint, outbox rows, and a delivery that waits.
async fn populated() -> System {
    let system = System::start().await;
    system.client.endpoint("http://127.0.0.1:9999/", &["*"]).await;
    system.client.customer("alive").await;
    let dead = system.client.customer("dead").await;
    system.client.delete(&format!("/v1/customers/{dead}")).await.ok();
    let waiting = "select pg_advisory_lock(1129270605, 1); \
                   insert into calmony.delivery (account, position, endpoint, bucket, attempts, state) \
                   select account, 2, id, 1, 1, 'exhausted' from calmony.endpoint";
    system.database.admin().await.batch_execute(waiting).await.unwrap();
    system
}

/// All that must not change, as one text.
async fn fingerprint(system: &System) -> String {
    let sql = "select md5(string_agg(line, e'\\n' order by line)) from ( \
        select 'event ' || e::text line from calmony.event e \
        union all select 'object ' || o::text from calmony.object o \
        union all select 'outbox ' || o::text from calmony.outbox o union all select 'delivery ' || d::text \
        from calmony.delivery d union all select 'secret ' || s::text from calmony.endpoint_secret s) lines";
    system.database.admin().await.query_one(sql, &[]).await.unwrap().get(0)
}

async fn every_attempt_is_refused(role: &str, own: &[Attempt]) {
    let system = populated().await;
    let client: Client = system.database.login_in(role).await;
    let before = fingerprint(&system).await;
    let attempts: Vec<_> = NOBODY.iter().chain(own).collect();
    assert!(attempts.len() >= 12);
    for (sql, refusal) in attempts {
        let error = client.batch_execute(sql).await.expect_err(sql);
        let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error}"));
        let said = format!("{} {}", error.constraint().unwrap_or_default(), error.message());
        assert!(said.contains(refusal), "{role}: {sql}\n  expected: {refusal}\n  said: {said}");
    }
    assert_eq!(fingerprint(&system).await, before, "nothing has changed");
}

#[tokio::test]
async fn the_api_role_can_only_append() {
    every_attempt_is_refused("calmony_api", API).await;
}

#[tokio::test]
async fn the_worker_role_can_only_settle_what_it_owns() {
    every_attempt_is_refused("calmony_worker", WORKER).await;
}

#[tokio::test]
async fn the_biller_role_can_only_append_and_read_what_is_due() {
    every_attempt_is_refused("calmony_biller", BILLER).await;
}

#[tokio::test]
async fn the_reader_role_can_only_read() {
    every_attempt_is_refused("calmony_reader", READER).await;
}

/// The owner of the tables can't change history either, unless it takes the guard off visibly.
#[tokio::test]
async fn the_owner_cannot_change_history_by_accident() {
    let system = populated().await;
    let owner = system.database.login_in("calmony_owner").await;
    for sql in ["update calmony.event set data = '{}'", "delete from calmony.event", "truncate calmony.event"]
    {
        let error = owner.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.as_db_error().unwrap().constraint(), Some("event_is_append_only"), "{sql}");
    }
}

/// The statement that is refused with a wrong version under the API's role is accepted with the right one,
/// and its consequences follow. So the refusals above have the reasons that they name.
#[tokio::test]
async fn a_raw_append_has_all_its_consequences_in_its_own_transaction() {
    let system = populated().await;
    let api = system.database.login_in("calmony_api").await;
    let sql = "insert into calmony.event (account, id, stream, version, type, data, created_at) \
               select account, 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX', id, version + 1, 'customer.updated', \
                      '{\"raw\": 1}', now() \
                 from calmony.object where id like 'cus%' and not deleted limit 1";
    assert_eq!(api.execute(sql, &[]).await.unwrap(), 1);
    let same = "select e.xmin = o.xmin and e.xmin = x.xmin and o.data::text = e.data::text \
                       and o.version = e.version \
                  from calmony.event e join calmony.object o on o.account = e.account and o.id = e.stream \
                  join calmony.outbox x on x.account = e.account and x.position = e.position \
                 where e.id = 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX'";
    assert!(system.database.admin().await.query_one(same, &[]).await.unwrap().get::<_, bool>(0));
}

/// COPY is an INSERT: the trigger fires for it too.
#[tokio::test]
async fn a_copy_into_the_log_derives_like_an_insert() {
    use futures_util::SinkExt as _;
    let system = populated().await;
    let api = system.database.login_in("calmony_api").await;
    let copy = "copy calmony.event (account, id, stream, version, type, data, created_at) from stdin";
    let line = "1\tevt_01J9ZW6QAPZK9N3FBJ0WB5K7TX\tcus_01J9ZW6QAPZK9N3FBJ0WB5K7TX\t1\
                \tcustomer.created\t{}\t2026-01-01\n";
    let sink = api.copy_in::<_, std::io::Cursor<Vec<u8>>>(copy).await.unwrap();
    let mut sink = std::pin::pin!(sink);
    sink.send(std::io::Cursor::new(line.as_bytes().to_vec())).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 1);
    let derived = "select count(*) from calmony.outbox x join calmony.event e using (account, position) \
                   join calmony.object o on o.id = e.stream where e.id = 'evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX'";
    assert_eq!(system.database.number(derived).await, 1);
}
