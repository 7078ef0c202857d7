//! The rows that the sandbox keeps, and the roles that may touch them.

use reqwest::Method;
use serde_json::{Value, json};
use support::database::Folder;
use support::sandbox::authorize;
use support::{Database, Sandbox};
use tokio_postgres::error::SqlState;

/// Statements that nobody but the owner of the schema may run.
const REFUSED: &[&str] = &[
    "update sandbox.journal set amount = 1",
    "delete from sandbox.journal",
    "truncate sandbox.journal",
    "insert into sandbox.journal (seq, key, kind, outcome, amount) values (9, 'k', 'void', 'never', 0)",
    "insert into sandbox.journal (at, key, kind, outcome, amount) values (now(), 'k', 'void', 'never', 0)",
    "update sandbox.counter set seq = 0",
    "delete from sandbox.operation",
    "update sandbox.operation set request = null",
    "update sandbox.operation set reference = null",
    "delete from sandbox.method",
    "update sandbox.secret set bytes = ''",
    "drop table sandbox.journal",
    "alter table sandbox.journal disable trigger all",
    "create table sandbox.t ()",
    "select * from calmony.event",
    "select * from calmony.account",
    "set role calmony_owner",
];

#[tokio::test]
async fn the_journal_cannot_be_changed_by_whoever_writes_it() {
    let database = Database::fresh().await;
    let sandbox = database.login_in("calmony_sandbox").await;
    for sql in REFUSED {
        let Err(error) = sandbox.batch_execute(sql).await else { panic!("it may: {sql}") };
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error:?}");
    }
    let insert = "insert into sandbox.journal (key, kind, outcome, amount) values ('k', 'void', 'never', 0)";
    for sql in [insert, "begin", insert, "rollback", insert] {
        sandbox.batch_execute(sql).await.unwrap();
    }
    let rows = sandbox.query("select seq from sandbox.journal order by seq", &[]).await.unwrap();
    let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(numbers, [1, 2], "a rollback leaves no hole");
    // Not even the owner, which has the right, does it by mistake.
    let admin = database.admin().await;
    for sql in &REFUSED[..3] {
        let error = admin.batch_execute(sql).await.unwrap_err();
        assert_eq!(error.as_db_error().unwrap().constraint(), Some("journal_is_append_only"), "{sql}");
    }
}

#[tokio::test]
async fn no_other_role_sees_or_touches_what_the_sandbox_keeps() {
    let database = Database::fresh().await;
    for role in ["calmony_api", "calmony_reader", "calmony_worker"] {
        let client = database.login_in(role).await;
        for sql in ["select * from sandbox.journal", "select * from sandbox.method", REFUSED[0], REFUSED[1]] {
            let Err(error) = client.batch_execute(sql).await else { panic!("{role} may: {sql}") };
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{role}: {sql}");
        }
    }
}

