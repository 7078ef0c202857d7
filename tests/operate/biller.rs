//! The biller, as the real program: it shares the work, survives faults, leaves live mode alone
//! where nobody adopted the database, and its lag is told by others, too.

use calmony_pay::database::DatabaseUrl;
use calmony_pay::log::accounts::create_key;
use calmony_pay::secret::KeyKind;
use serde_json::Value;
use support::biller::plant_due;
use support::client::http;
use support::database::own_database;
use support::system::kill;
use support::{Biller, Database, PATIENCE, System, eventually};

use super::metrics::{documented, names, scrape, value};
use crate::cli::{Said, run};

const LAG: &str = "calmony_biller_oldest_due_seconds{kind=\"cus\"}";
const NOT_MINE: &str = "calmony_biller_steps_total{kind=\"cus\",outcome=\"not_mine\"}";

/// Waits until that biller owns so many buckets.
async fn owns(biller: &Biller, buckets: f64) {
    let what = format!("a biller owns {buckets}");
    eventually(&what, async || {
        (biller.metric("calmony_biller_buckets").await == Some(buckets)).then_some(())
    })
    .await;
}

/// A database with one account of that mode, and the account's number.
async fn with_account(live: bool) -> (Database, i64) {
    let database = Database::fresh().await;
    let url: DatabaseUrl = database.url.parse().unwrap();
    let kind = KeyKind { livemode: live, ..KeyKind::default() };
    create_key(&url, "first", kind, None).await.unwrap();
    let account = database.number("select id from calmony.account").await;
    (database, account)
}

/// A finding of `calmony doctor`: its level and its text.
async fn found(database: &Database, about: &str) -> (String, String) {
    let environment = [("CALMONY_DATABASE_URL", database.url.as_str())];
    let Said { stdout, .. } = run("calmony", &["doctor", "--json"], &environment).await;
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["about"] == about);
    let text = |name: &str| finding.unwrap()[name].as_str().unwrap().to_owned();
    (text("level"), text("said"))
}

#[tokio::test]
async fn billers_share_the_buckets_and_take_over_from_one_that_is_killed() {
    let database = Database::fresh().await;
    let one = Biller::on(&database).await;
    owns(&one, 64.0).await;
    let other = Biller::on(&database).await;
    owns(&one, 32.0).await;
    owns(&other, 32.0).await;
    let held = "select count(*) from pg_locks where locktype = 'advisory' and classid = 1128417612 \
                and objid < 64 and granted \
                and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(database.number(held).await, 64, "each by one of them");
    kill(one.process.pid());
    owns(&other, 64.0).await;
}

#[tokio::test]
async fn a_biller_that_is_told_to_stop_ends_and_frees_its_buckets() {
    let database = Database::fresh().await;
    for signal in ["-TERM", "-INT"] {
        let mut biller = Biller::on(&database).await;
        owns(&biller, 64.0).await;
        let pid = biller.process.pid().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let how = tokio::time::timeout(PATIENCE, biller.process.ended()).await.expect("it ends");
        assert!(how.contains("exit status: 0"), "{how}");
    }
}

