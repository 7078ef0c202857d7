//! The history of attempts: its partitions are made ahead and dropped by retention.

use support::{Receiver, System, eventually};

const PARTITIONS: &str = "select count(*) from pg_inherits where inhparent = 'calmony.attempt'::regclass";

#[tokio::test]
async fn old_attempts_are_dropped_by_the_day_and_the_coming_days_are_made_ahead() {
    let system = System::start().await;
    let admin = system.database.admin().await;
    let old = "select calmony.make_attempt_partitions((now() at time zone 'utc')::date - 10, 10); \
               insert into calmony.attempt (account, position, endpoint, number, started_at, duration_us) \
               select 1, n, 'we_x', 1, now() - n * interval '1 day', 0 from generate_series(0, 9) n";
    admin.batch_execute(old).await.unwrap();
    // Partitions were not made for a while.
    let gap = "do $$ begin execute format('drop table calmony.attempt_%s', \
               to_char((now() at time zone 'utc')::date + 5, 'YYYYMMDD')); end $$";
    admin.batch_execute(gap).await.unwrap();
    let before = system.database.number(PARTITIONS).await;
    let _worker = system.worker_with(&[("CALMONY_ATTEMPT_RETENTION_DAYS", "3")]).await;
    eventually("old partitions go", async || {
        (system.database.number(PARTITIONS).await == before + 1 - 7).then_some(())
    })
    .await;
    let kept = "select count(*) from calmony.attempt where started_at > now() - interval '3 days 1 hour'";
    assert_eq!(system.database.number("select count(*) from calmony.attempt").await, 4);
    assert_eq!(system.database.number(kept).await, 4);
    let ahead = "select count(*) from pg_class \
                 where relname = 'attempt_' || to_char((now() at time zone 'utc')::date + 5, 'YYYYMMDD')";
    assert_eq!(system.database.number(ahead).await, 1);

    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    receiver.next().await;
    system.drained().await;
    let refused =
        admin.batch_execute("select calmony.drop_attempt_partitions((now() at time zone 'utc')::date)").await;
    let refused = refused.expect_err("attempts of today are not dropped");
    assert_eq!(refused.as_db_error().unwrap().constraint(), Some("attempts_are_kept_for_a_day"));
}