/// Published numbers are taken, and neither they nor others are kept, answered or logged.
#[tokio::test]
async fn card_numbers_are_kept_nowhere() {
    let database = Database::fresh().await;
    let folder = Folder::new("sandbox-log");
    let log = folder.0.join("log");
    let mut sandbox = Sandbox::logging(&database, &log).await;
    let caller = sandbox.caller();
    let tokenized = async |number: &str, exp_month: i64, exp_year: i64, cvc: &str| {
        let card = json!({ "number": number, "exp_month": exp_month, "exp_year": exp_year, "cvc": cvc });
        caller.call(Method::POST, "/v1/methods", Some(&json!({ "card": card }))).await.unwrap()
    };
    let (status, made) = tokenized("4000 0027 6000 3184", 12, 2044, "987").await;
    assert_eq!(status, 200, "{made}");
    let card = &made["card"];
    assert_eq!(
        (&card["last4"], &card["brand"], &card["country"]),
        (&json!("3184"), &json!("visa"), &json!("DE"))
    );
    assert_eq!((&card["exp_year"], &card["cvc_check"]), (&json!(2044), &json!("unchecked")));
    let waits = caller.done(&authorize("pi_1.1", made["token"].as_str().unwrap(), 900, true)).await;
    assert_eq!(waits["outcome"], "action_required", "it does what its number stands for");
    let mut answers = vec![made.to_string()];
    for (number, month, year, cvc, code, param) in [
        ("4242424242424241", 12, 2044, "987", "incorrect_number", "number"),
        ("4111111111111111", 12, 2044, "987", "card_declined", "number"),
        ("4242424242424242", 13, 2044, "987", "invalid_expiry_month", "exp_month"),
        ("4242424242424242", 12, 2001, "987", "invalid_expiry_year", "exp_year"),
        ("4242424242424242", 12, 2044, "99", "invalid_cvc", "cvc"),
    ] {
        let (status, refused) = tokenized(number, month, year, cvc).await;
        let told =
            (status, &refused["error"]["code"], &refused["decline"]["code"], &refused["decline"]["param"]);
        assert_eq!(told, (402, &json!("card_error"), &json!(code), &json!(param)), "{number}");
        answers.push(refused.to_string());
    }
    for wrong in [
        json!({ "card": { "number": 4_111_111_111_111_111_i64 } }),
        json!({ "4111111111111111": 1 }),
        json!({ "source": "4111111111111111" }),
    ] {
        let (status, refused) = caller.call(Method::POST, "/v1/methods", Some(&wrong)).await.unwrap();
        assert!([400, 404].contains(&status), "{refused}");
        answers.push(refused.to_string());
    }
    let in_operation = caller.perform(&authorize("pi_2.1", "4111111111111111", 900, true)).await;
    answers.push(in_operation.1.to_string());
    let (_, page) = caller.get(&format!("/challenge/{}", "4111111111111111")).await;
    answers.push(page.to_string());
    sandbox.process.stop().await;
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.contains("is listening"), "this is its log: {logged}");
    let written = everything(&database).await + &answers.join("\n") + &logged;
    for number in ["4000002760003184", "4111111111111111", "424242424242424", "4000 0027", "987\""] {
        assert!(!written.contains(number), "{number}: {written}");
    }
    assert!(written.contains("authenticationRequired"), "{written}");
}

/// All rows of all tables of the sandbox.
async fn everything(database: &Database) -> String {
    let admin = database.admin().await;
    let tables =
        "select relname::text from pg_class where relnamespace = 'sandbox'::regnamespace and relkind = 'r'";
    let mut all = String::new();
    for table in admin.query(tables, &[]).await.unwrap() {
        let sql = format!("select t::text from sandbox.{} t", table.get::<_, &str>(0));
        for row in admin.query(&sql, &[]).await.unwrap() {
            all.push_str(row.get(0));
            all.push('\n');
        }
    }
    all
}

#[tokio::test]
async fn equal_numbers_have_equal_fingerprints_in_one_database_only() {
    let mut fingerprints = Vec::new();
    for _ in 0..2 {
        let database = Database::fresh().await;
        let mut sandbox = Sandbox::on(&database).await;
        let caller = sandbox.caller();
        let fingerprint = async |source: &str| -> Value {
            let made = caller.call(Method::POST, "/v1/methods", Some(&json!({ "source": source }))).await;
            made.unwrap().1["card"]["fingerprint"].clone()
        };
        let first = fingerprint("pm_card_visa").await;
        assert_eq!(first, fingerprint("tok_visa").await);
        assert_ne!(first, fingerprint("pm_card_amex").await);
        sandbox.process.stop().await;
        sandbox.process.restart().unwrap();
        let again = support::eventually("it is back", async || {
            let source = json!({ "source": "pm_card_visa" });
            caller.call(Method::POST, "/v1/methods", Some(&source)).await
        });
        assert_eq!(again.await.1["card"]["fingerprint"], first, "a restart makes no other");
        fingerprints.push(first);
    }
    assert_ne!(fingerprints[0], fingerprints[1]);
}