#[tokio::test]
async fn a_biller_comes_back_when_postgresql_does() {
    let (mut cluster, _folder, database) = own_database("billing").await;
    let biller = Biller::on(&database).await;
    owns(&biller, 64.0).await;
    kill(cluster.pid().unwrap());
    cluster.ended().await;
    eventually("it isn't ready", async || {
        let answer = http().get(format!("{}/readyz", biller.url)).send().await.unwrap();
        (answer.status() == 503).then_some(())
    })
    .await;
    owns(&biller, 0.0).await;
    cluster.start().await.unwrap();
    owns(&biller, 64.0).await;
    assert!(biller.metric("calmony_biller_sessions_lost_total").await.unwrap() >= 1.0);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_due_is_told_by_the_api_the_worker_and_the_biller() {
    let system = System::start().await;
    let account = system.database.number("select min(id) from calmony.account").await;
    let (worker, biller) = (system.worker().await, Biller::on(&system.database).await);
    for seconds in [100, 3_600, -3_600] {
        plant_due(&system.database, account, seconds).await;
    }
    for url in [&system.metrics_url, &worker.url, &biller.url] {
        let lag = eventually("the lag is told", async || {
            value(&scrape(url).await, LAG).filter(|seconds| *seconds > 0.0)
        })
        .await;
        assert!((3_599.0..4_000.0).contains(&lag), "{lag}");
        assert_eq!(value(&scrape(url).await, "calmony_biller_oldest_due_seconds{kind=\"pi\"}"), Some(0.0));
    }
    // No version knows a step for a customer; it is passed over and counted.
    eventually("it is counted", async || biller.metric(NOT_MINE).await.filter(|steps| *steps >= 1.0)).await;
    let (level, said) = found(&system.database, "due objects").await;
    assert!(level == "bad" && said.contains("cus_") && said.contains("1h"), "{said}");
}

#[tokio::test]
async fn live_mode_is_touched_in_the_database_that_was_adopted_only() {
    let (database, account) = with_account(true).await;
    let biller = Biller::on(&database).await;
    assert_eq!(found(&database, "adoption").await.0, "ok", "there is nothing to bill");
    plant_due(&database, account, 10).await;
    let held_back = async |wanted: f64| {
        eventually("live mode is held back, or isn't", async || {
            (biller.metric("calmony_biller_live_held_back").await == Some(wanted)).then_some(())
        })
        .await;
    };
    held_back(1.0).await;
    assert_eq!(biller.metric(NOT_MINE).await, None);
    let (level, said) = found(&database, "adoption").await;
    assert!(level == "warn" && said.contains("calmony biller adopt"), "{said}");

    let adopt = async || {
        let environment = [("CALMONY_DATABASE_URL", database.url.as_str())];
        let said = run("calmony", &["biller", "adopt"], &environment).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        said.stdout
    };
    assert!(adopt().await.contains("no copy"));
    assert!(adopt().await.contains("before"), "again");
    eventually("it is touched", async || biller.metric(NOT_MINE).await).await;
    held_back(0.0).await;
    assert_eq!(found(&database, "adoption").await.0, "ok");

    // As in a copy, which has the row of its original.
    database.admin().await.batch_execute("update calmony.adoption set database = '1/1'").await.unwrap();
    held_back(1.0).await;
    let (level, said) = found(&database, "adoption").await;
    assert!(level == "warn" && said.contains("1/1"), "{said}");
    assert!(adopt().await.contains("in the place of 1/1"));
}

#[tokio::test]
async fn test_mode_needs_no_adoption() {
    let (database, account) = with_account(false).await;
    plant_due(&database, account, 10).await;
    let biller = Biller::on(&database).await;
    eventually("it is touched", async || biller.metric(NOT_MINE).await).await;
    assert_eq!(biller.metric("calmony_biller_live_held_back").await, Some(0.0));
    assert_eq!(found(&database, "adoption").await.0, "ok");
}

#[tokio::test]
async fn whoever_is_no_biller_makes_no_billers_share_smaller_and_is_named() {
    let database = Database::fresh().await;
    // Workers may take advisory locks, these too.
    let stranger = database.login_in("calmony_worker").await;
    let locks = "select pg_advisory_lock_shared(1128417612, 1000); \
                 select pg_advisory_lock(1128417612, b) from generate_series(0, 3) b";
    stranger.batch_execute(locks).await.unwrap();
    let biller = Biller::on(&database).await;
    owns(&biller, 60.0).await;
    let (level, said) = found(&database, "locks").await;
    assert!(level == "bad" && said.contains("a lock of billers"), "{level}: {said}");
    database.admin().await.batch_execute(said.split('`').nth(1).unwrap()).await.unwrap();
    owns(&biller, 64.0).await;
}

#[tokio::test]
async fn the_table_of_metrics_is_what_the_biller_exports() {
    let biller = Biller::on(&Database::fresh().await).await;
    assert_eq!(names(&scrape(&biller.url).await), documented("biller"));
}
